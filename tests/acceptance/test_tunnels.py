"""Tunnels of a gateway process, whose event loop is not that of the other tests."""

import asyncio

from prack.v1 import worker_pb2 as pb
from tests.acceptance.processes import Launcher
from tests.support.client import RawClient
from tests.support.scripted_worker import connect

HANDSHAKE = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
)


async def test_a_client_that_resets_its_tunnel_is_no_bug(launch: Launcher) -> None:
    gateway = launch.gateway()  # which the launcher ends, and then looks for tracebacks
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["tunnel"])
        client = await RawClient.connect(gateway.port)
        await client.get(b"/chat", *HANDSHAKE)
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
        assert (await client.head()).status == 101
        client.reset()
        assert (await worker.event("cancels")).reason == pb.CANCEL_REASON_CLIENT_GONE
        await asyncio.to_thread(gateway.line, '"error": "client_gone"')
