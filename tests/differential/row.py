"""A row of the comparison, and the bytes of requests."""

from dataclasses import dataclass
from typing import ClassVar

from tests.acceptance.processes import OVER
from tests.differential.apps import APPS, host
from tests.differential.corners import MIB
from tests.differential.facts import Facts, facts
from tests.differential.wire import talk

# Stands for the application's host.
HOST = b"@host@"
FORM = b"content-type: application/x-www-form-urlencoded"
LARGE = bytes(range(251)) * (2 * MIB // 251)


@dataclass(frozen=True)
class Row:
    """`requests` go out at once; `varies` is a pattern of what is new with every call."""

    app: str
    name: str
    requests: tuple[bytes, ...]
    varies: bytes = b""
    over: ClassVar[tuple[str, ...]] = OVER

    async def facts(self, port: int) -> list[Facts]:
        """What a client can tell about the answers of this server."""
        name = host(self.app).encode()
        requests = [sent.replace(HOST, name) for sent in self.requests]
        return facts(await talk(port, requests, probe(self.app)), self.varies)


def request(
    target: str | bytes,
    *fields: bytes,
    method: str = "GET",
    body: bytes | None = None,
    version: str = "1.1",
    host: bytes | None = HOST,
) -> bytes:
    """The bytes of a request; a body gets its Content-Length."""
    if isinstance(target, str):
        target = target.encode()
    lines = [b"%b %b HTTP/%b" % (method.encode(), target, version.encode())]
    if host is not None:
        lines.append(b"Host: " + host)
    lines += fields
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


def probe(app: str) -> bytes:
    """A request that the application answers with 200."""
    return request(APPS[app].alive, b"Connection: close", host=host(app).encode())


def chunked(
    target: str, *chunks: bytes, trailers: bytes = b"", fields: tuple[bytes, ...] = ()
) -> bytes:
    """A POST in these chunks."""
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = request(target, b"Transfer-Encoding: chunked", *fields, method="POST")
    return head + parts + b"0\r\n" + trailers + b"\r\n"


def multipart(*parts: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """The Content-Type field and the body of a form; a part is its disposition and its content."""
    form = b"".join(
        b"--limit\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % part for part in parts
    )
    return b"Content-Type: multipart/form-data; boundary=limit", form + b"--limit--\r\n"
