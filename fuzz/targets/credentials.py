"""A credentials file, and behind SEPARATOR what somebody shows: the field Authorization.

The file is taken, or a sentence says what is wrong, and in which entry and field. Nobody is known
but by a secret of which the file has the hash.
"""

import hashlib
import re

from fuzz.clock import Found
from fuzz.shown import folder
from prack_grpc.private.callers import Callers
from prack_grpc.private.credentials import BadCredentials
from prack_grpc.private.principals import Principals

SEPARATOR = b"\n--\n"
WRONG = re.compile(
    r"((token|issuer) [\w.-]+: .+?: |issuer: the extra is not installed|"
    r"(name|hash|certificate|claims): the same in |expected nothing but \[\[token\]\]"
    r"|.*\(at (line \d+, column \d+|end of document)\)|expected TOML in UTF-8|.*recursion)",
    re.DOTALL,
)
NOW = 1e9  # Unix seconds


def one(data: bytes) -> None:
    """See the module."""
    content, _, shown = data.partition(SEPARATOR)
    file = folder() / "credentials"
    file.touch(0o600)
    file.write_bytes(content)
    try:
        principals = Principals(file, NOW)
    except BadCredentials as error:
        if not WRONG.match(str(error).removeprefix(f"{file}: ")):
            raise Found(f"it does not say what is wrong where: {error}") from None
        return
    callers, secret = Callers(None, principals=principals), shown.partition(b" ")[2].strip()
    who = callers.admits((((b"authorization", shown),), ()))
    if who is not None and hashlib.sha256(secret).hexdigest().encode() not in content:
        raise Found(f"{who} is known by {secret!r}")
    principals.look(float("inf"), whatever=True)
    if callers.caller([shown]) is not None:
        raise Found("somebody is known after his end")
