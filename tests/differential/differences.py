"""The intended differences between an application served by Prack and by uvicorn or gunicorn.

This table is the only way for a deviation to pass, and a row that no deviation needs fails. It is
printed as it stands in docs/differences.md with `python -m tests.differential.differences`.
"""

from tests.differential.beside import BESIDE, UNREAD
from tests.differential.difference import Difference

D = Difference
PROXY = "Prack is a proxy and says so, and for whom; what a client claims is replaced"
STAMPED = "each request has an id, which the log knows, and the time at which it came"
HOP = "it is about one hop only, and Prack's connection with the client is its own"
WHOLE = "a response that is complete when it leaves the worker gets the length of its body"
DECLARED = WHOLE + ", whatever it declared"
TOO_LONG = "a stream that is longer than it declared is a failure; gunicorn leaves out the rest"
OPTIONS = "it is about the server, so the gateway answers"
NO_PATH = "RFC 9112 section 3.2.1: no path means /; uvicorn refuses, gunicorn passes it on"
FAILED = "the connection is Prack's, and goes on after a failure of the application"
ABSOLUTE = "RFC 9112 section 3.2.2: an absolute-form target counts more than Host"
LENGTHS = "Prack writes the length that it has understood"
SERVER = "what the client asked for; no address of the worker means anything to clients"
OWN_SERVER = "names of the server's own, no part of the interface"
HANDSHAKE = "the handshake is the gateway's, and so is compression"
SINGLE_DATE = "the application's own is the only one"


def _forwarded(app: str) -> str:
    return rf"'for=127\.0\.0\.1;host=\"{app}\.localhost[.:0-9]*\";proto=http'"


