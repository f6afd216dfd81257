"""Bodies that are far larger than what the gateway may hold of them.

ACCEPTANCE_STREAM_MIB=1024 makes them a GiB; `pytest -rP` shows the figures.
"""

import http.client
import os
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.acceptance.probe import PIECE, part
from tests.acceptance.processes import SECONDS, STREAMS, Gateway, Launcher, fetch

MIB = 1024 * 1024
SIZE = int(os.environ.get("ACCEPTANCE_STREAM_MIB", "256")) * MIB
GROWTH = 32 * MIB


class Transfer:
    """One large body, and the memory of a gateway meanwhile."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = psutil.Process(gateway.popen.pid)
        self._before = self._gateway.memory_info().rss
        self._began = time.monotonic()
        self.growth = self.looks = 0

    def moved(self) -> None:
        """A part of it is through."""
        self.looks += 1
        self.growth = max(self.growth, self._gateway.memory_info().rss - self._before)

    def __str__(self) -> str:
        seconds, mib = time.monotonic() - self._began, SIZE // MIB
        figures = f"{mib} MiB in {seconds:.1f} s, {mib / seconds:.0f} MiB/s"
        return f"{figures}; the gateway grew by {self.growth / MIB:.1f} MiB"


@pytest.fixture(params=STREAMS)
def transfer(
    launch: Launcher, gateway: Gateway, request: pytest.FixtureRequest
) -> Iterator[Transfer]:
    """Through a gateway that has served a request before, over each carrier."""
    launch.worker(gateway, request.param)
    assert fetch(gateway.port, "/run/1").status == 200
    transfer = Transfer(gateway)
    yield transfer
    print(transfer)  # noqa: T201 - what the test is about
    assert transfer.looks > 1
    assert transfer.growth < GROWTH


def test_download(gateway: Gateway, transfer: Transfer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
    connection.request("GET", f"/blob/{SIZE}")
    response, size, wrong = connection.getresponse(), 0, 0
    while piece := response.read(MIB // 4):
        wrong += piece != part(size, len(piece))
        size += len(piece)
        transfer.moved()
    connection.close()
    assert (response.status, size, wrong) == (200, SIZE, 0)


def test_upload(gateway: Gateway, transfer: Transfer) -> None:
    def body() -> Iterator[bytes]:
        for start in range(0, SIZE, len(PIECE)):
            transfer.moved()
            yield part(start, min(len(PIECE), SIZE - start))

    length = {"content-length": str(SIZE)}
    reply = fetch(gateway.port, "/sink/", "PUT", body(), length)
    assert reply.body.decode() == f"{SIZE} bytes, 0 wrong"
