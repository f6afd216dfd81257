"""What httpbin and the example applications are asked."""

import base64
import gzip
from collections.abc import Iterator

from tests.differential.row import FORM, LARGE, Row, chunked, multipart, request

UPLOAD_TYPE, UPLOAD = multipart(
    (b'name="a"', b"1"), (b'name="f"; filename="x.bin"', bytes(range(256)))
)
JSON = b"Content-Type: application/json"
BASIC = b"Authorization: Basic " + base64.b64encode(b"me:secret")
# Pages of httpbin: method and target, perhaps fields, perhaps a body.
HTTPBIN: list[tuple[str, str, tuple[bytes, ...], bytes | None]] = [
    *(
        ("GET", target, (), None)
        for target in (
            "/",
            "/ip",
            "/user-agent",
            "/get?a=1&a=2&b=%C3%A4",
            "/html",
            "/robots.txt",
            "/deny",
            "/json",
            "/xml",
            "/encoding/utf8",
            "/forms/post",
            "/links/3/0",
            "/base64/aGVsbG8=",
            "/brotli",
            "/deflate",
            "/gzip",
            "/bytes/1000?seed=1",
            "/bytes/100000?seed=2",
            "/stream-bytes/9999?seed=3&chunk_size=777",
            "/stream/3",
            "/range/1000",
            "/range/1000?chunk_size=100",
            "/delay/0",
            "/uuid",
            "/cache/60",
            "/etag/a",
            "/response-headers?X-A=1&X-A=2&Content-Type=text/plain",
            "/drip?duration=0&numbytes=5&code=202",
            "/drip?duration=0.2&numbytes=4&delay=0",
            "/cookies",
            "/cookies/set/a/b",
            "/cookies/set?a=1&b=2",
            "/cookies/delete?a",
            "/redirect/2",
            "/relative-redirect/1",
            "/absolute-redirect/1",
            "/cache",
            "/redirect-to?url=%2Fget&status_code=307",
            "/image/png",
            "/image/jpeg",
            "/image/svg",
            "/image/webp",
            "/basic-auth/me/secret",
            "/hidden-basic-auth/me/secret",
            "/bearer",
            "/digest-auth/auth/me/secret",
            "/status/200,200",
            "/nothing",
            "/static/favicon.ico",
            "/anything/a%20b/c?d=e",
            "/headers",
        )
    ),
    *(
        ("GET", f"/status/{code}", (), None)
        for code in (
            200,
            201,
            202,
            203,
            204,
            205,
            206,
            226,
            300,
            301,
            302,
            303,
            304,
            305,
            307,
            308,
            400,
            401,
            402,
            403,
            404,
            405,
            406,
            407,
            408,
            409,
            410,
            411,
            413,
            415,
            416,
            417,
            418,
            422,
            428,
            429,
            431,
            451,
            500,
            501,
            502,
            503,
            504,
            505,
            511,
            299,
            499,
            599,
        )
    ),
    *(
        (method, f"/status/{code}", (), b"")
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for code in (200, 404)
    ),
    *(
        (method, f"/{method.lower()}?a=b", (FORM,), b"x=1&y=%20")
        for method in ("POST", "PUT", "PATCH", "DELETE")
    ),
    ("POST", "/post", (JSON,), b'{"a": [1, {"b": null}]}'),
    ("POST", "/post", (UPLOAD_TYPE,), UPLOAD),
    (
        "POST",
        "/post",
        (b"Content-Type: application/octet-stream",),
        gzip.compress(b"x" * 5000, mtime=0),
    ),
    ("POST", "/anything", (b"Content-Encoding: gzip", JSON), gzip.compress(b"{}", mtime=0)),
    ("DELETE", "/anything", (JSON,), b"[]"),
    ("HEAD", "/get", (), None),
    ("HEAD", "/status/404", (), None),
    ("HEAD", "/bytes/1000?seed=1", (), None),
    ("OPTIONS", "/get", (b"Origin: http://a", b"Access-Control-Request-Method: PUT"), None),
    ("POST", "/get", (), b""),
    ("GET", "/user-agent", (b"User-Agent: Some/1.0 (thing)",), None),
    ("GET", "/cookies", (b'Cookie: a=1; b="2 3"',), None),
    ("GET", "/get", (b"Origin: http://a", b"Accept-Encoding: gzip, br"), None),
    ("GET", "/cache", (b'If-None-Match: "a"',), None),
    ("GET", "/etag/a", (b'If-None-Match: "a"',), None),
    ("GET", "/etag/a", (b'If-Match: "b"',), None),
    ("GET", "/range/1000", (b"Range: bytes=10-19",), None),
    ("GET", "/range/1000", (b"Range: bytes=-5",), None),
    ("GET", "/range/1000", (b"Range: bytes=2000-",), None),
    ("GET", "/image", (b"Accept: image/webp",), None),
    ("GET", "/image", (b"Accept: text/plain",), None),
    ("GET", "/basic-auth/me/secret", (BASIC,), None),
    ("GET", "/hidden-basic-auth/me/secret", (BASIC,), None),
    ("GET", "/bearer", (b"Authorization: Bearer abc",), None),
]
RANDOM = {
    "/uuid": rb"[0-9a-f-]{36}",
    "/cache": rb"[0-9a-f]{32}|\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT",
    "/digest-auth/auth/me/secret": rb"[0-9a-f]{32}|(?<==)(fake|me|secret)(?=;)",
}


