"""What one conversation looked like, as named texts that can be compared one by one."""

import gzip
import hashlib
import json
import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import brotlicffi

from tests.differential.wire import Message, Talk

# What each server writes for itself, wherever it likes.
OWN = ("date", "server", "connection", "keep-alive", "transfer-encoding")
DECODERS = {"gzip": gzip.decompress, "deflate": zlib.decompress, "br": brotlicffi.decompress}
# An answer that Prack has made itself.
REFUSAL = re.compile(r"'prack; error=\w+; details=(\w+)'")
FRESH_SECONDS = 10
SHOWN_BYTES = 120
CERTAIN_BYTES = 2**20
ABSENT = "-"


@dataclass(frozen=True)
class Deviation:
    """Prack's answer differs from the direct one in this field."""

    field: str
    direct: str
    prack: str

    def __str__(self) -> str:
        return f"{self.field}: {self.direct} became {self.prack}"


@dataclass
class Facts:
    """The facts of one message, and the lists whose order counts beside their members."""

    single: dict[str, str]
    order: dict[str, list[str]]
    raw: bytes = b""


def facts(talk: Talk, varies: bytes) -> list[Facts]:
    """The facts of each message; `varies` is a pattern of what differs from call to call."""
    found = [_facts(message, talk.port, varies) for message in talk.messages]
    last = Facts({"messages": str(len(found)), "connection": talk.end}, {})
    return [*found, last]


def deviations(direct: list[Facts], prack: list[Facts]) -> Iterator[Deviation]:
    """Everything that is not the same."""
    for one, other in zip(direct[:-1], prack[:-1], strict=False):
        yield from _compared(one, other)
    yield from _compared(direct[-1], prack[-1])


def _compared(direct: Facts, prack: Facts) -> Iterator[Deviation]:
    different = set()
    keys = [*(direct.single | prack.single)]
    refusal = REFUSAL.fullmatch(prack.single.get("header proxy-status", ""))
    other_answer = refusal or direct.single.get("status") != prack.single.get("status")
    if other_answer:
        # Nothing of it is alike; what servers write is to be right all the same.
        code = f" {refusal[1]}" if refusal else ""
        yield Deviation("answer", direct.single["status"], prack.single["status"] + code)
        keys = ["header connection", "header date"]
    for key in keys:
        one, other = direct.single.get(key, ABSENT), prack.single.get(key, ABSENT)
        if one != other:
            different.add(key)
            yield Deviation(key, one, other)
    if other_answer:
        return
    for key in direct.order | prack.order:
        lists = direct.order.get(key, []), prack.order.get(key, [])
        one, other = (" ".join(n for n in names if n not in different) for names in lists)
        if one != other:
            yield Deviation(key, one, other)
    if not any(key.startswith("json ") for key in different) and direct.raw != prack.raw:
        yield Deviation("json", repr(direct.raw), repr(prack.raw))


def _facts(message: Message, port: int, varies: bytes) -> Facts:
    body = re.sub(varies, b"<varies>", message.body) if varies else message.body
    single = {
        "status": str(message.status),
        "reason": repr(message.reason),
        "version": message.version,
        "interim": str(message.interim),
        "trailers": str(message.trailers),
        "framing": "cut" if message.cut else message.framing,
    }
    fields = [
        (name, _value(name, value, message, varies.decode("latin-1")))
        for name, value in message.headers
    ]
    _add_fields(single, "header ", fields)
    names = [name for name, _ in fields]
    own = [name if name in OWN else "..." for name in names]
    order = {
        "order": [f"header {name}" for name in names if name not in OWN],
        "own order": [n for i, n in enumerate(own) if n != "..." or own[i - 1 : i] != ["..."]],
    }
    body, value = _json(body, fields)
    if value is None:
        # How much comes before a cut is a matter of chance.
        single["body"] = shown(body[:CERTAIN_BYTES] if message.cut else body)
        return Facts(single, order)
    _flatten(single, order, "json", value, port)
    raw = re.sub(rb'(?<=[ "])%d\b' % port, b"<port>", body)
    return Facts(single, order, raw)


def _value(name: str, value: str, message: Message, varies: str) -> str:
    """A field as it is compared: without what must differ, or is compared elsewhere."""
    if name == "date" and _fresh(value):
        return "<now>"
    if name == "content-length" and message.framing == "length" and not message.cut:
        return "<of the body>"  # which has this length, and is compared
    return re.sub(varies, "<varies>", value) if varies else value


def _fresh(value: str) -> bool:
    return abs(parsedate_to_datetime(value).timestamp() - time.time()) < FRESH_SECONDS


def _add_fields(single: dict[str, str], prefix: str, fields: list[tuple[str, str]]) -> None:
    for name, value in fields:
        key = prefix + name
        single[key] = f"{single[key]} | {value!r}" if key in single else repr(value)


def _json(body: bytes, fields: list[tuple[str, str]]) -> tuple[bytes, Any]:
    """The body without its coding, and the JSON in it: a value, or a list of one for each line."""
    known = dict(fields)
    if not body or known.get("content-type") != "application/json":
        return body, None
    plain = DECODERS.get(known.get("content-encoding", ""), bytes)(body)
    try:
        return plain, json.loads(plain)
    except ValueError:
        return plain, [json.loads(line) for line in plain.splitlines()]


def _flatten(
    single: dict[str, str], order: dict[str, list[str]], prefix: str, value: Any, port: int
) -> None:
    """The leaves of a JSON value; `headers` may be a list of pairs."""
    if isinstance(value, dict):
        for key, item in value.items():
            _flatten(single, order, f"{prefix} {key}", item, port)
    elif isinstance(value, list) and prefix.endswith(" headers"):
        _add_fields(single, f"{prefix} ", [(name, text) for name, text in value])
        order[f"{prefix} order"] = [f"{prefix} {name}" for name, _ in value]
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            _flatten(single, order, f"{prefix} {number}", item, port)
    elif isinstance(value, list):
        single[prefix] = str(["<port>" if item == port else item for item in value])
    else:
        single[prefix] = "<port>" if str(value) == str(port) else repr(value)


def shown(body: bytes) -> str:
    """A short body as it is, a long one as its length and digest."""
    if len(body) <= SHOWN_BYTES:
        return repr(body)
    return f"{len(body)} bytes, sha256 {hashlib.sha256(body).hexdigest()}"
