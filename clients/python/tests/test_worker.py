"""A worker's life, over a transport in memory."""

import asyncio
from typing import Any

import pytest
from serving import App, Handler, running, serving

from prack_worker.backoff import Backoff
from prack_worker.errors import ConnectFailed
from prack_worker.exchange import AbortCode, CancelReason, Exchange
from prack_worker.testing import FakeExchange
from prack_worker.transport import Accept, Ending
from prack_worker.worker import Worker


class FakeSession:
    """A session that the test ends."""

    def __init__(self, accept: Accept, slots: int, websocket_slots: int) -> None:
        self.accept = accept
        self.slots = [slots]
        self.websocket_slots = [websocket_slots]
        self.steps: list[str] = []
        self.resized = asyncio.Event()
        self.ended: asyncio.Future[Ending] = asyncio.Future()
        self.lost = asyncio.Event()
        self.released = asyncio.Event()
        self.closed = asyncio.Event()

    def pause(self, paused: bool) -> None:
        self.steps.append("pause" if paused else "resume")

    def resize(self, slots: int, websocket_slots: int) -> None:
        self.slots.append(slots)
        self.websocket_slots.append(websocket_slots)
        self.resized.set()

    async def dismissed(self) -> None:
        await self.released.wait()

    async def drain(self) -> None:
        self.steps.append("drain")

    async def close(self) -> None:
        self.steps.append("close")
        self.closed.set()

    def lose(self, exchange: Exchange, **ending: Any) -> None:
        self.ended.set_result(Ending("broke", **ending))
        self.lost.set()
        exchange.cancel(CancelReason.GATEWAY_LOST)


class FakeTransport:
    """Sessions in memory; `failures` come first."""

    address = "memory"
    counts_held = False

    def __init__(self, *failures: str) -> None:
        self._failures = list(failures)
        self._sessions: asyncio.Queue[FakeSession] = asyncio.Queue()
        self.closed = False

    async def connect(
        self,
        accept: Accept,
        slots: int,
        *,
        websockets: bool = False,
        tunnels: bool = False,
        websocket_slots: int = 0,
    ) -> FakeSession:
        if self._failures:
            raise ConnectFailed(self._failures.pop(0))
        session = FakeSession(accept, slots, websocket_slots)
        self._sessions.put_nowait(session)
        return session

    async def close(self) -> None:
        self.closed = True

    @property
    def dialled(self) -> bool:
        """There is a session that the test has not asked for."""
        return not self._sessions.empty()

    async def session(self) -> FakeSession:
        return await asyncio.wait_for(self._sessions.get(), 5)


async def wait_over(exchange: Exchange) -> None:
    await exchange.wait_over()


def stubborn_until(release: asyncio.Event) -> Handler:
    async def handler(exchange: Exchange) -> None:
        await release.wait()

    return handler


async def test_a_drain_ends_an_idle_worker() -> None:
    transport = FakeTransport()
    worker = Worker(App(wait_over), transport, slots=1)
    task = asyncio.create_task(worker.run())
    session = await transport.session()
    worker.drain()
    await task
    assert session.steps == ["drain", "close"]
    assert transport.closed


async def test_a_drain_ends_the_wait_for_another_attempt() -> None:
    transport = FakeTransport(*["no"] * 100)
    worker = Worker(App(wait_over), transport, slots=1)
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    worker.drain()
    await asyncio.wait_for(task, 1)


async def test_a_paused_worker_dials_no_gateway() -> None:
    transport = FakeTransport()
    async with serving(transport, wait_over) as worker:
        session = await transport.session()
        worker.pause()
        session.lose(FakeExchange(), retry_after=1e-9)
        for _ in range(50):
            await asyncio.sleep(0)
        assert not transport.dialled
        worker.resume()
        newer = await transport.session()
        worker.pause()
        worker.resume()
        assert (session.steps, newer.steps) == (["pause", "close"], ["pause", "resume"])


async def test_what_a_handler_leaves_open_is_aborted() -> None:
    async def nothing(exchange: Exchange) -> None:
        return

    async def fails(exchange: Exchange) -> None:
        raise LookupError

    for handler in (nothing, fails):
        transport = FakeTransport()
        async with serving(transport, handler):
            session = await transport.session()
            session.accept(exchange := FakeExchange())
            await exchange.wait_over()
            assert exchange.aborted is not None
            assert exchange.aborted[0] is AbortCode.HANDLER_ERROR


async def test_a_cancelled_exchange_is_given_up_with_its_own_code() -> None:
    transport = FakeTransport()
    async with serving(transport, wait_over):
        session = await transport.session()
        session.accept(exchange := FakeExchange())
        await asyncio.sleep(0)
        exchange.cancel(CancelReason.CLIENT_GONE)
        for _ in range(5):
            await asyncio.sleep(0)
        assert exchange.aborted is not None
        assert exchange.aborted[0] is AbortCode.CANCELLED


async def test_leftovers_of_a_lost_session_keep_their_slots_until_they_end() -> None:
    transport, release = FakeTransport(), asyncio.Event()
    async with serving(transport, stubborn_until(release), slots=3):
        session = await transport.session()
        session.accept(exchange := FakeExchange())
        await asyncio.sleep(0)
        session.lose(exchange)
        session = await transport.session()
        assert session.slots == [2]
        release.set()
        await session.resized.wait()
        assert session.slots == [2, 3]


async def test_a_session_of_a_gateway_that_stops_goes_on_beside_the_next_one() -> None:
    transport, release = FakeTransport(), asyncio.Event()
    async with serving(transport, stubborn_until(release), slots=3):
        old = await transport.session()
        old.accept(FakeExchange())
        old.ended.set_result(Ending("stops", lost=False))
        new = await transport.session()
        assert new.slots == [2], "the old session has taken one"
        old.accept(FakeExchange())
        await asyncio.wait_for(new.resized.wait(), 5)
        assert new.slots == [2, 1]
        old.released.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert old.steps == [], "it holds requests"
        release.set()
        await asyncio.wait_for(old.closed.wait(), 5)
        assert new.slots[-1] == 3


