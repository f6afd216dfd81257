"""The port without TLS, which sends clients to the public one."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.secure import Redirect
from prack_grpc.handover.sockets import Sockets
from prack_grpc.listener import Listener, listen, url
from prack_grpc.settings.settings import Settings

log = logging.getLogger(__name__)


@asynccontextmanager
async def redirecting(
    settings: Settings,
    sockets: Sockets,
    public: HttpServer,
    port: int,
    answers: Mapping[str, bytes],
    shared: Callable[[], bool],
) -> AsyncIterator[None]:
    """Clients that come without TLS are sent to `port` inside, where `public` serves.

    They count among its connections. Paths in `answers` are answered with what is there. Asks at
    the end whether the socket is `shared` with a successor. Raises AddressInUse.
    """
    if settings.http_redirect is None:
        yield
        return
    server = HttpServer(Redirect(port, answers), public.limits, public.admission)
    make = partial(listen, settings.host, settings.http_redirect, "http_redirect")
    with sockets.take("redirect", make) as sock:
        listener = Listener(server, sock)
        await listener.start()
        log.info("Redirects on %s", url(*sock.getsockname()[:2]))
        try:
            yield
        finally:
            listener.leave(shared() or "redirect" in sockets.kept)
            await listener.stop()
