"""What a host makes of a request that has crossed a link."""

import pytest

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.core.http.message import HTTP, WEBSOCKET
from prack_grpc.peers.relayed import read_request

MESSAGE = pb.Request(
    id=7,
    request_id="owner-7",
    method=b"GET",
    scheme=b"https",
    authority=b"shop.example.com",
    target=b"/cart?all",
    http_version=b"1.1",
    headers=[b"accept", b"*/*", b"cookie", b"a=b"],
    body_length=5,
    end=True,
    expect_continue=True,
    client=pb.Client(ip="192.0.2.2", port=4711),
)


def with_body() -> pb.Request:
    message = pb.Request()
    message.CopyFrom(MESSAGE)
    message.body = b"hello"
    return message


@pytest.mark.parametrize("message", [MESSAGE, with_body()])
def test_it_has_all_that_the_owner_has_sent(message: pb.Request) -> None:
    request = read_request(message, None)
    assert (request.method, request.scheme, request.http_version) == (b"GET", b"https", b"1.1")
    assert (request.authority, request.path) == (b"shop.example.com", b"/cart")
    assert request.headers == [(b"accept", b"*/*"), (b"cookie", b"a=b")]
    assert (request.client, request.body_length) == (("192.0.2.2", 4711), 5)
    assert (request.kind, request.expects) == (HTTP, True)
    assert (request.id, request.x_request_id) == ("owner-7", "owner-7")
    assert (request.trace, request.opening, request.handshake) == (None, None, ())
    assert request.size == len(b"/cart?all" + b"accept*/*" + b"cookiea=b")


def test_one_without_a_body_is_packed_for_its_worker() -> None:
    assert pb.Request.FromString(read_request(MESSAGE, None).packed) == MESSAGE
    assert not read_request(with_body(), None).packed


@pytest.mark.parametrize("message", [MESSAGE, with_body()])
def test_what_only_gateways_know_is_told_beside_it(message: pb.Request) -> None:
    about = link.Particulars(id=7, kind=link.KIND_WEBSOCKET, x_request_id="mine", handshake=1)
    request = read_request(message, about)
    assert (request.kind, request.x_request_id) == (WEBSOCKET, "mine")
    assert (request.headers, request.handshake) == ([(b"accept", b"*/*")], ((b"cookie", b"a=b"),))


@pytest.mark.parametrize("body", [b"", b"hello"])
def test_a_field_without_a_value_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="shorter"):
        read_request(pb.Request(headers=[b"accept"], end=True, body=body), None)
