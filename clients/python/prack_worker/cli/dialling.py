"""What dials in: the transport that the settings ask for."""

from __future__ import annotations

import logging
import os
import re
import socket
import uuid
from collections.abc import Callable

from prack_wire import private
from prack_wire.tls import BadFiles, Tls
from prack_worker.errors import ConnectFailed, UsageError
from prack_worker.gateways.several import Several
from prack_worker.settings.settings import Settings
from prack_worker.settings.values import Gateway, read_token
from prack_worker.transport import Identity, Transport

log = logging.getLogger("prack_worker")


def transport(settings: Settings, name: str) -> Transport:
    """One to any of the gateways, for a process of this name, if it has one. Raises UsageError."""
    host = re.sub(r"[^!-~]", "-", socket.gethostname())[:64]
    identity = Identity(
        worker_id="-".join(filter(None, (host, name, str(os.getpid()), uuid.uuid4().hex[:8]))),
        service=settings.service,
        version=settings.app_version,
        routes=settings.routes,
        tier=settings.tier,
    )
    token = _token_reader(settings)
    tls = _tls(settings) if settings.gateway[0].is_secure else None
    ways = [_way(one, identity, token, settings, tls) for one in settings.gateway]
    return ways[0] if len(ways) == 1 else Several(ways)


def _way(
    gateway: Gateway,
    identity: Identity,
    token: Callable[[], str],
    settings: Settings,
    tls: Tls | None,
) -> Transport:
    """Imported here, after the application: gRPC must not see a fork that loading it does."""
    silence = settings.max_silence
    if gateway.scheme in ("grpc", "grpcs"):
        from prack_worker.stream.grpc import GrpcTransport

        return GrpcTransport(gateway.address, identity, token, silence, tls)
    if gateway.scheme in ("prack", "pracks"):
        from prack_worker.stream.plain import TcpTransport

        return TcpTransport(gateway.address, identity, token, silence, tls)
    from prack_worker.rest.transport import RestTransport

    return RestTransport(str(gateway), identity, token, silence, tls)


def _tls(settings: Settings) -> Tls:
    key = settings.tls.key
    if key is not None and private.is_open_to_others(key):
        log.warning(private.KEY_REMEDY, key)
    try:
        settings.tls.context()
    except BadFiles as error:
        raise UsageError(str(error)) from None
    return settings.tls


def _token_reader(settings: Settings) -> Callable[[], str]:
    if settings.token_file is None:
        return lambda: settings.token
    path = settings.token_file
    if private.is_open_to_others(path):
        log.warning(private.REMEDY, path)

    def read() -> str:
        try:
            return read_token(path)
        except ValueError as error:
            raise ConnectFailed(str(error)) from error

    return read
