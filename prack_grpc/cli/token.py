"""The commands `prack token new`, `list` and `revoke`: entries of a credentials file."""

import argparse
import json
import os
import re
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from prack_grpc.cli.commands import COMMANDS
from prack_grpc.cli.terminal import say, say_table
from prack_grpc.private.credentials import ROLES, BadCredentials, Entry, Proof, digest, parse, read
from prack_grpc.private.jwt.issuers import Claims

VARIABLE = "PRACK_CREDENTIALS"
BLOCK = re.compile(r"^[ \t]*\[\[[ \t]*(token|issuer)[ \t]*\]\]", re.MULTILINE)
SPAN = re.compile(r"([1-9]\d{0,4})([hd])")
HOURS = {"h": 1, "d": 24}
ISSUERS = (
    "Tokens of an issuer (OpenID Connect) count as well: write its [[issuer]], and a [[token]] for "
    "those that it signs, into the file; docs/security.md says how."
)
HEADINGS = (
    "NAME", "ROLE", "EXPIRES", "SERVICES", "ROUTES", "TIERS", "SLOTS", "WEBSOCKETS", "KNOWN BY",
)  # fmt: skip


class Trouble(Exception):
    """The file cannot be changed like this; the message says why."""


def run(arguments: Sequence[str]) -> int:
    """Run one of the commands. Returns 0, or 1 if it could not be done."""
    words = _parser().parse_args(arguments)
    try:
        ACTIONS[words.command](words)
    except OSError as error:
        say(f"prack: {words.file}: {error.strerror}", sys.stderr)
        return 1
    except UnicodeDecodeError:
        say(f"prack: {words.file}: expected TOML in UTF-8", sys.stderr)
        return 1
    except (BadCredentials, Trouble) as error:
        say(f"prack: {error}", sys.stderr)
        return 1
    return 0


def _new(words: argparse.Namespace) -> None:
    secret = f"prack_{words.role[0]}_{secrets.token_urlsafe(32)}"
    hashed = f"sha256:{digest(secret.encode()).hex()}"
    members = {
        "name": words.name,
        "role": words.role,
        "hash": None if words.certificate else hashed,
        "certificate": words.certificate,
        "services": words.service,
        "routes": words.route,
        "tiers": words.tier,
        "slots": words.slots,
        "websocket_slots": words.websocket_slots,
    }
    lines = [
        f"{name} = {json.dumps(value)}" for name, value in members.items() if value is not None
    ]
    if words.expires:
        lines.append(f"expires = {_moment(words.expires)}")
    before = words.file.read_text(encoding="utf-8") if words.file.exists() else ""
    text = f"{before.rstrip()}\n\n" if before.strip() else ""
    _write(words.file, text + "\n".join(["[[token]]", *lines]) + "\n")
    if words.certificate:
        say(f"added {words.name} to {words.file}; it has no secret", sys.stderr)
    else:
        say(f"added {words.name} to {words.file}; its secret, which is shown only now:", sys.stderr)
        print(secret)


def _list(words: argparse.Namespace) -> None:
    say_table(HEADINGS, [[cell or "-" for cell in _cells(entry)] for entry in read(words.file)])


def _cells(entry: Entry) -> list[str]:
    scope, expires = entry.scope, "never"
    if entry.expires < float("inf"):
        expires = datetime.fromtimestamp(entry.expires, UTC).isoformat(" ", "minutes")
        expires += " (expired)" if entry.expires <= time.time() else ""
    return [
        entry.name,
        entry.role,
        expires,
        ", ".join(sorted(scope.services)),
        ", ".join(map(str, scope.routes)),
        ", ".join(map(str, sorted(scope.tiers))),
        str(scope.slots or ""),
        str(scope.websocket_slots or ""),
        _proof(entry.proof),
    ]


def _proof(proof: Proof) -> str:
    if isinstance(proof, Claims):
        patterns = (f"{'.'.join(way)}={pattern}" for way, pattern in proof.patterns)
        return f"{proof.issuer.name} {', '.join(patterns)}"
    return "secret" if isinstance(proof, bytes) else proof


