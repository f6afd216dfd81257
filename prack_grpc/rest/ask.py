"""The parameters of a poll, from a query string or the body of an exchange, validated."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from prack_grpc.core.errors import BadRoute
from prack_grpc.core.http.message import Kind
from prack_grpc.core.limits import MAX_TIER
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.worker import LABEL, LABEL_EXPECTED, NAME, NAME_EXPECTED, Profile
from prack_grpc.private.errors import BAD_PARAMETER, ApiError

MAX_WAIT = 60.0
MAX_BATCH = 100
MAX_LEASE = 3600
WAIT, ROUTES = 5.0, (Route(),)


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """`wait` is in seconds; `most` requests are wanted at a time, 0 for the original's one.

    `lease` is how many seconds the worker may be silent about a request, 0 for the gateway's time.
    """

    worker: str = "rest"
    service: str = ""
    version: str = ""
    wait: float = WAIT
    most: int = 0
    routes: tuple[Route, ...] = ROUTES
    tier: int = 0
    lease: float = 0.0
    websockets: bool = False


# A worker asks the same each time, and what is made of that is kept: two that are the same are one.
_ask = lru_cache(maxsize=256)(Ask)


@lru_cache(maxsize=256)
def profile(ask: Ask, slots: int, collects: bool, address: str) -> Profile:
    """Who asks for this; with `websockets` they take handshakes, and batches of events."""
    return Profile(
        ask.worker,
        slots,
        False,
        ask.routes,
        ask.service,
        ask.version,
        tuple(Kind) if ask.websockets else (Kind.HTTP,),
        ask.tier,
        ask.lease,
        collects=collects,
        transport="rest",
        address=address,
    )


@lru_cache(maxsize=256)
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


def from_members(members: dict[str, Any], most: int, least: int = 1) -> Ask:
    """The poll that these members ask for.

    It is for `most` requests unless they say otherwise, and not for less than `least`. Raises
    ApiError.
    """
    return _ask(
        _text(members, "worker", "rest", NAME, NAME_EXPECTED),
        _text(members, "service", "", LABEL, LABEL_EXPECTED),
        _text(members, "version", "", LABEL, LABEL_EXPECTED),
        _wait(members.get("wait", WAIT)),
        _count(members["max"], "max", least, MAX_BATCH) if "max" in members else most,
        _routes(members.get("routes", [])),
        _count(members["tier"], "tier", 0, MAX_TIER) if "tier" in members else 0,
        _count(members["lease"], "lease", 1, MAX_LEASE) if "lease" in members else 0,
        _websockets(members),
    )


def _text(
    members: dict[str, Any], name: str, default: str, rule: re.Pattern[str], expected: str
) -> str:
    value = members.get(name, default)
    if not isinstance(value, str) or not rule.fullmatch(value):
        raise ApiError(BAD_PARAMETER, f"{name}: {expected}", name)
    return value


def _wait(value: Any) -> float:
    try:
        seconds = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = -1.0
    if not 0 <= seconds <= MAX_WAIT:
        raise ApiError(BAD_PARAMETER, f"wait out of range 0..{MAX_WAIT:.0f}", "wait")
    return seconds


def _count(value: Any, name: str, least: int, most: int) -> int:
    text = str(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else -1
    if not least <= number <= most:
        raise ApiError(BAD_PARAMETER, f"{name} out of range {least}..{most}", name)
    return number


def _websockets(members: dict[str, Any]) -> bool:
    if members.get("websockets", "events") != "events":
        raise ApiError(BAD_PARAMETER, "websockets: the only value is events", "websockets")
    return "websockets" in members


def _routes(values: Any) -> tuple[Route, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ApiError(BAD_PARAMETER, "routes: expected a list of strings", "routes")
    try:
        return tuple(dict.fromkeys(map(Route.parse, values))) or ROUTES
    except BadRoute as error:
        raise ApiError(BAD_PARAMETER, str(error), "routes") from None


PLAIN = from_members({}, 0)
