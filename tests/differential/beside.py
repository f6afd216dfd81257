"""The differences of a worker beside the application's usual server, which answers as ever."""

from tests.differential.difference import Difference

D = Difference
UNREAD = "whether the client will still send its body is not known"
SECOND = "the same application, in a second process"
PEER = "its connection is the worker's; whose the client's is, is in X-Forwarded-For and Forwarded"
OWN_VERSION = "RFC 9110 section 2.5: a proxy names its own version"
LENGTH_KNOWN = "a body that is here whole has a length, also when it came in chunks"

BESIDE = (
    D("*-beside *", "own order", ".*", "the server's own fields stay in their place"),
    D("asgi-beside *", "json server", r"\['127\.0\.0\.1', \d+\]", SECOND),
    D("wsgi-beside *", "json SERVER_PORT", r"'\d+'", SECOND),
    D("asgi-beside *", "json client", r"\['127\.0\.0\.1', \d+\]", PEER),
    D("wsgi-beside *", "json REMOTE_PORT", r"'\d+'", PEER),
    D("asgi-beside HTTP/1.0*", "json http_version", "'1.1'", OWN_VERSION, "'1.0'"),
    D("wsgi-beside HTTP/1.0*", "json SERVER_PROTOCOL", "'HTTP/1.1'", OWN_VERSION, "'HTTP/1.0'"),
    D("asgi-beside *", "json headers content-length", r"'\d+'", LENGTH_KNOWN, "-"),
    D("wsgi-beside *", "json CONTENT_LENGTH", r"'\d+'", LENGTH_KNOWN, "-"),
    D(
        "wsgi-beside absolute-form*",
        "json RAW_URI",
        r"'/.*'",
        "RFC 9112 section 3.2.1: a server gets the origin-form",
        "'http://.*'",
    ),
    D(
        "asgi-beside both-framings",
        "answer",
        "502 worker_error",
        "RFC 9112 section 6.3: a response with both may be an attack",
    ),
    D(
        "asgi-beside WebSocket *",
        "json headers sec-websocket-key",
        ".*",
        "each handshake has another",
    ),
    D("asgi-beside 100-continue that nobody reads", "header connection", "'close'", UNREAD),
    D("asgi-beside 100-continue that nobody reads", "connection", "close", UNREAD),
)
