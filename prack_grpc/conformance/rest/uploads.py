"""Answers without JSON, and in chunks (docs/rest.md, Without JSON)."""

import re
from collections.abc import Callable

from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.rest.asking import strict
from prack_grpc.conformance.rest.connection import THANKS, Call, Left, Reply
from prack_grpc.conformance.rest.hand_out import Fields, HandOut, code, decoded, fields

PREFIX = b"prack-header-"
MAX_HEAD = 64 * 1024
END = re.compile(rb"\r?\n\r?\n")
RULE = "Without JSON"


async def take_upload(hand_out: HandOut, call: Call, notice: Callable[[], None]) -> Reply:
    """An answer whose body is the upload; `notice` is called with each piece. Raises Broken."""
    hand_out.how = "raw"
    message = call.field(b"content-type").partition(";")[0].strip() == "application/http"
    begun = not message
    head = b""
    if begun:
        hand_out.status = code(call.field(b"prack-status") or 200)
        hand_out.answer_fields = [
            (name.removeprefix(PREFIX), value)
            for name, value in call.fields
            if name.startswith(PREFIX)
        ]
    try:
        async for piece in call.pieces():
            if begun:
                hand_out.answer += piece
            else:
                head += piece
                begun = _begin(hand_out, head)
            notice()
    except Left:
        hand_out.cut = True
        raise
    if not begun:
        raise Broken(RULE, f"an answer without the end of its head: {head[:80]!r}")
    hand_out.complete = True
    return THANKS


def _begin(hand_out: HandOut, data: bytes) -> bool:
    """Read heads, interim ones first; returns whether the final one is there. Raises Broken."""
    while True:
        end = END.search(data)
        if end is None:
            if len(data) > MAX_HEAD:
                raise Broken(RULE, "a head of more than 64 KiB")
            return False
        head, rest = data[: end.start()], data[end.end() :]
        status, named = _head(head)
        if status >= 200:
            hand_out.status, hand_out.answer_fields = status, named
            hand_out.answer += rest
            return True
        data = rest


def _head(head: bytes) -> tuple[int, Fields]:
    line, *lines = head.replace(b"\r\n", b"\n").split(b"\n")
    version, _, rest = line.partition(b" ")
    status = rest[:3].decode("latin-1")
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise Broken(RULE, f"the status line {line[:80]!r}")
    named = []
    for one in lines:
        name, colon, value = one.partition(b":")
        if not colon or not name or name != name.strip():
            raise Broken(RULE, f"the field line {one[:80]!r}")
        named.append((name.lower(), value.strip(b" \t")))
    return int(status), named


async def take_chunk(hand_out: HandOut, call: Call) -> Reply:
    """One chunk of an answer. Raises Broken."""
    told = strict(await call.body(), str(call))
    expected = hand_out.chunks
    if not isinstance(told, dict) or told.get("seq") not in (expected, expected - 1):
        raise Broken(RULE, f"the chunk {str(told)[:80]}; expected the number {expected} in seq")
    if told["seq"] == expected:
        hand_out.how = "chunks"
        if expected == 0:
            hand_out.status = code(told.get("code"))
            hand_out.answer_fields = fields(told.get("headers", {}))
        hand_out.answer += decoded(told.get("data", ""))
        hand_out.complete = told.get("end") is True
        hand_out.chunks += 1
    return Reply.json({"max_offset": len(hand_out.answer) + 524_288, "next": hand_out.chunks})
