"""What the application answers, whatever carries it (docs/conformance.md)."""

from collections.abc import Sequence

from prack_grpc.conformance.case import Broken

Fields = Sequence[tuple[bytes, bytes]]

TARGET = "/request/a%2Fb//c%20d?x=%zz&y=%E9;z&&"
SENT: Fields = [
    (b"x-obs-text", b"caf\xe9"),
    (b"x-twice", b"1"),
    (b"x-twice", b"2"),
    (b"x-empty", b""),
]
SPECIAL = {
    b"x-mixed-case": [b"kept"],
    b"set-cookie": [b"a=1", b"b=2"],
    b"x-obs-text": [b"caf\xe9"],
    b"x-empty": [b""],
}


def reached(body: bytes, rule: str) -> None:
    """Check what the application saw of REPORT, TARGET and SENT. Raises Broken."""
    line, *lines = body.split(b"\n")
    if line != b"REPORT " + TARGET.encode():
        raise Broken(rule, f"the application saw {line!r}; expected 'REPORT {TARGET}'")
    seen = [one.partition(b": ")[::2] for one in lines if one]
    for name in dict(SENT):
        sent = b", ".join(value for key, value in SENT if key == name)
        came = b", ".join(value for key, value in seen if key.lower().rstrip(b":") == name)
        if sent != came:
            raise Broken(rule, f"{name.decode()}: the application saw {came!r}, not {sent!r}")


def kept(fields: Fields, rule: str) -> None:
    """Check the fields of /headers. Raises Broken."""
    for name, values in SPECIAL.items():
        seen = [value for key, value in fields if key == name]
        if seen != values:
            raise Broken(rule, f"{name.decode()}: {seen}; the application sent {values}")