# In order: of those that fit a deviation, the first is the one that explains it.
DIFFERENCES: tuple[Difference, ...] = (
    # Responses.
    D("*", "header server", "-", "Prack does not name itself; an application may"),
    D("* own-date", "header server", "'corners'", SINGLE_DATE),
    D("* own-date", "header date", "'Wed, 21 Oct 2015 .*'", SINGLE_DATE),
    D(
        "* own-date",
        "own order",
        r"date server \.\.\.",
        "the application's own stay in their place",
    ),
    D(
        "*",
        "own order",
        r"(\.\.\. )?date( \.\.\.)?( transfer-encoding)?( connection)?",
        "what Prack writes itself comes after the application's fields",
    ),
    D("wsgi-*", "header date", "'<now>'", "each response has a Date; gunicorn's errors have none"),
    D(
        "*",
        "header connection",
        "-",
        "a connection of HTTP/1.1 stays open without a word",
        "'keep-alive'",
    ),
    D("asgi-* close", "header connection", "-", HOP),
    D("?sgi-* upgrade", "header connection", "-", HOP),
    D("asgi-* nominated", "header connection", "-", HOP),
    D("?sgi-* fails*", "header connection", "-", FAILED),
    D("?sgi-* OPTIONS [*]", "header connection", "-", OPTIONS),
    D(
        "* HTTP/1.0*keep-alive",
        "header connection",
        "'keep-alive'",
        "clients of HTTP/1.0 that ask keep their connection",
    ),
    D(
        "* HTTP/1.0*keep-alive",
        "connection",
        "keep",
        "clients of HTTP/1.0 that ask keep their connection",
    ),
    D("asgi-* close", "connection", "keep", HOP),
    D("asgi-* keep-alive", "header keep-alive", "-", HOP),
    D("asgi-* trailers*", "header trailer", "-", HOP),
    D(
        "asgi-stream trailers",
        "trailers",
        r"\[\('x-sum', '1'\), \('x-last', '2'\)\]",
        "uvicorn does not offer `http.response.trailers`, Prack does over streams",
        r"\[\]",
    ),
    D(
        "asgi-stream early hints",
        "interim",
        r"\[\(103, \[\('link', .*\), \('link', .*\)\]\)\]",
        "uvicorn does not offer `http.response.early_hint`, Prack does over streams",
        r"\[\]",
    ),
    D("asgi-* upgrade", "header upgrade", "-", HOP),
    D("?sgi-* nominated", "header x-hop", "-", HOP),
    D(
        "asgi-* both-framings",
        "header content-length",
        "'<of the body>'",
        "never two ways to tell where a body ends",
        "'5'",
    ),
    D("asgi-* both-framings", "framing", "length", "never two ways to tell where a body ends"),
    D("*", "header transfer-encoding", "-", WHOLE, "'chunked'"),
    D("*", "framing", "length", WHOLE, "chunked|end"),
    D("*", "header content-length", "'<of the body>'", WHOLE, "-"),
    D("?sgi-* short*", "framing", "length", DECLARED, "cut"),
    D("?sgi-* short*", "header content-length", "'<of the body>'", DECLARED, r"'\d+'"),
    D("asgi-* long*", "framing", "length", DECLARED, "cut"),
    D("asgi-* long*", "header content-length", "'<of the body>'", DECLARED, r"'\d+'"),
    D("?sgi-* short*", "connection", "close", DECLARED),
    D("?sgi-* long*", "connection", "keep", DECLARED),
    D(
        "?sgi-* long*",
        "body",
        r"b'hello, HTTP/1\.1 200 OK\\r\\n\\r\\n'",
        DECLARED,
    ),
    D("wsgi-* long-download", "framing", "cut", TOO_LONG),
    D("wsgi-* long-download", "header content-length", r"'\d+'", TOO_LONG),
    D("wsgi-* long-download", "body", "1048576 bytes, .*", TOO_LONG),
    D("wsgi-* long-download", "connection", "cut", TOO_LONG),
    D(
        "*",
        "reason",
        "(['\"]).*\\1",
        "reason phrases are the registered ones; they mean nothing to clients",
    ),
    D(
        "wsgi-* HTTP/1.0*",
        "version",
        "HTTP/1.1",
        "RFC 9110 section 2.5: a server names its own version",
    ),
    D(
        "asgi-* no-content-length",
        "header content-length",
        "-",
        "RFC 9110 section 8.6: a 204 has none",
    ),
    D(
        "asgi-* not-modified-length",
        "connection",
        "keep",
        "a 304 has no body whatever its length says",
    ),
    D(
        "wsgi-* second head",
        "header x-first",
        "-",
        "PEP 3333: a second head replaces the first; gunicorn adds to it",
    ),
    D("?sgi-* too-many", "answer", "502 bad_worker_response", "a response has at most 100 fields"),
    # Failures of the application.
    D("?sgi-* fails*", "connection", "keep", FAILED),
    D(
        "wsgi-* fails*",
        "header content-type",
        "'text/plain; charset=utf-8'",
        "the same error for all",
    ),
    D("wsgi-* fails*", "body", "b'Internal Server Error'", "the same error for all"),
    D(
        "?sgi-* fails after the head",
        "answer",
        "502 worker_error",
        "the head had not left the worker",
    ),
    D("asgi-* fails to finish", "answer", "502 worker_error", "the head had not left the worker"),
    D("asgi-* WebSocket crash", "order", ".*", "the same error for all"),
    D("asgi-* WebSocket silent", "order", ".*", "the same error for all"),
    # WebSockets.
    D(
        "asgi-* WebSocket *",
        "header date",
        "-",
        "RFC 9110 section 6.6.1: an interim response needs no Date",
    ),
    D(
        "asgi-* WebSocket *",
        "own order",
        r"(\.\.\. )?(date )?connection \.\.\.",
        "what Prack writes itself may come in another place",
    ),
    D(
        "asgi-* WebSocket crash-after",
        "close",
        "1011 ''",
        "an application that fails closes with 1011, not without a word",
        "1006 ''",
    ),
    D(
        "asgi-* WebSocket leave",
        "close",
        "1000 ''",
        "an application that returns closes with 1000, not without a word",
        "1006 ''",
    ),
    *(
        D("asgi-* WebSocket *", f"json headers sec-websocket-{name}", "-", HANDSHAKE)
        for name in ("key", "version", "extensions")
    ),
    D("asgi-* WebSocket *", "json headers order", ".*", "what makes it a handshake comes last"),
    # A client that waits for leave to send its body.
    D("?sgi-stream 100-continue that nobody reads", "header connection", "'close'", UNREAD),
    D("?sgi-stream 100-continue that nobody reads", "connection", "close", UNREAD),
    D(
        "asgi-rest 100-continue that nobody reads",
        "interim",
        r"\[\(100, \[\]\)\]",
        "prack-worker takes whole bodies over REST, so the gateway asks for this one",
        r"\[\]",
    ),
    D(
        "wsgi-stream 100-continue that nobody reads",
        "interim",
        r"\[\]",
        "only an application that reads asks for the body; gunicorn does it for all",
        r"\[\(100, \[\]\)\]",
    ),
    # Requests that the gateway answers.
    D("?sgi-* CONNECT", "answer", "501 not_implemented", "Prack is no tunnel"),
    D("?sgi-* two framings", "answer", "400 framing", "refused by all; Prack says why"),
    D("?sgi-* OPTIONS [*]", "answer", "204", OPTIONS),
    D("?sgi-* OPTIONS [*]", "connection", "keep", OPTIONS),
    D("?sgi-* TRACE", "*", "501 not_implemented|'close'|close", "TRACE would show what Prack adds"),
    D(
        "?sgi-* unknown Expect",
        "*",
        "417 expectation_failed|'close'|close",
        "RFC 9110 section 10.1.1: 417 for what nobody here can meet",
    ),
    D(
        "wsgi-* answer before the *",
        "connection",
        "keep",
        "the rest of the body is read, so that the connection lasts",
    ),
    # What the application sees.
    D("asgi-*", "json headers via", r"('1\.0 fred' \| )?'1\.[01] prack'", PROXY),
    D("asgi-*", "json headers forwarded", _forwarded("asgi"), PROXY),
    D("asgi-*", "json headers x-forwarded-for", r"'127\.0\.0\.1'", PROXY),
    D("asgi-*", "json headers x-forwarded-proto", "'http'", PROXY),
    D("asgi-*", "json headers x-forwarded-host", r"'asgi\.localhost[.:0-9]*'", PROXY),
    D("asgi-* forged forwarding", "json headers x-real-ip", "-", PROXY),
    D("wsgi-*", "json HTTP_VIA", r"'(1\.0 fred,)?1\.[01] prack'", PROXY),
    D("wsgi-*", "json HTTP_FORWARDED", _forwarded("wsgi"), PROXY),
    D("wsgi-*", "json HTTP_X_FORWARDED_FOR", r"'127\.0\.0\.1'", PROXY),
    D("wsgi-*", "json HTTP_X_FORWARDED_PROTO", "'http'", PROXY),
    D("wsgi-*", "json HTTP_X_FORWARDED_HOST", r"'wsgi\.localhost[.:0-9]*'", PROXY),
    D("wsgi-* forged forwarding", "json HTTP_X_REAL_IP", "-", PROXY),
    D("*", "header x-request-id", "'([0-9a-f]{32}|<varies>)'", STAMPED),
    D("asgi-*", "json headers x-request-id", "'[0-9a-f]{32}'", STAMPED),
    D("asgi-*", "json headers x-request-start", r"'t=\d{16}'", STAMPED),
    D("wsgi-*", "json HTTP_X_REQUEST_ID", "'[0-9a-f]{32}'", STAMPED),
    D("wsgi-*", "json HTTP_X_REQUEST_START", r"'t=\d{16}'", STAMPED),
    D("httpbin-*", "json *headers Forwarded", _forwarded("httpbin"), PROXY),
    D("httpbin-*", "json *headers X-Forwarded-Host", r"'httpbin\.localhost'", PROXY),
    D("httpbin-* HEAD /get", "header content-length", r"'\d+'", PROXY + "; its echo is longer"),
    D("asgi-*", "json headers connection", "-", HOP),
    D("asgi-*", "json headers keep-alive", "-", HOP),
    D("asgi-*", "json headers proxy-authorization", "-", HOP),
    D("asgi-*", "json headers te", "-", HOP),
    D("asgi-*", "json headers trailer", "-", HOP),
    D("asgi-*", "json headers transfer-encoding", "-", HOP),
    D("asgi-*", "json headers upgrade", "-", HOP),
    D("asgi-* nominated field", "json headers x-hop", "-", HOP),
    D("wsgi-*", "json HTTP_CONNECTION", "-", HOP),
    D("wsgi-*", "json HTTP_KEEP_ALIVE", "-", HOP),
    D("wsgi-*", "json HTTP_PROXY_AUTHORIZATION", "-", HOP),
    D("wsgi-*", "json HTTP_TE", "-", HOP),
    D("wsgi-*", "json HTTP_TRAILER", "-", HOP),
    D("wsgi-*", "json HTTP_TRANSFER_ENCODING", "-", HOP),
    D("wsgi-*", "json HTTP_UPGRADE", "-", HOP),
    D("wsgi-* nominated field", "json HTTP_X_HOP", "-", HOP),
    D(
        "asgi-* chunked with trailers",
        "json headers x-trailer",
        "-",
        "RFC 9110 section 6.5.1: a trailer is no header",
    ),
    D(
        "asgi-* absolute-form without a path",
        "answer",
        "200",
        NO_PATH,
    ),
    D("asgi-* absolute-form without a path", "header connection", "-", NO_PATH),
    D(
        "asgi-* absolute-form without a path",
        "connection",
        "keep",
        NO_PATH,
    ),
    D(
        "wsgi-* absolute-form without a path",
        "json PATH_INFO",
        "'/'",
        NO_PATH,
    ),
    D("asgi-* * another host", "json headers host", r"'asgi\.localhost'", ABSOLUTE),
    D("wsgi-* * another host", "json HTTP_HOST", r"'wsgi\.localhost'", ABSOLUTE),
    D("asgi-* * zeros in the length", "json headers content-length", "'3'", LENGTHS),
    D("wsgi-* * zeros in the length", "json CONTENT_LENGTH", "'3'", LENGTHS),
    D(
        "wsgi-* repeated cookies",
        "json HTTP_COOKIE",
        "'a=1; b=2; c=3'",
        "RFC 6265 section 5.4: a comma would be part of the first value",
    ),
    D(
        "wsgi-* Proxy",
        "json HTTP_PROXY",
        "-",
        "it would pass for a setting of the machine (httpoxy)",
    ),
    D("asgi-*", "json server", r"\['asgi\.localhost\.?', (80|8080)\]", SERVER),
    D("wsgi-*", "json SERVER_NAME", r"'wsgi\.localhost\.?'", SERVER),
    D("wsgi-*", "json SERVER_PORT", "'(80|8080)'", SERVER),
    D(
        "asgi-*",
        "json asgi spec_version",
        r"'2\.4'",
        "send() raises after the client has gone, as version 2.4 says",
    ),
    D(
        "asgi-*",
        "json keys",
        r".*'extensions'.*",
        "`extensions` holds the request's id and attempt",
    ),
    D("wsgi-*", "json prack.request_id", r"'[0-9a-f]{32}'", "the request's name in all logs"),
    D("wsgi-*", "json prack.attempt", "1", "1 for the first hand-out"),
    D(
        "wsgi-*",
        "json prack.raw_target",
        r"(['\"])/.*\1",
        "the target as it came, gunicorn's RAW_URI",
    ),
    D("wsgi-*", "json RAW_URI", "-", OWN_SERVER),
    D("wsgi-*", "json SERVER_SOFTWARE", "-", OWN_SERVER),
    *BESIDE,
)

if __name__ == "__main__":
    print(*DIFFERENCES, sep="\n")  # noqa: T201
