"""WebSockets as bytes, for an application that speaks with their clients itself (section 10.5)."""

from typing import Any

from fake_gateway import FakeGateway
from serving import App, running

from prack.v1 import worker_pb2 as pb
from prack_worker.exchange import CancelReason, Exchange

ACCEPT = [b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
HANDSHAKE = [b"connection", b"Upgrade", b"upgrade", b"websocket", b"sec-websocket-key", b"x"]


class Tunnels(App):
    """An application that takes bytes."""

    tunnels = True


async def echo(exchange: Exchange) -> None:
    """Accept, send back what comes, and end when the client has ended."""
    assert (exchange.request.websocket, exchange.request.tunnel) == (True, True)
    assert (b"sec-websocket-key", b"x") in exchange.request.headers
    await exchange.send_head(101, [(ACCEPT[0], ACCEPT[1])])
    end = False
    while not end:
        data, end = await exchange.receive_body()
        await exchange.send_body(data)
    await exchange.send_body(b"bye", end=True)


def tunnel(**fields: Any) -> dict[str, Any]:
    return {"upgrade": pb.UPGRADE_TUNNEL, "end": False, "headers": HANDSHAKE} | fields


async def test_bytes_go_both_ways(gateway: FakeGateway) -> None:
    async with running(Tunnels(echo), gateway.transport(), websocket_slots=7):
        stream = await gateway.welcomed()
        assert stream.hello.features == ["pause", "tunnel"]
        assert stream.hello.capacity.max_websockets == 7
        number = await stream.request(**tunnel())
        head = pb.ResponseHead(id=number, status=101, headers=ACCEPT)
        assert await stream.frame() == pb.WorkerFrame(heads=[head])
        await stream.send(data=[pb.Data(id=number, data=b"\x00\xff")])
        assert await stream.frame() == pb.WorkerFrame(data=[pb.Data(id=number, data=b"\x00\xff")])
        await stream.send(finishes=[pb.Finish(id=number)])
        assert await stream.frame() == pb.WorkerFrame(
            data=[pb.Data(id=number, data=b"bye")], finishes=[pb.Finish(id=number)]
        )


async def test_a_client_that_has_said_all_may_still_read(gateway: FakeGateway) -> None:
    async def large(exchange: Exchange) -> None:
        await exchange.send_head(101, [(ACCEPT[0], ACCEPT[1])])
        await exchange.receive_body()
        await exchange.send_body(bytes(300_000), end=True)

    async with running(Tunnels(large), gateway.transport()):
        stream = await gateway.welcomed(limits=pb.Limits(initial_window=100_000))
        number = await stream.request(**tunnel())
        assert (await stream.frame()) is not None
        await stream.send(finishes=[pb.Finish(id=number)])
        received, finished = 0, False
        while not finished:
            frame = await stream.frame()
            assert frame is not None
            assert not frame.aborts
            received += sum(len(data.data) for data in frame.data)
            finished = bool(frame.finishes)
            if received == 100_000:
                await stream.send(windows=[pb.Window(id=number, max_offset=300_000)])
        assert received == 300_000


async def test_a_client_that_is_gone_ends_it(gateway: FakeGateway) -> None:
    reasons: list[CancelReason | None] = []

    async def waits(exchange: Exchange) -> None:
        await exchange.send_head(101, [(ACCEPT[0], ACCEPT[1])])
        await exchange.wait_over()
        reasons.append(exchange.cancelled)

    async with running(Tunnels(waits), gateway.transport()):
        stream = await gateway.welcomed()
        number = await stream.request(**tunnel())
        assert (await stream.frame()) is not None
        reason = pb.CANCEL_REASON_CLIENT_GONE
        await stream.send(cancels=[pb.Cancel(id=number, reason=reason)])
        frame = await stream.frame()
        assert frame is not None
        assert (frame.aborts[0].id, frame.aborts[0].code) == (number, pb.ABORT_CODE_CANCELLED)
        assert reasons == [CancelReason.CLIENT_GONE]
