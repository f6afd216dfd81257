"""The commands that inspect and control a running gateway (docs/deploying.md)."""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from prack_grpc.cli.commands import OPERATING
from prack_grpc.cli.gateway import Gateway, Row, Trouble, understood, worker_port
from prack_grpc.cli.terminal import say, say_table
from prack_grpc.cli.trust import Trust, add_flags
from prack_grpc.settings.loading import load

LOOKS = ("workers", "routes", "queue", "gateways", "versions")
WEIGHT = re.compile(r"([!-<>-~]*)=(\d{1,7})")
LOOK_AGAIN_SECONDS = 0.5
# Of a gateway among others `prack gateways` tells these.
LENT = ("guests", "borrowed")


class Misuse(Exception):
    """The command line is wrong; the message says what was expected."""


def run(command: str, arguments: Sequence[str]) -> int:
    """Run one of OPERATING. Returns 0, 1 when the gateway did not do it, 2 for bad usage.

    Raises SettingsError.
    """
    parser = _parser(command)
    words = parser.parse_args(arguments)
    given = {name: getattr(words, name) for name in ("api_host", "api_port", "token_file")}
    flags = {name: value for name, value in given.items() if value is not None}
    settings = load(flags, os.environ, listening=False)
    trust = Trust(settings, vars(words), os.environ)
    try:
        with understood():
            return ACTIONS[words.command](worker_port(settings, trust), words)
    except Misuse as error:
        parser.error(str(error))
    except Trouble as error:
        say(f"prack: {error}", sys.stderr)
        return 1


# ---------------------------------------------------------------- commands


def _look(gateway: Gateway, words: argparse.Namespace) -> int:
    answer = gateway.ask("GET", words.command)
    _warn(answer)
    if words.json:
        for line in json.dumps(answer, indent=2).splitlines():
            say(line)
    elif words.command == "queue":
        _print_queue(answer)
    else:
        _print_table([_told(row) for row in answer[words.command]])
    return 0


def _traffic(gateway: Gateway, words: argparse.Namespace) -> int:
    if words.service is None:
        rows = gateway.ask("GET", "traffic")["traffic"]
        for row in rows:
            _print_division(row)
        if not rows:
            say("no service is split: any free worker gets the next request")
        return 0
    if bool(words.weight) is words.off:
        raise Misuse("expected weights, such as v2=10 v1=90, or --off")
    weights: dict[str, int] = {}
    for text in words.weight:
        match = WEIGHT.fullmatch(text)
        if not match or match[1] in weights:
            raise Misuse(f"{text!r}: expected VERSION=WEIGHT, each version once, such as v2=10")
        weights[match[1]] = int(match[2])
    message = {"service": words.service, "weights": weights, "sticky": words.sticky}
    answer = gateway.ask("PUT", "traffic", message)
    _print_division(answer)
    return 1 if _warn(answer) else 0


def _drain(gateway: Gateway, words: argparse.Namespace) -> int:
    who = _who(words)
    answer = gateway.ask("POST", words.command, who)
    name = " ".join(who.values())
    if words.command == "resume":
        say(f"{name}: takes new requests again")
        return 1 if _warn(answer) else 0
    if not answer["workers"]:
        say(f"{name}: no such worker is connected; it will get no requests when it connects")
        return 1 if _warn(answer) else 0
    until = time.monotonic() + words.wait
    while not _is_drained(answer) and time.monotonic() < until:
        say(f"{name}: holds {answer['held']}", sys.stderr)
        time.sleep(LOOK_AGAIN_SECONDS)
        answer = gateway.ask("POST", "drain", who)
    if _is_drained(answer):
        say(f"{name}: drained, safe to stop")
        return 0
    say(f"{name}: draining, holds {answer['held']}")
    return 1 if _warn(answer) or words.wait else 0


def _is_drained(answer: Row) -> bool:
    """What a gateway holds that does not answer, nobody knows."""
    return not answer["held"] and not answer.get("unanswered")


