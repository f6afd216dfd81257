"""A chunked upload is the same to an application, whatever packets it came in."""

import socket
import time

import pytest

from tests.acceptance.processes import OVER, SECONDS, Gateway, Launcher

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
PIECES = [b"%d;" % number for number in range(40)]
CHUNKS = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in PIECES] + [b"0\r\n\r\n"]
PACKETS = {
    "one": [b"".join([HEAD, *CHUNKS])],
    "head apart": [HEAD, b"".join(CHUNKS)],
    "each chunk": [HEAD, *CHUNKS],
    "the end apart": [HEAD + b"".join(CHUNKS[:-1]), CHUNKS[-1]],
    "single bytes": [HEAD, *(bytes([byte]) for byte in b"".join(CHUNKS))],
}
APPS = {"raw": (), "flask": (), "django": ("--factory",)}
EVERY = [(name, over) for name in APPS for over in OVER]


@pytest.fixture(scope="module", params=EVERY, ids=["-".join(one) for one in EVERY])
def served(request: pytest.FixtureRequest, shared: Launcher) -> Gateway:
    name, over = request.param
    gateway = shared.gateway()
    app = f"tests.acceptance.uploads:{name}"
    shared.worker(gateway, over, "--interface", "wsgi", *APPS[name], app=app)
    return gateway


@pytest.mark.parametrize("packets", PACKETS)
def test_packets_make_no_difference(served: Gateway, packets: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for packet in PACKETS[packets]:
            sock.sendall(packet)
            time.sleep(0)  # the gateway may read before the next one
        with sock.makefile("rb") as answer:
            text = answer.read()
    head, _, body = text.partition(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0]
    assert body == b"".join(PIECES)
