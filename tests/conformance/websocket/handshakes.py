"""Opening handshakes, right and wrong. Sections are RFC 6455's, or RFC 7692's where it says so."""

from dataclasses import dataclass

from tests.support.frames import HANDSHAKE

UPGRADE, CONNECTION, VERSION, KEY = HANDSHAKE
EXTENSIONS, PROTOCOL = b"sec-websocket-extensions", b"sec-websocket-protocol"
ACCEPT = (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
PROBLEM = (b"content-type", b"application/problem+json")
SPOKEN = (b"sec-websocket-version", b"13")
TEXT = b"text/plain; charset=utf-8"
PLAIN = "the gateway's errors are problems, and name the version that it speaks"
ORDINARY = "what is no handshake is a request like any other"


@dataclass(frozen=True)
class Handshake:
    """A request, and of its response the status and one field; no value is no such field.

    Attributes:
        direct: what uvicorn answers where that is something else, and why.
    """

    name: str
    section: str
    fields: tuple[bytes, ...]
    status: int
    field: tuple[bytes, bytes | None] = (EXTENSIONS, None)
    line: bytes = b"GET / HTTP/1.1"
    direct: tuple[int, bytes | None, str] | None = None


def bad(name: str, section: str, *fields: bytes) -> Handshake:
    """It is refused."""
    return Handshake(name, section, fields, 400, PROBLEM, direct=(400, TEXT, PLAIN))


def version(name: str, *fields: bytes) -> Handshake:
    """It is refused, and the client told which version there is."""
    fields = (UPGRADE, CONNECTION, KEY, *fields)
    return Handshake(name, "4.2.2", fields, 400, SPOKEN, direct=(400, None, PLAIN))


def offer(name: str, parameters: bytes, chosen: bytes | None) -> Handshake:
    """A handshake that offers permessage-deflate with these."""
    field = EXTENSIONS + b": permessage-deflate" + parameters
    value = chosen if chosen is None else b"permessage-deflate; " + chosen
    return Handshake(name, "RFC 7692 7.1", (*HANDSHAKE, field), 101, (EXTENSIONS, value))


H = Handshake
HANDSHAKES = (
    H("the example of RFC 6455", "1.3", HANDSHAKE, 101, ACCEPT),
    H("in any case", "4.2.1", (b"UPGRADE: WebSocket", b"connection: UPGRADE", VERSION, KEY), 101),
    H("in a list", "4.2.1", (UPGRADE, b"Connection: keep-alive, Upgrade", VERSION, KEY), 101),
    version("no version"),
    version("version 8", b"Sec-WebSocket-Version: 8"),
    version("two versions", VERSION, VERSION),
    bad("no key", "4.2.1", UPGRADE, CONNECTION, VERSION),
    bad("two keys", "4.2.1", *HANDSHAKE, KEY),
    bad("short key", "4.2.1", UPGRADE, CONNECTION, VERSION, b"Sec-WebSocket-Key: AAAA"),
    bad("no base64", "4.2.1", UPGRADE, CONNECTION, VERSION, b"Sec-WebSocket-Key: " + b"?" * 24),
    bad("no list of extensions", "9.1", *HANDSHAKE, EXTENSIONS + b": ;;"),
    # The application answers these.
    H("no Connection", "4.2.1", (UPGRADE, VERSION, KEY), 404),
    H("no Upgrade", "4.2.1", (CONNECTION, VERSION, KEY), 404),
    H("another protocol", "4.2.1", (b"Upgrade: h2c", CONNECTION, VERSION, KEY), 404),
    H("POST", "4.2.1", HANDSHAKE, 404, line=b"POST / HTTP/1.1", direct=(405, None, ORDINARY)),
    H("HTTP/1.0", "4.2.1", HANDSHAKE, 404, line=b"GET / HTTP/1.0", direct=(101, None, ORDINARY)),
    # What is agreed on.
    H(
        "subprotocols that nobody takes",
        "4.2.2",
        (*HANDSHAKE, PROTOCOL + b": a, b"),
        101,
        (PROTOCOL, None),
    ),
    H("an unknown extension", "9.1", (*HANDSHAKE, EXTENSIONS + b": x-webkit-deflate-frame"), 101),
    H("no compression", "RFC 7692 7.1", HANDSHAKE, 101),
    offer("compression", b"", b"server_max_window_bits=12"),
    offer(
        "a window",
        b"; client_max_window_bits",
        b"server_max_window_bits=12; client_max_window_bits=12",
    ),
    offer(
        "a window of the client's",
        b"; client_max_window_bits=10",
        b"server_max_window_bits=12; client_max_window_bits=10",
    ),
    offer("a window for the server", b"; server_max_window_bits=9", b"server_max_window_bits=9"),
    offer("a window that zlib cannot have", b"; server_max_window_bits=8", None),
    offer("a window that is too large", b"; server_max_window_bits=16", None),
    offer("a window with a zero before it", b"; server_max_window_bits=012", None),
    offer(
        "no window that goes on",
        b"; server_no_context_takeover; client_no_context_takeover",
        b"server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
    ),
    offer("a value where none may be", b"; server_no_context_takeover=1", None),
    offer("an unknown parameter", b"; level=9", None),
    offer("a parameter twice", b"; client_max_window_bits; client_max_window_bits", None),
    offer("a second choice", b"; level=9, permessage-deflate", b"server_max_window_bits=12"),
)
