"""What a client prefers (RFC 7240)."""

import pytest

from prack_grpc.core.deferred.prefer import Parameters, respond_async

URL = b"https://api.example.com/done?a=1"


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        (b"respond-async", {}),
        (b"Respond-Async", {}),
        (b"wait=10, respond-async", {}),
        (b'return=minimal; foo="some, parameter", respond-async', {}),
        (b'respond-async; callback="%b"' % URL, {b"callback": URL}),
        (b"respond-async;callback=%b , wait=1" % URL, {b"callback": URL}),
        (b'respond-async; Callback="a\\"b"', {b"callback": b'a"b'}),
        (b"respond-async; a=1; a=2", {b"a": b"1"}),
        (b"respond-async, respond-async; a=1", {}),
        (b"respond-async; a", {b"a": b""}),
    ],
)
def test_this_asks_for_it(value: bytes, parameters: Parameters) -> None:
    assert respond_async([(b"prefer", value)]) == parameters


@pytest.mark.parametrize(
    "value",
    [b"", b"wait=10", b"respond", b'a="respond-async"', b"a; respond-async", b'"respond-async"'],
)
def test_this_does_not(value: bytes) -> None:
    assert respond_async([(b"prefer", value)]) is None


def test_several_fields_are_one_list() -> None:
    headers = [(b"host", b"x"), (b"prefer", b"wait=1"), (b"prefer", b"respond-async")]
    assert respond_async(headers) == {}
