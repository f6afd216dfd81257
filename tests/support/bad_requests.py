"""Rows of the table of bad inputs of docs/promises.md, as raw bytes: name, bytes, status."""

H = b"host: test\r\n"


def get(fields: bytes = b"", target: bytes = b"/", version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET %b %b\r\n%b%b\r\n" % (target, version, H, fields)


def post(fields: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST / %b\r\n%b%b\r\n%b" % (version, H, fields, body)


def te(coding: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return post(b"transfer-encoding: %b\r\n" % coding, b"0\r\n\r\n", version)


def length(value: bytes) -> bytes:
    return post(b"content-length: %b\r\n" % value, b"abc")


def chunk(line: bytes) -> bytes:
    return post(b"transfer-encoding: chunked\r\n", line)


Row = tuple[str, bytes, int]
REFUSED: list[Row] = [
    ("P1 LF line ends", b"GET / HTTP/1.1\nhost: test\n\n", 400),
    ("P2 bare CR", get(b"x: a\rb\r\n"), 400),
    ("P3 NUL", get(b"x: a\0b\r\n"), 400),
    ("P4 BEL", get(b"x: a\x07b\r\n"), 400),
    ("P4 DEL", get(b"x: a\x7fb\r\n"), 400),
    ("P5 fold", get(b"x: a\r\n b\r\n"), 400),
    ("P5 fold in TE", post(b"transfer-encoding:\r\n chunked\r\n", b"0\r\n\r\n"), 400),
    ("P6 space before colon", get(b"x : a\r\n"), 400),
    ("P7 space before the first field", b"GET / HTTP/1.1\r\n host: test\r\n\r\n", 400),
    ("P8 empty name", get(b": a\r\n"), 400),
    ("P9 no colon", get(b"x\r\n"), 400),
    ("P10 parentheses", get(b"X(y): a\r\n"), 400),
    ("P10 8-bit name", get(b"\xe9: a\r\n"), 400),
    ("P12 underscore length", get(b"Content_Length: 3\r\n"), 400),
    ("P12 underscore coding", get(b"Transfer_Encoding: chunked\r\n"), 400),
    ("P12 underscore forwarded", get(b"X_Forwarded_For: 1.1.1.1\r\n"), 400),
    ("P12 underscore prefix", get(b"X_Forwarded_Prefix: /x\r\n"), 400),
    ("P12 underscore host", get(b"Host_: a\r\n"), 400),
    ("P13 no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("P14 two hosts", get(H), 400),
    ("P14 two other hosts", get(b"host: evil\r\n"), 400),
    ("P15 empty host", b"GET / HTTP/1.1\r\nhost:\r\n\r\n", 400),
    ("P16 host with slash", b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
    ("P16 host with question mark", b"GET / HTTP/1.1\r\nhost: a?b\r\n\r\n", 400),
    ("P16 host with hash", b"GET / HTTP/1.1\r\nhost: a#b\r\n\r\n", 400),
    ("P16 host with userinfo", b"GET / HTTP/1.1\r\nhost: u@a\r\n\r\n", 400),
    ("P16 host list", b"GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", 400),
    ("P16 host with space", b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
    ("P16 host list without space", b"GET / HTTP/1.1\r\nhost: a,b\r\n\r\n", 400),
    ("P17 port too high", b"GET / HTTP/1.1\r\nhost: a:65536\r\n\r\n", 400),
    ("P17 port of letters", b"GET / HTTP/1.1\r\nhost: a:http\r\n\r\n", 400),
    ("P18 HTTP/0.9", b"GET /\r\n\r\n", 400),
    ("P19 HTTP/2.0", get(version=b"HTTP/2.0"), 505),
    ("P20 HTTP/1.2", get(version=b"HTTP/1.2"), 505),
    ("P21 HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("P22 TLS hello", bytes.fromhex("16030102000100 01fc0303") + bytes(500), 400),
    ("P23 lower-case", get(version=b"http/1.1"), 400),
    ("P23 two digits", get(version=b"HTTP/01.1"), 400),
    ("P24 CONNECT", b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", 501),
    ("P25 TRACE", b"TRACE / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
    ("P26 unknown method", b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
    ("P27 long method", b"A" * 4000 + b" / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
    ("P28 method with parenthesis", b"G(T / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("P29 GET *", get(target=b"*"), 400),
    ("P32 no slash", get(target=b"evil/p"), 400),
    ("P33 fragment", get(target=b"/a#b"), 400),
    ("P34 8-bit path", get(target=b"/\xe9"), 400),
    ("P34 8-bit query", get(target=b"/?\xe9"), 400),
    ("P35 control byte in path", get(target=b"/a\x01b"), 400),
    ("P35 space in path", get(target=b"/a b"), 400),
    ("P38 long target", get(target=b"/" + b"a" * 17_000), 414),
    ("P39 a field of 1 MiB", get(b"x: %b\r\n" % (b"a" * 1_048_576)), 431),
    ("P40 500 fields", get(b"x: a\r\n" * 500), 431),
    ("P40 20,000 fields", get(b"x: a\r\n" * 20_000), 431),
    *[
        (f"P45 length {value!r}", length(value), 400)
        for value in (b"+3", b"-1", b"0x3", b"1_0", b"", b"3\x0b", b"3 3")
    ],
    ("P46 list", length(b"3, 3"), 400),
    ("P46 twice", post(b"content-length: 3\r\n" * 2, b"abc"), 400),
    ("P47 two lengths", post(b"content-length: 3\r\ncontent-length: 4\r\n", b"abc"), 400),
    ("P49 2^64-1", length(b"18446744073709551615"), 400),
    ("P49 2^64", length(b"18446744073709551616"), 400),
    ("P49 10^20", length(b"1" + b"0" * 20), 400),
    (
        "P50 both framings",
        post(b"content-length: 3\r\ntransfer-encoding: chunked\r\n", b"0\r\n\r\n"),
        400,
    ),
    *[
        (f"P51 coding {value!r}", te(value), 400)
        for value in (b"chunked, chunked", b"xchunked", b'"chunked"', b"\x0bchunked")
    ],
    ("P51 twice", post(b"transfer-encoding: chunked\r\n" * 2, b"0\r\n\r\n"), 400),
    ("P51 chunked first", te(b"chunked, gzip"), 400),
    ("P51 identity", te(b"identity"), 400),
    ("P52 gzip", te(b"gzip, chunked"), 501),
    ("P53 HTTP/1.0", te(b"chunked", b"HTTP/1.0"), 400),
    ("P54 empty coding", te(b""), 400),
    ("P81 expectation", post(b"expect: tea\r\n"), 417),
    ("P82 nominates length", get(b"connection: content-length\r\n"), 400),
    ("P82 nominates credentials", get(b"connection: close, Authorization\r\n"), 400),
    ("P95 two types", get(b"content-type: a\r\ncontent-type: b\r\n"), 400),
    ("P95 two credentials", get(b"authorization: a\r\nauthorization: b\r\n"), 400),
]
# Bodies in chunks, all 400.
BAD_CHUNKS = [
    ("P55 hex prefix", b"0x3\r\nabc\r\n0\r\n\r\n"),
    ("P55 sign", b"+3\r\nabc\r\n0\r\n\r\n"),
    ("P55 minus", b"-3\r\nabc\r\n0\r\n\r\n"),
    ("P55 underscore", b"0_3\r\nabc\r\n0\r\n\r\n"),
    ("P55 empty", b"\r\nabc\r\n0\r\n\r\n"),
    ("P55 LF", b"3\nabc\r\n0\r\n\r\n"),
    ("P56 2^64", b"10000000000000000\r\nabc"),
    ("P57 trailing space", b"3 \r\nabc\r\n0\r\n\r\n"),
    ("P58 bare semicolon", b"3;\n\r\nabc\r\n0\r\n\r\n"),
    ("P58 CR in extension", b"3;a\rb\r\nabc\r\n0\r\n\r\n"),
    ("P58 NUL in extension", b"3;a\0b\r\nabc\r\n0\r\n\r\n"),
    ("P59 long extension", b"3;a=%b\r\nabc\r\n0\r\n\r\n" % (b"x" * 32_768)),
    ("P60 data longer than its size", b"3\r\nabcd\r\n0\r\n\r\n"),
]
