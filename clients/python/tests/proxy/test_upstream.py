"""How connections to the application are made, over real sockets."""

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest
import uvloop

from prack_worker.errors import ApplicationAway, ApplicationFailed
from prack_worker.proxy.address import Address
from prack_worker.proxy.upstream import Upstream

NOW = struct.pack("ii", 1, 0)  # of SO_LINGER: closed with a reset

on_each_loop = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@on_each_loop
def test_a_connection_that_is_reset_as_soon_as_it_is_there(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    def came(here: asyncio.AbstractEventLoop, server: socket.socket) -> None:
        here.remove_reader(server)
        here.call_soon(reset, server)  # not before it counts as made

    def reset(server: socket.socket) -> None:
        with server.accept()[0] as talk:
            talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)

    async def dialled() -> None:
        here = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            here.add_reader(server, came, here, server)
            upstream = Upstream(Address(*server.getsockname()))
            with pytest.raises((ApplicationAway, ApplicationFailed)):
                await (await upstream.dial()).head()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(dialled())


@on_each_loop
@pytest.mark.parametrize("host", ["a..b", "a" * 64])
def test_a_name_that_no_host_can_have(
    loop: Callable[[], asyncio.AbstractEventLoop], host: str
) -> None:
    async def dialled() -> None:
        with pytest.raises(ApplicationAway, match=f"{host}:80 takes no connection: .+"):
            await Upstream(Address(host, 80)).dial()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(dialled())
