"""Strawberry: queries, and subscriptions over both protocols of WebSockets."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.acceptance.processes import SECONDS, Launcher
from tests.sites.served import Site, Visitor, compared, serving

COUNT = {"query": "subscription { count(to: 5) }"}
# Subprotocol, and the message that starts a subscription.
PROTOCOLS = (("graphql-transport-ws", "subscribe"), ("graphql-ws", "start"))


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("strawberry"), "Strawberry") as site:
        yield site


def test_answers_are_the_same(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        asked = {"query": "query ($n: String!) { hello(name: $n) }", "variables": {"n": "Käse"}}
        answer = visitor.ask("POST", "/", 200, json=asked)
        assert answer.json() == {"data": {"hello": "Hello Käse"}}
        visitor.ask("POST", "/", 200, json={"query": "{ nothing }"})
        visitor.ask("POST", "/", 400, content=b"{", headers={"content-type": "application/json"})
        visitor.ask("GET", "/", 200, params={"query": "{ __typename }"})
        visitor.ask("GET", "/", 200, headers={"accept": "text/html"})
        visitor.ask("PUT", "/", 405)

    compared(site, visit)


@pytest.mark.parametrize(("protocol", "start"), PROTOCOLS)
def test_a_subscription_over_a_websocket(site: Site, protocol: str, start: str) -> None:
    through, direct = (subscribed(url, protocol, start) for url in site.both)
    assert through == direct
    assert [one["payload"]["data"]["count"] for one in through[2:-1]] == [1, 2, 3, 4, 5]


def subscribed(url: str, protocol: str, start: str) -> list[Any]:
    """All messages of one subscription, after the protocol that was agreed to."""
    uri = url.replace("http", "ws", 1)
    with connect(uri, subprotocols=[Subprotocol("unknown"), Subprotocol(protocol)]) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        said: list[Any] = [socket.subprotocol, json.loads(socket.recv(SECONDS))]
        socket.send(json.dumps({"id": "1", "type": start, "payload": COUNT}))
        while said[-1].get("type") != "complete":
            said.append(json.loads(socket.recv(SECONDS)))
        return said


def test_a_protocol_that_nobody_speaks_is_refused_alike(site: Site) -> None:
    ends = []
    for url in site.both:
        with connect(url.replace("http", "ws", 1)) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(SECONDS)
            ends.append(closed.value.rcvd)
    assert ends[0] == ends[1]
