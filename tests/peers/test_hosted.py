"""The host's end: what an owner sends, and what becomes of it, message by message."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.broker.ticket import Identifiers
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Kind
from prack_grpc.core.limits import PIECE, Limits
from prack_grpc.core.receivers import CancelReason
from prack_grpc.peers.peer import Here, Peer
from tests.broker.scene import Receiver, joined
from tests.peers.carriers import Wire, turns

Message = link.LinkMessage
OWNER_WINDOW = 3 * PIECE
GET: dict[str, Any] = {
    "method": b"GET",
    "target": b"/",
    "http_version": b"1.1",
    "end": True,
    "attempt": 1,
}


class Host:
    """A gateway with one worker, whose requests are all those of a peer, which a test plays."""

    def __init__(self, acknowledges: bool = True) -> None:
        self.wire = Wire()
        self.broker = LinkedBroker(Limits())
        name = Identifiers("0000000a").next
        here = Here("0000000a", self.broker, Limits(), name, {}, lambda *_: None)
        self.peer = Peer(self.wire, here, lambda: None)
        hello = link.LinkHello(gateway_id="0000000b", minor_min=1, minor_max=1)
        hello.limits.initial_window = OWNER_WINDOW
        self.hear(hello=hello)
        kinds = Kind.HTTP, Kind.WEBSOCKET
        self.worker: Receiver = joined(self.broker, "w", 2, acknowledges, kinds=kinds)
        (offer,) = [one.offer for one in self.wire.sent if one.HasField("offer")]
        self.number = offer.number
        self.hear(want=link.Want(number=self.number, count=2, oldest_seconds=1.0, urgency=3))

    def hear(self, **message: Any) -> None:
        """The owner says this."""
        self.peer.received(Message(**message).SerializeToString())

    def ask(self, id_: int = 1, about: link.Particulars | None = None, **request: Any) -> None:
        """A request of the owner's."""
        asked = pb.Request(id=id_, request_id=f"owner-{id_}", **(GET | request))
        frame = pb.GatewayFrame(requests=[asked])
        particulars = [about] if about else []
        message = link.ToHost(number=self.number, frame=frame, particulars=particulars)
        self.hear(to_host=message)

    def say(self, **frame: Any) -> None:
        """What steers an exchange."""
        self.hear(to_host=link.ToHost(number=self.number, frame=pb.GatewayFrame(**frame)))

    @property
    def handed(self) -> Assignment:
        """What the worker was handed last."""
        return self.worker.handed[-1]

    async def told(self) -> tuple[pb.WorkerFrame, list[link.Failure]]:
        """All events that the owner was told."""
        await turns()
        said = [one.to_owner for one in self.wire.sent if one.HasField("to_owner")]
        whole = pb.WorkerFrame()
        for one in said:
            whole.MergeFrom(one.frame)
        return whole, [failure for one in said for failure in one.failures]


@pytest.fixture
async def host() -> Host:
    return Host()


async def test_the_last_answer_is_told_in_the_turn_in_which_it_comes() -> None:
    host = Host()
    host.ask(1)
    host.ask(2)
    first, second = host.worker.handed
    host.wire.sent.clear()
    host.broker.head(first, 200, [], b"", True)
    assert not host.wire.sent  # the other may come in this turn, too
    host.broker.head(second, 200, [], b"", True)
    said = [one.to_owner for one in host.wire.sent if one.HasField("to_owner")]
    frames = [one.frame for one in said]
    assert [[head.id for head in frame.heads] for frame in frames] == [[1, 2]]


async def test_slots_are_lent_as_they_are_wanted(host: Host) -> None:
    await turns()
    (lent,) = [one.lent for one in host.wire.sent if one.HasField("lent")]
    assert (lent.number, lent.slots, lent.returned) == (host.number, 2, 0)


async def test_a_worker_sees_the_owners_request(host: Host) -> None:
    about = link.Particulars(id=1, x_request_id="its own word")
    client = pb.Client(ip="192.0.2.9", port=7)
    host.ask(
        about=about, attempt=2, queued_ms=1500, headers=[b"a", b"1", b"a", b"2"], client=client
    )
    assignment, request = host.handed, host.handed.request
    assert (assignment.request_id, assignment.attempt) == ("owner-1", 2)
    assert assignment.queued == pytest.approx(1.5, abs=0.1)
    assert request.headers == [(b"a", b"1"), (b"a", b"2")]
    assert (request.client, request.x_request_id) == (("192.0.2.9", 7), "its own word")


