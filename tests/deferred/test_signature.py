"""Signatures that others can check."""

import base64

import pytest

from prack_grpc.deferred.signature import secret_of, signature

# The example of the standard's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_standard() -> None:
    body = b'{"test": 2432232314}'
    made = signature(secret_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == SIGNED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        SECRET.removeprefix("whsec_"),
        "whsec_short",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_" + "*" * 32,
    ],
)
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected whsec_ and 24 to 64 bytes in base64"):
        secret_of(text)
