"""One connection to the application, over a real socket."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop
from scripted_app import scripted

from prack_worker.errors import ApplicationFailed


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_request_over_a_connection_that_was_closed_meanwhile_has_no_answer(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def late() -> None:
        async with scripted() as application:
            connection = await application.upstream.dial()
            (await application.taken()).close()
            with pytest.raises(ApplicationFailed):
                await connection.head()
            connection.request("GET", b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(ApplicationFailed):
                await connection.head()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(late())
