"""The vectors of clients/conformance say what the gateway, the frames and the kit do."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.rest.hand_out import HandOut
from prack_grpc.conformance.stream.exchange import Exchange, well_formed
from prack_grpc.core.errors import BadResponse
from prack_grpc.core.http.fields import checked_response
from prack_wire.frames import Deframer, FrameTooLong
from prack_wire.websocket_events import MAX_EVENT, BadEvents, Decoder, Event
from tests.acceptance.processes import Gateway, Reply, fetch, launching

FOLDER = Path(__file__).resolve().parents[2] / "clients/conformance"
Vector = dict[str, Any]


def vectors(file: str, part: str) -> list[Any]:
    """Those of one part of a file, as parameters of a test."""
    rows = json.loads((FOLDER / f"{file}.json").read_text())[part]
    return [pytest.param(row, id=row["name"]) for row in rows]


# -------------------------------------------------------------------- frames


def messages(wire: bytes, kind: type[Message], size: int) -> list[Message]:
    """What these bytes hold, coming so many at a time."""
    deframer, found = Deframer(), []
    for start in range(0, len(wire), size):
        deframer.feed(wire[start : start + size])
        while (message := deframer.next()) is not None:
            found.append(kind.FromString(message))
    return found


def same(vector: Vector, kind: type[Message]) -> None:
    wire = bytes.fromhex(vector["wire"])
    for size in (1, 3, len(wire)):
        shown = [
            MessageToDict(message, preserving_proto_field_name=True)
            for message in messages(wire, kind, size)
        ]
        assert shown == vector["messages"]


@pytest.mark.parametrize("vector", vectors("frames", "gateway"))
def test_frames_of_the_gateway(vector: Vector) -> None:
    same(vector, pb.GatewayFrame)


@pytest.mark.parametrize("vector", vectors("frames", "worker"))
def test_frames_of_a_worker(vector: Vector) -> None:
    same(vector, pb.WorkerFrame)


@pytest.mark.parametrize("vector", vectors("frames", "refused"))
def test_frames_that_are_refused(vector: Vector) -> None:
    wire = bytes.fromhex(vector["wire"])
    with pytest.raises((FrameTooLong, DecodeError)):
        messages(wire, pb.WorkerFrame, len(wire))


# -------------------------------------------------------------------- events


def read(stream: str) -> list[Event]:
    """Byte by byte, to the end."""
    decoder = Decoder(MAX_EVENT)
    found = [event for byte in bytes.fromhex(stream) for event in decoder.feed(bytes([byte]))]
    decoder.end()
    return found


@pytest.mark.parametrize("vector", vectors("websocket_events", "good"))
def test_events(vector: Vector) -> None:
    stream, decoder = bytes.fromhex(vector["stream"]), Decoder(MAX_EVENT)
    found = [event for byte in stream for event in decoder.feed(bytes([byte]))]
    decoder.end()
    assert found == [(name.encode(), bytes.fromhex(data or "")) for name, data in vector["events"]]


@pytest.mark.parametrize("vector", vectors("websocket_events", "bad"))
def test_bad_events(vector: Vector) -> None:
    with pytest.raises(BadEvents):
        read(vector["stream"])


# -------------------------------------------------------------------- heads


def checked(vector: Vector) -> list[tuple[bytes, bytes]]:
    """The fields that the gateway makes of a head."""
    fields = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in vector["headers"]]
    return checked_response(b"GET", vector["status"], fields, b"", False).headers


def flat(vector: Vector) -> list[bytes]:
    """The fields of a head as a frame has them."""
    return [part.encode("latin-1") for field in vector["headers"] for part in field]


@pytest.mark.parametrize("vector", vectors("heads", "good"))
def test_heads(vector: Vector) -> None:
    well_formed(flat(vector))
    assert [part for field in checked(vector) for part in field] == flat(vector)


@pytest.mark.parametrize("vector", vectors("heads", "refused"))
def test_heads_that_are_refused(vector: Vector) -> None:
    with pytest.raises(BadResponse) as caught:
        checked(vector)
    assert caught.value.field == vector["part"]


@pytest.mark.parametrize("vector", vectors("heads", "refused"))
def test_heads_that_the_kit_refuses(vector: Vector) -> None:
    request = pb.Request(id=1, method=b"GET")
    exchange = Exchange(request, limit=0, granted=0, reads=True)
    head = pb.ResponseHead(id=1, status=vector["status"], headers=flat(vector), end=True)
    with pytest.raises(Broken):
        exchange.on_head(head)


# -------------------------------------------------------------------- answers


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A real one."""
    with launching(tmp_path_factory.mktemp("vectors")) as launcher:
        yield launcher.gateway()


def pushed(gateway: Gateway, answer: Vector) -> Reply:
    """Take the request that waits, answer it so, and end it in any case."""
    poll = json.loads(fetch(gateway.api_port, "/api/v1/request?wait=5").body)
    named = {"identifier": poll["identifier"]}
    reply = fetch(gateway.api_port, "/api/v1/response", "POST", json.dumps(answer | named).encode())
    last = json.dumps({"code": 204} | named).encode()
    fetch(gateway.api_port, "/api/v1/response", "POST", last)
    return reply


@pytest.mark.parametrize("vector", vectors("answers", "answers"))
async def test_answers(gateway: Gateway, vector: Vector) -> None:
    asking = asyncio.create_task(asyncio.to_thread(fetch, gateway.port, "/"))
    reply = await asyncio.to_thread(pushed, gateway, vector["answer"])
    seen, told = await asking, json.loads(reply.body)
    if refused := vector.get("refused"):
        assert (reply.status, told["code"], told["field"]) == tuple(refused.values())
        return
    assert (reply.status, told) == (200, {"message": "thank you"})
    expected = vector["client"]
    names = {name for name, _ in expected["headers"]}
    assert (seen.status, seen.body.hex()) == (expected["status"], expected["body"])
    assert [[name, v] for name, v in seen.headers if name in names] == expected["headers"]


@pytest.mark.parametrize("vector", vectors("answers", "answers"))
def test_answers_as_the_kit_takes_them(vector: Vector) -> None:
    hand_out = HandOut("id", "GET", "/", [])
    if "refused" in vector:
        try:
            hand_out.take(vector["answer"])
            well_formed([part for field in hand_out.answer_fields for part in field])
        except Broken:
            return
        pytest.fail("the kit takes it")
    hand_out.take(vector["answer"])
    assert (hand_out.status, hand_out.answer.hex()) == (
        vector["client"]["status"],
        vector["client"]["body"],
    )