def httpbin() -> Iterator[Row]:
    for number, (method, target, fields, body) in enumerate(HTTPBIN):
        sent = request(target, *fields, method=method, body=body)
        yield Row("httpbin", f"{number} {method} {target}", (sent,), RANDOM.get(target, b""))


STARLETTE: dict[str, tuple[bytes, ...]] = {
    "events": (request("/ticks/2"),),
    "no events": (request("/ticks/0"),),
    "upload": (request("/digest", method="POST", body=LARGE),),
    "upload in chunks": (chunked("/digest", *[b"x" * 1000] * 100),),
    "file": (request("/files/a%20b.txt", method="PUT", body=LARGE), request("/files/a%20b.txt")),
    "HEAD of a file": (
        request("/files/c", method="PUT", body=b"x"),
        request("/files/c", method="HEAD"),
    ),
    "no file": (request("/files/none"),),
    "wrong method": (request("/digest"),),
    "slash redirect": (request("/digest/?a=b", method="POST"),),
    "no page": (request("/%E2%82%AC?q"),),
}
TOKEN = b"t" * 32
CSRF = b"Cookie: csrftoken=" + TOKEN
FILE_TYPE, FILE = multipart(
    (b'name="csrfmiddlewaretoken"', TOKEN), (b'name="file"; filename="a.bin"', LARGE)
)
DJANGO: dict[str, tuple[bytes, ...]] = {
    "page with a token": (request("/"),),
    "HEAD": (request("/", method="HEAD"),),
    "form": (request("/", FORM, CSRF, method="POST", body=b"name=A&csrfmiddlewaretoken=" + TOKEN),),
    "wrong form": (
        request("/", FORM, CSRF, method="POST", body=b"name=&csrfmiddlewaretoken=" + TOKEN),
    ),
    "form without a token": (request("/", FORM, method="POST", body=b"name=A"),),
    "upload and download": (
        request("/files/", FILE_TYPE, CSRF, method="POST", body=FILE),
        request("/files/a.bin"),
        request("/files/a.bin", method="HEAD"),
    ),
    "stream": (request("/squares/200/"),),
    "HEAD of a stream": (request("/squares/3/", method="HEAD"),),
    "slash redirect": (request("/squares/3"),),
    "no page": (request("/nothing/%C3%A4?q=%20"),),
    "wrong method": (request("/squares/3/", method="PUT"),),
}
TOKENS = rb'(?<=middlewaretoken" value=")\w+|((?<=csrftoken=)|(?<=sessionid=)|(?<=expires=))[^;]+'


def sites() -> Iterator[Row]:
    """The rows of all of them."""
    yield from httpbin()
    for name, asked in STARLETTE.items():
        yield Row("starlette", name, asked)
    for name, asked in DJANGO.items():
        yield Row("django", name, asked, TOKENS)
