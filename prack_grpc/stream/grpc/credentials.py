"""The certificates of the gRPC port, which may change while it is open."""

from collections.abc import Callable
from typing import Any, Protocol

import grpc


class Keys(Protocol):
    """Keys and chains in PEM, and who signs the certificates of clients, if they must have any."""

    @property
    def pairs(self) -> tuple[tuple[bytes, bytes], ...]:
        """A key and its chain, for each certificate; gRPC chooses by SNI."""

    @property
    def client_ca(self) -> bytes | None:
        """Certificates of authorities."""


def credentials(current: Callable[[], Keys]) -> grpc.ServerCredentials:
    """What a server shows: what `current` returns, asked at each handshake, in gRPC's threads."""
    first = shown = current()

    def changed() -> Any:
        """None if nothing has, which the stubs do not know of."""
        nonlocal shown
        now = current()
        if now is shown:
            return None
        shown = now
        return _configuration(now)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(first), changed, first.client_ca is not None
    )


def _configuration(keys: Keys) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(list(keys.pairs), keys.client_ca)
