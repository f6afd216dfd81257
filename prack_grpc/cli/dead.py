"""The command `prack dead`: requests that were kept, and of which no attempt succeeded."""

import argparse
import base64
import json
import os
import sys
import time
from collections.abc import Sequence
from urllib.parse import quote

from prack_grpc.cli.gateway import Gateway, Missing, Row, Trouble, understood, worker_port
from prack_grpc.cli.terminal import say, say_table
from prack_grpc.cli.trust import Trust, add_flags
from prack_grpc.settings.loading import load

ABOUT = """\
A request that was answered with 202 is tried until a worker has answered it. After the last attempt
it is a dead letter, and waits for you (docs/webhooks.md).

  prack dead                      list them, the newest first
  prack dead show ID              the request, and the last answer
  prack dead again ID ...         try them again, as if they had just come (or --all)
  prack dead drop ID ...          forget them (or --all)
"""
HEADINGS = ("ID", "AGE", "ATTEMPTS", "METHOD", "URL", "REASON")


def run(arguments: Sequence[str]) -> int:
    """Run the command. Returns 0, 1 when the gateway did not do it. Raises SettingsError."""
    parser = _parser()
    words = parser.parse_args(arguments)
    if words.action in ("again", "drop") and bool(words.id) is words.all:
        parser.error(f"{words.action}: expected the names of dead letters, or --all")
    if words.action == "show" and (len(words.id) != 1 or words.all):
        parser.error("show: expected the name of one dead letter")
    if words.action == "list" and (words.id or words.all):
        parser.error("list: expected no names, and no --all")
    given = {name: getattr(words, name) for name in ("api_host", "api_port", "token_file")}
    flags = {name: value for name, value in given.items() if value is not None}
    settings = load(flags, os.environ, listening=False)
    gateway = worker_port(settings, Trust(settings, vars(words), os.environ))
    try:
        with understood():
            return _done(gateway, words)
    except Missing as error:
        hint = "see `prack dead`" if words.id else "does the gateway have --async-store?"
        say(f"prack: {error} ({hint})", sys.stderr)
    except Trouble as error:
        say(f"prack: {error}", sys.stderr)
    return 1


def _done(gateway: Gateway, words: argparse.Namespace) -> int:
    if words.action == "show":
        _show(gateway.ask("GET", _path(words.id[0])))
    elif words.action == "list":
        answer = gateway.ask("GET", "dead")
        if words.json:
            print(json.dumps(answer, indent=2))
        else:
            _list(answer)
    else:
        return _each(gateway, words)
    return 0


def _each(gateway: Gateway, words: argparse.Namespace) -> int:
    method, done = {"again": ("POST", "sent again"), "drop": ("DELETE", "dropped")}[words.action]
    names, more = words.id, 0
    if words.all:
        answer = gateway.ask("GET", "dead")
        names = [row["id"] for row in answer["letters"]]
        more = answer["dead"] - len(names)  # a list has an end
    for name in names:
        gateway.ask(method, _path(name))
        say(f"{name}: {done}")
    if more > 0:
        say(f"prack: {more} more are there: run it again", sys.stderr)
    return 1 if more > 0 else 0


def _path(name: str) -> str:
    return f"dead/{quote(name, safe='')}"


def _list(answer: Row) -> None:
    say(f"waiting {answer['waiting']}, dead {answer['dead']}")
    now = time.time()
    lines = [
        [
            row["id"],
            f"{(now - row['created']) / 60:.0f} min",
            str(row["attempts"]),
            row["method"],
            row["url"],
            row["reason"],
        ]
        for row in answer["letters"]
    ]
    if lines:
        say_table(HEADINGS, lines)


def _show(letter: Row) -> None:
    say(f"{letter['method']} {letter['url']}")
    _show_message(letter)
    say("")
    say(f"{letter['attempts']} attempts, the last one: {letter['reason']}")
    if letter["answer"] is not None:
        say(letter["answer"]["status"])
        _show_message(letter["answer"])


def _show_message(message: Row) -> None:
    for name, value in message["headers"]:
        say(f"{name}: {value}")
    say("")
    for line in base64.b64decode(message["body"]).decode(errors="replace").splitlines():
        say(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prack dead",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "action", nargs="?", choices=("list", "show", "again", "drop"), default="list"
    )
    parser.add_argument("id", nargs="*", metavar="ID", help="as `prack dead` shows it")
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--api-host", metavar="HOST", help="where the gateway's worker API is")
    parser.add_argument("--api-port", metavar="PORT", help="its port (default 4242)")
    parser.add_argument(
        "--token-file", metavar="FILE", help="file with its token (or set PRACK_TOKEN)"
    )
    add_flags(parser)
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    return parser
