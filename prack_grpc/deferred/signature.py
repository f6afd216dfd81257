"""Signs calls as https://www.standardwebhooks.com says: HMAC-SHA256 over id, time and body."""

import base64
import binascii
import hmac

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a secret, by the standard


def secret_of(text: str) -> bytes:
    """The bytes of a secret as the standard writes it. Raises ValueError."""
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        secret = b""
    if not text.startswith(PREFIX) or not SHORTEST <= len(secret) <= LONGEST:
        raise ValueError(
            f"expected {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64; make one with "
            f"`echo {PREFIX}$(head -c 32 /dev/urandom | base64)`"
        )
    return secret


def signature(secret: bytes, id_: str, stamp: int, body: bytes) -> str:
    """The value of `webhook-signature`; `stamp` is in Unix time."""
    signed = b"%b.%d.%b" % (id_.encode(), stamp, body)
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
