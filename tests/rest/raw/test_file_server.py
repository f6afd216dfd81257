"""The shell worker that serves files, with the real gateway, curl and sh."""

import hashlib
import http.client
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from prack_grpc.core.limits import MIB
from tests.acceptance.processes import ROOT, Gateway, Launcher, Reply, fetch, launching

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")

SIZE = 64 * MIB
SCRIPT = "examples/workers/file_server.sh"
SMALL = b"<h1>Hello</h1>\n"


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    with launching(tmp_path_factory.mktemp("processes")) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def large() -> bytes:
    return hashlib.shake_128(b"a file").digest(MIB)


@pytest.fixture(scope="module")
def gateway(
    launcher: Launcher, large: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with a worker that serves a folder."""
    gateway = launcher.gateway()
    folder = tmp_path_factory.mktemp("files")
    (folder / "sub").mkdir()
    (folder / "sub" / "index.html").write_bytes(SMALL)
    (folder / "empty").touch()
    with (folder / "large.bin").open("wb") as file:
        for _ in range(SIZE // MIB):
            file.write(large)
    worker = launcher.process("sh", SCRIPT, str(folder), gateway.url("rest"))
    yield gateway
    # The whole group at once: a shell starts a new curl at any time.
    os.killpg(worker.popen.pid, signal.SIGKILL)


def test_the_documentation_shows_this_worker() -> None:
    code = [
        line for line in (ROOT / SCRIPT).read_text().splitlines() if line[:2] not in ("# ", "#")
    ]
    shown = (ROOT / "docs/rest.md").read_text()
    assert "\n".join(line for line in code if line) in shown


FILES = [
    ("GET", "/sub/index.html", 200, SMALL),
    ("GET", "/sub/index.html?x=1", 200, SMALL),
    ("GET", "/empty", 200, b""),
    ("HEAD", "/large.bin", 200, b""),
    ("GET", "/nothing", 404, b"No such file"),
    ("GET", "/", 404, b"No such file"),
    ("GET", "/sub", 404, b"No such file"),
    ("GET", "/../../../../etc/passwd", 404, b"No such file"),
    ("GET", "/%2e%2e/x", 404, b"No such file"),
    ("GET", "/$(id)", 404, b"No such file"),
    ("GET", "/{empty,empty}", 404, b"No such file"),
]


@pytest.mark.parametrize(("method", "target", "status", "body"), FILES)
def test_files_are_served(
    gateway: Gateway, method: str, target: str, status: int, body: bytes
) -> None:
    headers = {"Prack-Id": "x", "X": "GET /empty HTTP/1.1"}
    reply: Reply = fetch(gateway.port, target, method, headers=headers)
    assert (reply.status, reply.body) == (status, body)
    length = SIZE if method == "HEAD" else len(body)
    assert reply.header("content-length") == str(length)


def test_a_large_file_is_served_in_little_memory(gateway: Gateway, large: bytes) -> None:
    fetch(gateway.port, "/sub/index.html")
    before = peak(gateway)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("GET", "/large.bin")
    response = connection.getresponse()
    assert (response.status, response.getheader("content-length")) == (200, str(SIZE))
    for _ in range(SIZE // MIB):
        assert response.read(MIB) == large
    connection.close()
    assert peak(gateway) - before < 8 * MIB


def peak(gateway: Gateway) -> int:
    """The most memory that the gateway has had, in bytes."""
    path = Path(f"/proc/{gateway.popen.pid}/status")
    if not path.exists():
        pytest.skip("needs /proc")
    lines = path.read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) * 1024
