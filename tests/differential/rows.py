"""All rows: what the corner applications are asked, and the others in `sites`."""

from collections.abc import Iterator

from tests.differential.corners import ANSWERS
from tests.differential.row import FORM, HOST, LARGE, Row, chunked, request
from tests.differential.sites import sites
from tests.differential.socket_row import SocketRow

GET_ECHO = request("/echo")
OBS = b"X-Bytes: caf\xe9 \xff\x80"
MANY = [b"X-Many-%d: v%d" % (n, n) for n in range(60)]
WIDE = [b"X-Wide-%d: %b" % (n, b"v" * 2000) for n in range(32)]  # about 64 KiB

# What both corner applications are asked beside their constant answers.
CORNERS: dict[str, bytes | tuple[bytes, ...]] = {
    "GET": GET_ECHO,
    "HEAD": request("/plain", method="HEAD"),
    "HEAD without a length": request("/no-length", method="HEAD"),
    "HEAD of pieces": request("/pieces", method="HEAD"),
    "HEAD of a download": request("/download", method="HEAD"),
    "HEAD of a 204": request("/no-content", method="HEAD"),
    "HEAD of a 304": request("/not-modified-length", method="HEAD"),
    "HEAD then GET": (request("/plain", method="HEAD"), request("/plain")),
    "OPTIONS": request("/echo", method="OPTIONS"),
    "OPTIONS *": request("*", method="OPTIONS"),
    "CONNECT": request(b"%b:443" % HOST, method="CONNECT", host=HOST + b":443"),
    "two framings": request(
        "/echo", b"Transfer-Encoding: chunked", b"Content-Length: 3", method="POST"
    )
    + b"3\r\nabc\r\n0\r\n\r\n",
    "TRACE": request("/echo", method="TRACE"),
    "PROPFIND": request("/echo", b"Depth: 1", method="PROPFIND", body=b"<a/>"),
    "PATCH": request("/echo", method="PATCH", body=b"{}"),
    "PUT": request("/echo", b"If-Match: *", method="PUT", body=b"all"),
    "DELETE with a body": request("/echo", method="DELETE", body=b"why"),
    "GET with a body": request("/echo", body=b"why"),
    "GET with an empty body": request("/echo", body=b""),
    "POST without a body": request("/echo", method="POST"),
    "POST with an empty body": request("/echo", method="POST", body=b""),
    "POST": request("/echo", FORM, method="POST", body=b"a=1&b=%20"),
    "POST of bytes": request("/echo", method="POST", body=bytes(range(256))),
    "POST with zeros in the length": request("/echo", b"Content-Length: 003", method="POST")
    + b"abc",
    "upload": request("/echo", method="POST", body=LARGE),
    "upload in chunks": chunked("/echo", *[LARGE[:65536]] * 20),
    "upload twice": (request("/echo", method="POST", body=LARGE),) * 2,
    "upload and back": request("/read", method="POST", body=LARGE),
    "chunked": chunked("/echo", b"one", b"two"),
    "chunked without a chunk": chunked("/echo"),
    "chunked with trailers": chunked(
        "/echo", b"body", trailers=b"X-Trailer: 1\r\n", fields=(b"Trailer: X-Trailer",)
    ),
    "chunked then GET": (chunked("/echo", b"one"), GET_ECHO),
    "TE": request("/echo", b"TE: trailers", b"Connection: TE"),
    "absolute-form": request(b"http://%b/echo?a=b" % HOST),
    "absolute-form without a path": request(b"http://%b?a=b" % HOST),
    "absolute-form and another host": request(b"http://%b/echo" % HOST, host=b"other.localhost"),
    "host with a port": request("/echo", host=HOST + b":8080"),
    "host with a last dot": request("/echo", host=HOST + b"."),
    "HTTP/1.0": request("/echo", version="1.0"),
    "HTTP/1.0 keep-alive": request("/echo", b"Connection: keep-alive", version="1.0"),
    "HTTP/1.0 without a length": request("/no-length", version="1.0"),
    "HTTP/1.0 pieces": request("/pieces", version="1.0"),
    "HTTP/1.0 pieces keep-alive": request("/pieces", b"Connection: keep-alive", version="1.0"),
    "HTTP/1.0 POST": request("/echo", version="1.0", method="POST", body=b"old"),
    "HTTP/1.0 HEAD": request("/plain", version="1.0", method="HEAD"),
    "HTTP/1.0 204 keep-alive": request("/no-content", b"Connection: keep-alive", version="1.0"),
    "client closes": request("/echo", b"Connection: close"),
    "client closes pieces": request("/pieces", b"Connection: close"),
    "pipelining": (
        GET_ECHO,
        request("/plain"),
        request("/pieces"),
        request("/plain", method="HEAD"),
        GET_ECHO,
    ),
    "pipelining of uploads": (
        request("/echo", method="POST", body=b"one"),
        chunked("/echo", b"two"),
        request("/echo", method="PUT", body=b"three"),
    ),
    "pipelining up to a close": (GET_ECHO, request("/echo", b"Connection: close")),
    "empty query": request("/echo?"),
    "query": request("/echo?a=1&a=2&b=%26+%zz;c"),
    "second question mark": request("/echo?a?b=c?"),
    "percent-encoded path": request("/echo/%C3%A4%20%2F%2e%2E/%00%25"),
    "percent-encoded bytes": request("/echo/%FF%fe"),
    "half an escape": request("/echo/%4/%zz/%"),
    "slashes": request("/echo//a///b/"),
    "dots": request("/echo/./a/../b"),
    "matrix and colon": request("/echo/a;b=c:d@e,f!$&'()*+~|{}[]^"),
    "long path": request("/echo/" + "p" * 3000),
    "obs-text": request("/echo", OBS),
    "UTF-8 field": request("/echo", "X-Utf: ä€".encode()),
    "empty field": request("/echo", b"X-Empty:", b"X-Blank:   ", b"X-After: 1"),
    "spaces and tabs": request("/echo", b"X-Spaces: \t a  b\tc", b"X-Tight:v"),
    "repeated fields": request(
        "/echo", b"X-A: 1", b"X-B: 2", b"x-a: 3", b"Accept: a", b"Accept: b"
    ),
    "repeated cookies": request("/echo", b"Cookie: a=1; b=2", b"Cookie: c=3"),
    "capitals in names": request("/echo", b"X-MiXeD: 1", b"ACCEPT: */*", b"content-TYPE: a/b"),
    "underscore": request("/echo", b"X_Under: 1", b"X-Under: 2"),
    "strange name": request("/echo", b"!#$%&'*+-.^_`|~9: 1"),
    "Proxy": request("/echo", b"Proxy: http://evil"),
    "many fields": request("/echo", *MANY),
    "large fields": request("/echo", *WIDE),
    "credentials": request(
        "/echo", b"Authorization: Basic YTpi", b"Proxy-Authorization: Basic YTpi"
    ),
    "forged forwarding": request(
        "/echo",
        b"X-Forwarded-For: 1.2.3.4",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: evil",
        b"Forwarded: for=1.2.3.4",
        b"Via: 1.0 fred",
        b"X-Real-IP: 1.2.3.4",
    ),
    "nominated field": request(
        "/echo", b"Connection: X-Hop, keep-alive", b"X-Hop: 1", b"Keep-Alive: 5"
    ),
    "Upgrade: h2c": request("/echo", b"Connection: Upgrade", b"Upgrade: h2c"),
    "Range": request("/partial", b"Range: bytes=1-3", b'If-Range: "a"'),
    "conditional": request("/not-modified", b'If-None-Match: "a", W/"b"'),
    "Range as seen": request("/echo", b"Range: bytes=0-0,-1"),
    "100-continue": request("/read", b"Expect: 100-continue", method="POST", body=b"body"),
    "100-continue with a large body": request(
        "/read", b"Expect: 100-continue", method="POST", body=LARGE
    ),
    "100-continue that nobody reads": request(
        "/plain", b"Expect: 100-continue", method="POST", body=b"unread"
    ),
    "unknown Expect": request("/echo", b"Expect: the-unexpected"),
    "answer before the body": request("/plain", method="POST", body=b"unread"),
    "answer before the large body": request("/plain", method="POST", body=LARGE),
    "answer before the chunks": chunked("/plain", *[LARGE[:65536]] * 20),
    "answer before the body, then GET": (
        request("/plain", method="POST", body=b"unread"),
        GET_ECHO,
    ),
    "fails": request("/crash"),
    "fails on a POST": request("/crash", method="POST", body=b"body"),
    "fails after the head": request("/crash-after"),
    "fails in the body": request("/crash-late"),
    "fails in silence": request("/silent"),
}
ASGI_ONLY: dict[str, bytes | tuple[bytes, ...]] = {
    "mirror": request("/mirror", method="POST", body=b"body"),
    "mirror in chunks": chunked("/mirror", b"one", b"two", b"three"),
    "mirror a large body": request("/mirror", method="POST", body=LARGE),
    "fails to finish": request("/unfinished"),
    "early hints": request("/hints"),
    "early hints to HTTP/1.0": request("/hints", version="1.0"),
    "trailers": request("/trailers", b"TE: trailers"),
    "trailers of a HEAD": request("/trailers", method="HEAD"),
}
WSGI_ONLY: dict[str, bytes | tuple[bytes, ...]] = {
    "lines": request("/lines", method="POST", body=b"one\ntwo\r\n\nthree"),
    "lines in chunks": chunked("/lines", b"one\nt", b"wo\nthree"),
    "write()": request("/written"),
    "HEAD with write()": request("/written", method="HEAD"),
    "no pieces": request("/nothing"),
    "second head": request("/replaced"),
}