def _revoke(words: argparse.Namespace) -> None:
    before = read(words.file)
    after = [entry for entry in before if entry.name != words.name]
    if len(after) == len(before):
        known = ", ".join(entry.name for entry in before) or "none"
        raise Trouble(f"{words.file} has no token {words.name}; it has {known}")
    text = words.file.read_text(encoding="utf-8")
    blocks = [(match.start(), match[1] == "token") for match in BLOCK.finditer(text)]
    starts = [start for start, is_token in blocks if is_token]
    number = next(i for i, entry in enumerate(before) if entry.name == words.name)
    if len(starts) == len(before):
        end = min((start for start, _ in blocks if start > starts[number]), default=len(text))
        text = text[: starts[number]] + text[end:]
    if _parsed(words.file, text) != after:
        raise Trouble(f"{words.file} is written in an unusual way: remove {words.name} by hand")
    _write(words.file, text)
    say(f"revoked {words.name}", sys.stderr)


def _moment(text: str) -> str:
    """A moment in TOML, of a span from now or a date. Raises Trouble if it is neither, or over."""
    now = time.time()
    if match := SPAN.fullmatch(text):
        then = datetime.fromtimestamp(now + int(match[1]) * HOURS[match[2]] * 3600, UTC)
    else:
        try:
            then = datetime.fromisoformat(text)
        except ValueError:
            raise Trouble(f"--expires {text}: expected 90d, 12h, or a date: 2027-03-01") from None
    then = then.astimezone(UTC) if then.tzinfo else then.replace(tzinfo=UTC)
    if then.timestamp() <= now:
        raise Trouble(f"--expires {text}: expected a moment to come")
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def _parsed(path: Path, text: str) -> list[Entry]:
    try:
        return parse(text)
    except ValueError as error:
        raise Trouble(f"{path} is not changed: {error}") from None


def _write(path: Path, text: str) -> None:
    """Replace the file as a whole. A new one is for its user only, others stay as open as they are.

    Raises OSError, or Trouble if the text makes no credentials.
    """
    _parsed(path, text)
    path = path.resolve()
    number, part = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:  # 0600
            if path.exists():
                about = path.stat()
                os.fchown(number, about.st_uid, about.st_gid)
                os.fchmod(number, stat.S_IMODE(about.st_mode))
            file.write(text)
            file.flush()
            os.fsync(number)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise


ACTIONS = {"new": _new, "list": _list, "revoke": _revoke}


def _parser() -> argparse.ArgumentParser:
    about = COMMANDS["token"]
    parser = argparse.ArgumentParser(prog="prack token", description=about, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    new = commands.add_parser("new", help="add a token, and print its secret once", epilog=ISSUERS)
    new.add_argument("--name", required=True, help="under which logs and `prack workers` know it")
    new.add_argument("--role", required=True, choices=ROLES, help="what it is for")
    new.add_argument(
        "--certificate",
        metavar="NAME",
        help="known by this name in its certificate, not by a secret",
    )
    new.add_argument("--service", action="append", help="of a worker; may be repeated (all)")
    new.add_argument("--route", action="append", help="of a worker; may be repeated (all)")
    new.add_argument(
        "--tier", action="append", type=int, metavar="N", help="of a worker; may be repeated (all)"
    )
    new.add_argument(
        "--slots", type=int, metavar="N", help="most of one worker, for requests (any)"
    )
    help_ = "most of one worker, for WebSockets; most workers want 1000 (any)"
    new.add_argument("--websocket-slots", type=int, metavar="N", help=help_)
    new.add_argument(
        "--expires", metavar="WHEN", help="90d, 12h, or a date such as 2027-03-01 (never)"
    )
    shown = commands.add_parser("list", help="list the tokens, without their secrets")
    revoke = commands.add_parser("revoke", help="remove a token; the gateway ends its sessions")
    revoke.add_argument("name", metavar="NAME", help="as `prack token list` shows it")
    file = os.environ.get(VARIABLE)
    for command in (new, shown, revoke):
        command.add_argument(
            "--file",
            type=Path,
            default=file and Path(file),
            required=not file,
            help=f"the credentials file (or set {VARIABLE})",
        )
    return parser
