"""python-socketio: events over WebSockets, over long polls, and from one to the other."""

import json
from collections.abc import Iterator

import pytest
import requests
import socketio

from tests.acceptance.processes import SECONDS, Launcher
from tests.sites.served import Site, Visitor, compared, serving

# A client that stays with polls may need half a minute to leave, so that is `test_long_polls`.
WAYS = (["websocket"], ["polling", "websocket"])
SESSION = r"""(?<=[="' ])[\w-]{20}(?=["'])"""


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("socketio"), "python-socketio") as site:
        yield site


def heard(url: str, ways: list[str]) -> list[object]:
    """What two clients hear in a room."""
    with (
        requests.Session() as polls,
        socketio.SimpleClient(http_session=polls) as ada,
        socketio.SimpleClient(http_session=polls) as grace,
    ):
        for client in (ada, grace):
            client.connect(url, transports=ways, auth={"token": "right"})
        lines: list[object] = [ada.transport, ada.call("join", "kitchen", SECONDS)]
        lines.append(grace.call("join", "kitchen", SECONDS))
        ada.emit("say", ("kitchen", {"text": "Käse", "raw": b"\x00\xff"}))
        grace.emit("say", ("kitchen", "x" * 500_000))
        for client in (ada, grace):
            lines += sorted(
                (client.receive(SECONDS) for _ in range(2)), key=lambda one: len(str(one))
            )
        return lines


@pytest.mark.parametrize("ways", WAYS, ids="-then-".join)
def test_two_clients_hear_the_same(site: Site, ways: list[str]) -> None:
    through, direct = (heard(url, ways) for url in site.both)
    assert through == direct
    assert through[0] == ways[-1]
    assert through[3:5] == [["said", {"text": "Käse", "raw": b"\x00\xff"}], ["said", "x" * 500_000]]


@pytest.mark.parametrize("ways", WAYS, ids="-then-".join)
def test_who_is_refused_hears_why(site: Site, ways: list[str]) -> None:
    for url in site.both:
        reasons: list[object] = []
        with requests.Session() as polls:
            client = socketio.Client(reconnection=False, http_session=polls)
            client.on("connect_error", reasons.append)
            with pytest.raises(socketio.exceptions.ConnectionError):
                client.connect(url, transports=ways, auth={"token": "wrong"})
        assert reasons == [{"message": "a wrong token"}]


def test_long_polls(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        opened = visitor.ask("GET", "/socket.io/?EIO=4&transport=polling", 200)
        session = json.loads(opened.text[1:])["sid"]
        target = f"/socket.io/?EIO=4&transport=polling&sid={session}"
        for said in ("40", '421["join","kitchen"]', '42["say","kitchen","Käse"]'):
            visitor.ask("POST", target, 200, content=said)
            assert visitor.ask("GET", target, 200).text
        assert json.loads(visitor.answers[-1].text[2:]) == ["said", "Käse"]
        visitor.ask("POST", target, 200, content="1")
        visitor.ask("GET", target, 400)
        elsewhere = {"origin": "http://other.example"}
        visitor.ask("GET", "/socket.io/?EIO=4&transport=polling", 400, headers=elsewhere)

    compared(site, visit, (SESSION,))