async def test_two_sessions_share_the_slots() -> None:
    running: list[Exchange] = []
    transport, release = FakeTransport(), asyncio.Semaphore(0)

    async def handler(exchange: Exchange) -> None:
        running.append(exchange)
        await release.acquire()

    async with serving(transport, handler, slots=1):
        old = await transport.session()
        old.accept(first := FakeExchange())
        old.ended.set_result(Ending("stops", lost=False, retry_after=0.001))
        release.release()
        new = await transport.session()
        assert running == [first]
        assert first.ended, "only now there is a slot for the next gateway"
        new.accept(second := FakeExchange())
        old.accept(third := FakeExchange())
        release.release()
        await second.wait_over()
        assert running[:2] == [first, second]
        release.release()
        await third.wait_over()
        assert running == [first, second, third]


class Answering(App):
    """An application that answers when it may, and then works on until it is released."""

    websockets = True

    def __init__(self, *, interruptible: bool = True) -> None:
        super().__init__(self.answer)
        self.interruptible = interruptible
        self.may = asyncio.Event()
        self.may.set()
        self.release = asyncio.Event()

    async def answer(self, exchange: Exchange) -> None:
        await self.may.wait()
        await exchange.send_head(200, [], end=True)
        await self.release.wait()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("websocket", [False, True])
async def test_what_is_done_after_a_response_takes_no_slot(websocket: bool) -> None:
    transport, app = FakeTransport(), Answering()
    async with running(app, transport, slots=2, websocket_slots=2):
        session = await transport.session()
        for _ in range(3):
            session.accept(exchange := FakeExchange(websocket=websocket))
            await asyncio.wait_for(exchange.wait_over(), 5)
        app.may.clear()
        session.accept(exchange := FakeExchange(websocket=websocket))
        session.ended.set_result(Ending("stops", lost=False))
        successor = await transport.session()
        slots = successor.websocket_slots if websocket else successor.slots
        assert slots == [1], "only one has no answer yet"
        app.may.set()
        await asyncio.wait_for(successor.resized.wait(), 5)
        assert slots == [1, 2]
        app.release.set()


async def test_a_thread_is_busy_until_it_returns() -> None:
    transport, app = FakeTransport(), Answering(interruptible=False)
    async with running(app, transport, slots=2):
        session = await transport.session()
        exchanges = [FakeExchange() for _ in range(3)]
        for exchange in exchanges:
            session.accept(exchange)
        await turns()
        assert [one.ended for one in exchanges] == [True, True, False]
        app.release.set()
        await exchanges[2].wait_over()


async def test_a_stop_waits_for_what_is_done_after_a_response() -> None:
    transport, app = FakeTransport(), Answering()
    worker = Worker(app, transport, slots=1)
    task = asyncio.create_task(worker.run())
    session = await transport.session()
    session.accept(exchange := FakeExchange())
    await exchange.wait_over()
    worker.drain()
    await turns()
    assert (session.steps, len(worker.held())) == (["drain"], 1)
    app.release.set()
    await task


async def test_a_drain_ends_the_old_session_and_the_new_one() -> None:
    transport, release = FakeTransport(), asyncio.Event()
    worker = Worker(App(stubborn_until(release)), transport, slots=2)
    task = asyncio.create_task(worker.run())
    old = await transport.session()
    old.accept(exchange := FakeExchange())
    old.ended.set_result(Ending("stops", lost=False))
    new = await transport.session()
    worker.drain()
    await asyncio.wait_for(new.closed.wait(), 5)
    assert (old.steps, new.steps) == (["drain"], ["drain", "close"])
    release.set()
    await task
    assert exchange.aborted is not None, "as any that a handler leaves open"
    assert old.steps == ["drain", "close"]


async def test_trouble_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    transport = FakeTransport("refused", "refused", "other")
    async with serving(transport, wait_over):
        await transport.session()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "memory: refused" in messages[0]
    assert "memory: other" in messages[1]


def test_the_back_off_doubles_to_ten_seconds_and_is_random() -> None:
    backoff = Backoff()
    bounds = [min(0.1 * 2**attempt, 10) for attempt in range(12)]
    assert all(0 <= backoff.next() <= bound for bound in bounds)
    assert len({backoff.next() for _ in range(10)}) > 1
    backoff.reset()
    assert backoff.next() <= 0.1


class SocketApp(App):
    """Takes WebSockets, too."""

    websockets = True


async def test_websockets_take_slots_of_their_own() -> None:
    transport, release, kinds = FakeTransport(), asyncio.Event(), list[bool]()

    async def handler(exchange: Exchange) -> None:
        kinds.append(exchange.request.websocket)
        await release.wait()

    async with running(SocketApp(handler), transport, slots=3, websocket_slots=2):
        session = await transport.session()
        assert (session.slots, session.websocket_slots) == ([3], [2])
        for websocket in (True, False, True, True, False):
            session.accept(FakeExchange(websocket=websocket))
        for _ in range(5):
            await asyncio.sleep(0)
        assert kinds == [True, False, True, False], "no more than it has offered"
        session.ended.set_result(Ending("stops", lost=False))
        successor = await transport.session()
        assert (successor.slots, successor.websocket_slots) == ([1], [1])
        release.set()


async def test_without_websockets_there_are_no_slots_for_them() -> None:
    transport = FakeTransport()
    async with serving(transport, wait_over, slots=1, websocket_slots=2):
        assert (await transport.session()).websocket_slots == [0]