async def test_a_poll_is_known_by_a_name_of_the_host() -> None:
    host = Host(acknowledges=False)
    host.ask()
    assert host.handed.identifier.startswith("0000000a")
    assert host.handed.request_id == "owner-1"


async def test_the_fields_of_a_handshake_are_for_tunnels_only(host: Host) -> None:
    about = link.Particulars(id=1, kind=link.KIND_WEBSOCKET, handshake=1)
    host.ask(about=about, headers=[b"a", b"1", b"sec-websocket-key", b"k"], end=False)
    request = host.handed.request
    assert (request.kind, request.headers) == (Kind.WEBSOCKET, [(b"a", b"1")])
    assert request.handshake == ((b"sec-websocket-key", b"k"),)


async def test_an_owner_that_sends_more_of_a_body_than_it_may_is_left(host: Host) -> None:
    host.ask(end=False, body_length=-1)
    window = Limits().window
    host.say(data=[pb.Data(id=1, data=bytes(window))])
    assert not host.wire.reasons
    host.say(data=[pb.Data(id=1, data=b"x")])
    reason = f"{window + 1} bytes of a request body, the window allows {window}"
    assert host.wire.reasons == [reason]


async def test_a_request_without_a_slot_was_never_started(host: Host) -> None:
    for id_ in (1, 2, 3):
        host.ask(id_)
    assert len(host.worker.handed) == 2
    _, failures = await host.told()
    assert [(one.id, one.code) for one in failures] == [(3, link.FAILURE_CODE_GONE)]


async def test_a_whole_answer_is_one_event(host: Host) -> None:
    host.ask()
    host.broker.head(host.handed, 201, [(b"x", b"y")], b"body", True)
    frame, failures = await host.told()
    (head,) = frame.heads
    assert (head.id, head.status, head.body, head.end) == (1, 201, b"body", True)
    assert list(head.headers)[:2] == [b"x", b"y"]
    assert [field.name for field, _ in frame.ListFields()] == ["heads"]
    assert not failures


async def test_a_large_answer_of_a_poll_is_cut_to_the_owners_window() -> None:
    host = Host(acknowledges=False)
    body = bytes(range(256)) * 1024
    host.ask()
    host.broker.head(host.handed, 200, [], body, True)
    frame, _ = await host.told()
    assert (frame.heads[0].body, frame.heads[0].end) == (b"", False)
    assert [len(one.data) for one in frame.data] == [PIECE] * 3
    host.say(windows=[pb.Window(id=1, max_offset=OWNER_WINDOW + 1)])
    frame, _ = await host.told()
    assert len(frame.data[-1].data) == 1
    host.say(windows=[pb.Window(id=1, max_offset=len(body))])
    frame, _ = await host.told()
    assert b"".join(one.data for one in frame.data) == body
    assert [one.id for one in frame.finishes] == [1]


async def test_interim_heads_and_trailers_cross(host: Host) -> None:
    host.ask()
    host.broker.head(host.handed, 103, [(b"link", b"</a>")], b"", False)
    host.broker.head(host.handed, 200, [], b"first", False)
    await turns()
    host.broker.data(host.handed, b" second")
    host.broker.finish(host.handed, [(b"x-sum", b"1")])
    frame, _ = await host.told()
    assert [(one.status, one.end) for one in frame.heads] == [(103, False), (200, False)]
    assert b"".join(one.data for one in frame.data) == b"first second"
    assert list(frame.finishes[0].trailers) == [b"x-sum", b"1"]


async def test_a_body_is_asked_for_only_when_the_worker_wants_it(host: Host) -> None:
    host.ask(method=b"POST", end=False, expect_continue=True, body_length=5)
    frame, _ = await host.told()
    assert not frame.windows
    host.broker.allow(host.handed, 1)
    frame, _ = await host.told()
    assert [(one.id, one.max_offset) for one in frame.windows] == [(1, Limits().window)]
    host.say(data=[pb.Data(id=1, data=b"12345")], finishes=[pb.Finish(id=1)])
    await turns()
    host.broker.allow(host.handed, 100)
    assert host.broker.take(host.handed, 100)[0] == b"12345"


