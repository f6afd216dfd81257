# ruff: noqa: T201 - its output is what tests read
"""A worker that offers all its slots to every gateway that it has a stream to.

python -m tests.support.greedy_worker prack|grpc PORT SLOTS. It dials again when a gateway sends it
away, and finishes on the old stream what that still brings. It says when it is connected, and
`holds N` when it holds more requests at a time than ever before.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from prack.v1 import worker_pb2 as pb
from tests.support import plain_worker, scripted_worker
from tests.support.scripted_worker import ScriptedWorker

Connect = Callable[..., AbstractAsyncContextManager[ScriptedWorker]]
# Long enough for other requests to wait meanwhile.
WORK_SECONDS = 0.005
CONNECT: dict[str, Connect] = {"prack": plain_worker.connect, "grpc": scripted_worker.connect}


class GreedyWorker:
    """All its streams."""

    def __init__(self, over: str, port: int, slots: int) -> None:
        self._over = over
        self._port = port
        self._slots = slots
        self._held = self._most = 0

    async def run(self) -> None:
        """Serve for as long as a gateway has not ended its last stream."""
        async with asyncio.TaskGroup() as streams:
            streams.create_task(self._stream(streams))

    async def _stream(self, streams: asyncio.TaskGroup) -> None:
        done: asyncio.Queue[pb.Request | None] = asyncio.Queue()
        take = partial(self._take, done, streams)
        async with CONNECT[self._over](self._port, on_frame=take) as worker:
            await worker.hello(slots=self._slots)
            print("connected")
            while request := await done.get():
                self._held -= 1
                await worker.answer(request, request.target.removeprefix(b"/run/") + b" served")
            await worker.call.done_writing()
            await worker.end()

    def _take(
        self,
        done: "asyncio.Queue[pb.Request | None]",
        streams: asyncio.TaskGroup,
        frame: pb.GatewayFrame,
    ) -> None:
        loop = asyncio.get_running_loop()
        for request in frame.requests:
            self._held += 1
            if self._held > self._most:
                self._most = self._held
                print("holds", self._most)
            loop.call_later(WORK_SECONDS, done.put_nowait, request)
        if frame.goaway.drain_ack:
            loop.call_later(WORK_SECONDS, done.put_nowait, None)
        elif frame.HasField("goaway"):
            streams.create_task(self._stream(streams))


if __name__ == "__main__":
    asyncio.run(GreedyWorker(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).run())
