"""A chunked upload is the same to an application, whatever packets it came in."""

import socket
import time

import pytest

from tests.acceptance.processes import OVER, SECONDS, Gateway, Launcher

FIELDS = b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
PIECES = [b"%d;" % number for number in range(40)]
CHUNKS = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in PIECES] + [b"0\r\n\r\n"]
# The first one goes out together with the head.
PACKETS = {
    "one": [b"".join(CHUNKS)],
    "head apart": [b"", b"".join(CHUNKS)],
    "each chunk": [b"", *CHUNKS],
    "the end apart": [b"".join(CHUNKS[:-1]), CHUNKS[-1]],
    "single bytes": [b"", *(bytes([byte]) for byte in b"".join(CHUNKS))],
}
APPS = {"raw": (), "flask": (), "django": ("--factory",)}
EVERY = [(name, over) for name in APPS for over in OVER]


@pytest.fixture(scope="module", params=EVERY, ids=["-".join(one) for one in EVERY])
def host(request: pytest.FixtureRequest, shared: Launcher, gateway: Gateway) -> str:
    """What one of the applications is called."""
    name, over = request.param
    host, app = f"{name}-{over}.test", f"tests.acceptance.uploads:{name}"
    flags = ("--interface", "wsgi", "--route", host, *APPS[name])
    shared.worker(gateway, over, *flags, app=app)
    return host


@pytest.mark.parametrize("packets", PACKETS)
def test_packets_make_no_difference(gateway: Gateway, host: str, packets: str) -> None:
    first, *others = PACKETS[packets]
    head = b"POST / HTTP/1.1\r\nHost: %b\r\n%b" % (host.encode(), FIELDS)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=SECONDS) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for packet in (head + first, *others):
            sock.sendall(packet)
            time.sleep(0)  # the gateway may read before the next one
        with sock.makefile("rb") as answer:
            text = answer.read()
    head, _, body = text.partition(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0]
    assert body == b"".join(PIECES)