@pytest.mark.parametrize("expects", [False, True])
async def test_an_answer_before_the_end_of_an_upload_is_the_end_of_both(
    host: Host, expects: bool
) -> None:
    host.ask(method=b"POST", end=False, expect_continue=expects, body_length=5)
    await turns()
    host.broker.head(host.handed, 403, [], b"no", True)
    frame, _ = await host.told()
    assert [(one.status, one.end) for one in frame.heads] == [(403, True)]
    await turns()
    assert "hosted" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_the_owner_may_send_what_the_worker_takes_and_a_window_more(host: Host) -> None:
    host.ask(method=b"POST", end=False, body_length=-1, body=b"x" * 100)
    taken, sent, granted = 0, 100, Limits().window
    while sent + PIECE <= granted:
        host.say(data=[pb.Data(id=1, data=bytes(PIECE))])
        sent += PIECE
    await turns(50)
    frame, _ = await host.told()
    granted = frame.windows[-1].max_offset
    assert granted <= Limits().window + sent
    host.broker.allow(host.handed, 1 << 40)
    while piece := host.broker.take(host.handed, PIECE)[0]:
        taken += len(piece)
    assert taken == sent


ENDINGS: dict[str, tuple[Callable[[Host], None], str, int]] = {
    "refused": (lambda h: h.broker.abort(h.handed, AbortCode.REFUSED, ""), "abort", 1),
    "failed": (lambda h: h.broker.abort(h.handed, AbortCode.HANDLER_ERROR, ""), "abort", 2),
    "timed out": (lambda h: h.broker.abort(h.handed, AbortCode.TIMED_OUT, ""), "abort", 5),
    "unsupported": (lambda h: h.broker.abort(h.handed, AbortCode.UNSUPPORTED, ""), "abort", 6),
    "lost": (lambda h: h.broker.lost(h.handed, ""), "failure", link.FAILURE_CODE_LOST),
    "spoiled": (
        lambda h: h.broker.spoil(h.handed, "bad"),
        "failure",
        link.FAILURE_CODE_BAD_RESPONSE,
    ),
    "shut down": (lambda h: h.broker.shut_down(), "failure", link.FAILURE_CODE_LOST),
}


@pytest.mark.parametrize("name", ENDINGS)
async def test_how_it_ended_is_told_as_it_was(host: Host, name: str) -> None:
    end, kind, code = ENDINGS[name]
    host.ask()
    end(host)
    frame, failures = await host.told()
    told = [("abort", int(one.code)) for one in frame.aborts]
    told += [("failure", int(one.code)) for one in failures]
    assert told == [(kind, code)]


@pytest.mark.parametrize("begun", [False, True])
async def test_a_cancel_is_answered_when_the_worker_has_let_go(host: Host, begun: bool) -> None:
    host.ask()
    if begun:
        host.broker.head(host.handed, 200, [], b"", False)
        await turns()
    host.say(cancels=[pb.Cancel(id=1, reason=pb.CANCEL_REASON_CLIENT_GONE)])
    assert host.worker.cancelled == [(host.handed, CancelReason.CLIENT_GONE)]
    frame, _ = await host.told()
    assert not frame.aborts
    host.broker.abort(host.handed, AbortCode.CANCELLED, "")
    frame, _ = await host.told()
    assert [(one.id, one.code) for one in frame.aborts] == [(1, pb.ABORT_CODE_CANCELLED)]


async def test_a_cancel_of_what_the_worker_has_finished_is_answered_at_once(host: Host) -> None:
    host.ask()
    host.broker.head(host.handed, 200, [], b"", False)
    for _ in range(OWNER_WINDOW // PIECE + 1):
        host.broker.data(host.handed, bytes(PIECE))
    host.broker.finish(host.handed, [])
    await turns()
    host.say(cancels=[pb.Cancel(id=1)])
    frame, _ = await host.told()
    assert [one.code for one in frame.aborts] == [pb.ABORT_CODE_CANCELLED]
    assert not frame.finishes


async def test_a_cancel_that_crosses_a_failure_is_answered_too(host: Host) -> None:
    host.ask()
    host.broker.lost(host.handed, "")
    host.say(cancels=[pb.Cancel(id=1)])
    frame, failures = await host.told()
    assert len(frame.aborts) + len(failures) == 1


async def test_the_end_of_the_link_cancels_what_its_clients_wanted(host: Host) -> None:
    host.ask()
    host.ask(2, method=b"POST", end=False, body_length=-1)
    host.peer.ended("for a test")
    assert len(host.worker.cancelled) == 2
    said = len(host.wire.sent)
    for assignment in host.worker.handed:
        host.broker.abort(assignment, AbortCode.CANCELLED, "")
    await turns()
    assert len(host.wire.sent) == said
    assert not host.broker.dispatcher.exchanges