def _corners() -> Iterator[Row]:
    for app, only in (("asgi", ASGI_ONLY), ("wsgi", WSGI_ONLY)):
        for page in ANSWERS:
            # gunicorn waits for more of a short body unless it may close.
            fields = (b"Connection: close",) if page.startswith("short") else ()
            yield Row(app, page, (request(f"/{page}", *fields),))
        for name, asked in (CORNERS | only).items():
            yield Row(app, name, asked if isinstance(asked, tuple) else (asked,))


SOCKETS = (
    SocketRow("WebSocket text", "echo", ("hello", "", "grüß 🎉"), (1000, "")),
    SocketRow("WebSocket bytes", "echo", (b"\x00\xff", b"", bytes(100_000)), (1000, "done")),
    SocketRow("WebSocket plain", "echo", ("a" * 70_000,), (1000, ""), {"compression": None}),
    SocketRow("WebSocket fragments", "echo", (("one ", "two ", "three"),), (1000, "")),
    SocketRow("WebSocket code of the client", "echo", (), (4999, "weil ich es sage: ü")),
    SocketRow("WebSocket client goes away", "echo", ("x",), (1001, "")),
    SocketRow(
        "WebSocket fields", "fields", (), (1000, ""), {"additional_headers": {"X-Asked": "1"}}
    ),
    SocketRow(
        "WebSocket subprotocols", "subprotocol", (), (1000, ""), {"subprotocols": ["one", "two"]}
    ),
    SocketRow("WebSocket app speaks first", "early", (), (1000, "")),
    *(
        SocketRow(f"WebSocket {page}", page)
        for page in (
            *("close", "close-code", "close-reason", "close-away", "close-error"),
            *("refuse", "respond", "crash", "crash-after", "silent", "leave"),
        )
    ),
)
ROWS: list[Row | SocketRow] = [*_corners(), *sites(), *SOCKETS]
