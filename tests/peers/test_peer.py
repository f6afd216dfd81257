"""What a peer says that it must not, or that only a later version would say."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.broker.ticket import Identifiers
from prack_grpc.core.http.message import Kind
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.routes import Route
from prack_grpc.peers.offers import offer_message, read_offer
from prack_grpc.peers.peer import Here, Peer
from prack_grpc.peers.tunnels import MAX_TUNNELS, WINDOW
from tests.peers.carriers import Wire, turns

Message = link.LinkMessage


def tunnel(**event: Any) -> link.LinkMessage:
    """What the peer says of a connection that it has opened."""
    return Message(tunnel=link.Tunnel(id=1, opened_here=True, **event))


HELLO = Message(hello=link.LinkHello(gateway_id="0000000b", minor_min=1, minor_max=7))


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def peer(wire: Wire) -> AsyncIterator[Peer]:
    limits = Limits()
    broker = LinkedBroker(limits)
    adopted: list[socket.socket] = []  # by a server that does not read
    adopt = {"rest": adopted.append}
    here = Here("0000000a", broker, limits, Identifiers().next, adopt, lambda *_: None)
    peer = Peer(wire, here, lambda: None)
    yield peer
    peer.ended("the test is over")
    await turns()
    for sock in adopted:
        sock.close()


async def test_it_says_hello_first(wire: Wire, peer: Peer) -> None:
    (message,) = wire.sent
    assert message.hello.gateway_id == "0000000a"
    assert message.hello.limits.initial_window == Limits().window


async def test_a_later_minor_is_spoken_with(wire: Wire, peer: Peer) -> None:
    peer.received(HELLO.SerializeToString())
    assert (peer.is_up, wire.reasons) == (True, [])


async def test_a_ping_is_echoed(wire: Wire, peer: Peer) -> None:
    peer.received(HELLO.SerializeToString())
    (asked,) = [one.ping for one in wire.sent if one.HasField("ping")]
    peer.received(Message(ping=link.Ping(sent_at=1.5)).SerializeToString())
    assert (wire.sent[-1].ping.sent_at, wire.sent[-1].ping.echo) == (1.5, True)
    assert peer.round_trip is None
    peer.received(Message(ping=link.Ping(sent_at=asked.sent_at, echo=True)).SerializeToString())
    assert peer.round_trip is not None
    assert 0 <= peer.round_trip < 10


async def test_a_peer_that_is_not_heard_is_named_so(wire: Wire, peer: Peer) -> None:
    assert peer.state == "up"
    wire.quiet = 7.4
    assert peer.state == "no word for 7 s"


@pytest.mark.parametrize(
    "message",
    [
        Message().SerializeToString(),
        b"\xfa\x07\x01x",  # a field of a later version
        Message(want=link.Want(number=9, count=1)).SerializeToString(),
        Message(returned=link.Returned(number=9)).SerializeToString(),
        Message(lent=link.Lent(number=9)).SerializeToString(),
        Message(recall=link.Recall(number=9, count=1)).SerializeToString(),
        Message(offer_gone=link.OfferGone(number=9)).SerializeToString(),
        Message(to_owner=link.ToOwner(number=9)).SerializeToString(),
        Message(to_host=link.ToHost(number=9)).SerializeToString(),
        Message(tunnel=link.Tunnel(id=9, data=b"late")).SerializeToString(),
    ],
)
async def test_what_is_late_or_unknown_does_nothing(wire: Wire, peer: Peer, message: bytes) -> None:
    peer.received(HELLO.SerializeToString())
    said = len(wire.sent)
    peer.received(message)
    assert (wire.reasons, len(wire.sent)) == ([], said)


async def test_slots_of_an_offer_that_was_refused_here_go_back(wire: Wire, peer: Peer) -> None:
    """The host lends the next free slot, also of workers that were never asked for."""
    peer.received(HELLO.SerializeToString())
    offer = offer_message(9, Offer((Route(),) * 65, "", "", (Kind.HTTP,), 0))
    peer.received(Message(offer=offer).SerializeToString())
    peer.received(Message(lent=link.Lent(number=9, slots=2)).SerializeToString())
    assert (wire.sent[-1].returned.number, wire.sent[-1].returned.count) == (9, 2)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([b"\xff"], "this is no message of prack.link.v1"),
        ([Message(want=link.Want())], "the first message of a link must be its hello"),
        ([HELLO, HELLO], "only the first message of a link may be a hello"),
        (
            [Message(hello=link.LinkHello(minor_min=2, minor_max=3))],
            "this gateway speaks minor 1 to 1 of prack.link.v1, the other one 2 to 3: "
            "update the older one",
        ),
        ([HELLO, b"\x42\x03\x12\x01\xff"], "this is no message of"),  # a frame that is none
        ([HELLO, tunnel(open="rest"), tunnel(open="rest")], "the peer has opened tunnel 1 twice"),
        (
            [HELLO, tunnel(open="rest"), *[tunnel(data=bytes(WINDOW))] * 2],
            f"{2 * WINDOW} bytes of a tunnel, the window allows {WINDOW}",
        ),
    ],
)
async def test_a_peer_that_breaks_a_rule_is_left(
    wire: Wire, peer: Peer, messages: list[bytes | link.LinkMessage], reason: str
) -> None:
    for message in messages:
        assert not wire.reasons
        peer.received(message if isinstance(message, bytes) else message.SerializeToString())
    (found,) = wire.reasons
    assert found.startswith(reason)


async def test_kinds_of_a_later_version_are_left_out() -> None:
    kinds = map(link.Kind.ValueType, (0, 9))
    offer = link.Offer(number=1, routes=[pb.Route()], kinds=kinds, tier=2, service="web")
    assert read_offer(offer) == Offer((Route(),), "web", "", (Kind.HTTP,), 2)


async def test_an_offer_crosses_as_it_is() -> None:
    routes = Route("shop.example.com", "/cart", frozenset(("GET", "POST"))), Route()
    offer = Offer(routes, "web", "v2", (Kind.HTTP, Kind.EVENTS), 3, True)
    message = offer_message(7, offer)
    assert message.number == 7
    assert read_offer(link.Offer.FromString(message.SerializeToString())) == offer


async def test_a_port_that_nobody_serves_is_closed_at_once(wire: Wire, peer: Peer) -> None:
    peer.received(HELLO.SerializeToString())
    opened = link.Tunnel(id=1, opened_here=True, open="nowhere")
    peer.received(Message(tunnel=opened).SerializeToString())
    answer = wire.sent[-1].tunnel
    assert (answer.id, answer.opened_here) == (1, False)
    assert answer.close == "there is no port 'nowhere'"


async def test_no_more_tunnels_are_opened_than_may(wire: Wire, peer: Peer) -> None:
    peer.received(HELLO.SerializeToString())
    for number in range(MAX_TUNNELS + 1):
        opened = link.Tunnel(id=number, opened_here=True, open="rest")
        peer.received(Message(tunnel=opened).SerializeToString())
    assert wire.sent[-1].tunnel.close == "1000 connections between these gateways are open"
