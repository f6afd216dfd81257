"""A certificate for the time of a run."""

import atexit
import tempfile
from functools import cache
from pathlib import Path

from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import Certificates
from tests.support.certificates import Authority, Issued


@cache
def folder() -> Path:
    """Where files may be written; it is gone at the end."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def issued() -> tuple[Authority, Issued]:
    """An authority, and a certificate that it signed for localhost."""
    authority = Authority(folder())
    return authority, authority.issue("DNS:localhost")


@cache
def certificates() -> Certificates:
    """What a port with TLS shows."""
    _, own = issued()
    return Certificates(Settings.model_validate(own.settings()), "tls")