def _warn(answer: Row) -> bool:
    """Say which gateways did not answer; whether there are any."""
    silent = answer.get("unanswered", ())
    for name in silent:
        say(f"gateway {name} did not answer: it is missing here; try again", sys.stderr)
    return bool(silent)


def _who(words: argparse.Namespace) -> dict[str, str]:
    if len(words.who) == 1:
        return {"worker": words.who[0]}
    if len(words.who) == 2:
        return dict(zip(("service", "version"), words.who, strict=True))
    raise Misuse("expected WORKER, or SERVICE VERSION, as `prack workers` shows them")


ACTIONS: dict[str, Callable[[Gateway, argparse.Namespace], int]] = {
    **dict.fromkeys(LOOKS, _look),
    "traffic": _traffic,
    "drain": _drain,
    "resume": _drain,
}


# ---------------------------------------------------------------- words


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"prack {command}", description=OPERATING[command], allow_abbrev=False
    )
    parser.set_defaults(command=command)
    parser.add_argument("--api-host", metavar="HOST", help="where the gateway's worker API is")
    parser.add_argument("--api-port", metavar="PORT", help="its port (default 4242)")
    parser.add_argument(
        "--token-file", metavar="FILE", help="file with its token (or set PRACK_TOKEN)"
    )
    add_flags(parser)
    if command in LOOKS:
        parser.add_argument("--json", action="store_true", help="print the JSON of the API")
    elif command == "traffic":
        parser.add_argument("service", nargs="?", help="the name given to workers with --service")
        parser.add_argument("weight", nargs="*", metavar="VERSION=WEIGHT", help="its weight")
        parser.add_argument("--sticky", metavar="BY", help="cookie:NAME or header:NAME")
        parser.add_argument("--off", action="store_true", help="end the split")
    else:
        parser.add_argument("who", nargs="+", metavar="NAME", help="WORKER, or SERVICE VERSION")
    if command == "drain":
        parser.add_argument(
            "--wait", type=float, default=0, metavar="SECONDS", help="wait until it is drained"
        )
    return parser


# ---------------------------------------------------------------- what people see


def _told(row: Row) -> dict[str, Any]:
    """A row for people."""
    hidden = LENT if "guests" in row else ()
    told = {name: value for name, value in row.items() if name not in hidden}
    for name in ("seconds", "oldest"):
        if name in row:
            told[name] = f"{row[name]:.1f}"
    if "rate" in row:
        told["rate"] = "-" if row["rate"] is None else f"{row['rate']:.1f}"
    for name in ("routes", "gateways"):
        if name in row:
            told[name] = ", ".join(row[name])
    if row.get("round_trip") is not None:
        told["round_trip"] = f"{row['round_trip'] * 1000:.1f} ms"
    if row.get("state") == "drained":
        told["state"] = "drained, safe to stop"
    return told


def _print_table(rows: Sequence[Row]) -> None:
    if not rows:
        say("none")
        return
    lines = [["-" if value in (None, "") else str(value) for value in row.values()] for row in rows]
    say_table([name.upper() for name in rows[0]], lines)


def _print_queue(queue: Row) -> None:
    done, size = queue["done"], queue["waiting_bytes"]
    say(f"waiting    {queue['waiting']} ({size} bytes), the oldest for {queue['oldest']:.1f} s")
    say(f"answering  {queue['open_leases']}")
    say(f"accepted   {queue['accepted']} since the start; of these")
    for outcome, count in done.items():
        say(f"  {outcome.replace('_', ' '):<15} {count}")


def _print_division(row: Row) -> None:
    total = sum(row["weights"].values())
    parts = [
        f"{version or '(none)'} {100 * weight / total:.3g} %"
        for version, weight in row["weights"].items()
    ]
    sticky = f", by {row['sticky']}" if row.get("sticky") else ""
    say(f"{row['service']}: {', '.join(parts) or 'not split'}{sticky}")
