"""What a worker asks for when it polls, checked; from a query or from an exchange's body."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from prack_grpc.core.errors import BadRoute
from prack_grpc.core.routes import Route
from prack_grpc.rest.errors import BAD_PARAMETER, ApiError

MAX_WAIT = 60.0
MAX_BATCH = 100
NAME = re.compile(r"[!-~]{1,128}")
LABEL = re.compile(r"[!-~]{0,128}")


@dataclass(frozen=True, slots=True)
class Ask:
    """`wait` is in seconds; `most` requests are wanted at a time, 0 for the original's one."""

    worker: str = "rest"
    service: str = ""
    version: str = ""
    wait: float = 5.0
    most: int = 0
    routes: tuple[Route, ...] = (Route(),)


PLAIN = Ask()


def from_query(query: bytes) -> Ask:
    """The poll that a query string asks for. Raises ApiError; unknown names are ignored."""
    if not query:
        return PLAIN
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise ApiError(BAD_PARAMETER, "more than 100 parameters") from None
    members: dict[str, Any] = dict(pairs)
    members["routes"] = [value for name, value in pairs if name == "route"]
    return from_members(members, 0)


def named(query: bytes) -> str:
    """The worker that a query string names, empty if it names none."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), max_num_fields=100)
    except ValueError:
        return ""
    return dict(pairs).get("worker", "")


def from_members(members: dict[str, Any], most: int) -> Ask:
    """The poll that these members ask for, `most` being the default. Raises ApiError."""
    return Ask(
        _text(members, "worker", "rest", NAME, "1 to 128 visible ASCII characters"),
        _text(members, "service", "", LABEL, "at most 128 visible ASCII characters"),
        _text(members, "version", "", LABEL, "at most 128 visible ASCII characters"),
        _wait(members.get("wait", PLAIN.wait)),
        _most(members["max"]) if "max" in members else most,
        _routes(members.get("routes", [])),
    )


def _text(
    members: dict[str, Any], name: str, default: str, rule: re.Pattern[str], expected: str
) -> str:
    value = members.get(name, default)
    if not isinstance(value, str) or not rule.fullmatch(value):
        raise ApiError(BAD_PARAMETER, f"{name}: expected {expected}", name)
    return value


def _wait(value: Any) -> float:
    try:
        seconds = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = -1.0
    if not 0 <= seconds <= MAX_WAIT:
        raise ApiError(BAD_PARAMETER, f"wait out of range 0..{MAX_WAIT:.0f}", "wait")
    return seconds


def _most(value: Any) -> int:
    text = str(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= number <= MAX_BATCH:
        raise ApiError(BAD_PARAMETER, f"max out of range 1..{MAX_BATCH}", "max")
    return number


def _routes(values: Any) -> tuple[Route, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ApiError(BAD_PARAMETER, "routes: expected a list of strings", "routes")
    try:
        return tuple(dict.fromkeys(map(Route.parse, values))) or PLAIN.routes
    except BadRoute as error:
        raise ApiError(BAD_PARAMETER, str(error), "routes") from None
