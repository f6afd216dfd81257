"""What a poll may ask for (docs/rest.md, Pull)."""

import json
import re
from typing import Any

from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.rest.connection import Call

NAME = re.compile(r"[!-~]{1,128}")
NUMBERS = {"wait": (0.0, 60.0), "max": (1, 100), "tier": (0, 9), "lease": (1, 3600)}
NAMES = ("worker", "service", "version")
WORDS = {"websockets": ("events",), "body": ("separate",)}


class Ask:
    """One poll: how many requests it takes, None for a poll without `max`."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.most: int | None = int(values["max"]) if "max" in values else None
        self.wait = float(values.get("wait", 5))
        self.worker = str(values.get("worker", "rest"))
        self.lease = "lease" in values
        self.events = "websockets" in values
        self.separate = "body" in values


def of_query(call: Call) -> Ask:
    """Raises Broken."""
    routes = call.query.pop("route", [])
    if repeated := [name for name, values in call.query.items() if len(values) > 1]:
        raise Broken("Pull", f"{repeated[0]} more than once, in {call}")
    if len(routes) > 64:
        raise Broken("Pull", f"{len(routes)} routes; the limit is 64")
    return _checked({name: values[0] for name, values in call.query.items()}, str(call))


def of_json(values: dict[str, Any]) -> Ask:
    """Of an exchange, without its answers. Raises Broken."""
    known = {name: value for name, value in values.items() if name not in ("responses", "routes")}
    if known.get("max") == 0:  # it only answers
        return Ask(known)
    return _checked({"max": 1, **known}, "POST /api/v1/exchange")


def _checked(values: dict[str, Any], where: str) -> Ask:
    for name, value in values.items():
        if name in NUMBERS:
            low, high = NUMBERS[name]
            if not low <= _number(value) <= high:
                raise Broken("Pull", f"{name}={value} in {where}; expected {low:g} to {high:g}")
        elif name in NAMES:
            if not NAME.fullmatch(str(value)) and (name == "worker" or value):
                raise Broken("Pull", f"{name}={value!r}; expected 1 to 128 visible ASCII")
        elif value not in WORDS.get(name, ()):
            raise Broken("Pull", f"the parameter {name}={value!r} in {where}")
    return Ask(values)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return -1


def strict(content: bytes, where: str) -> Any:
    """A JSON document. Raises Broken."""
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, UnicodeDecodeError) as error:
        raise Broken("Push", f"no strict JSON in {where}: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name occurs twice in an object")
    return made


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
