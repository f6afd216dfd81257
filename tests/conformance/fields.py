"""The fields that the application of docs/conformance.md sends."""

Fields = list[tuple[bytes, bytes]]

PLAIN: Fields = [(b"content-type", b"text/plain")]
SPECIAL: Fields = [
    (b"X-Mixed-Case", b"kept"),
    (b"set-cookie", b"a=1"),
    (b"set-cookie", b"b=2"),
    (b"x-obs-text", b"caf\xe9"),
    (b"x-empty", b""),
]
