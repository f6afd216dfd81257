"""The admin port, with what it tells of: the books, and what makes them look."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import prack_grpc
from prack_grpc.broker.seam import OperatorSide
from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.limits import BookLimits
from prack_grpc.dashboard.addresses import Addresses
from prack_grpc.gateway.http.admission import Admission, within
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.handover.sockets import Sockets
from prack_grpc.listener import Listener, listen, url
from prack_grpc.neighbours.neighbours import Cluster
from prack_grpc.private.callers import Callers
from prack_grpc.private.health import Health, health_pages
from prack_grpc.private.late import LateApp
from prack_grpc.settings.loading import flag
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry.books.books import Books
from prack_grpc.telemetry.books.marks import Marks
from prack_grpc.telemetry.books.watch import Watch
from prack_grpc.telemetry.certified import Certified
from prack_grpc.telemetry.pulse import Pulse
from prack_grpc.tls.certificates import Certificates
from prack_wire import private

if TYPE_CHECKING:
    from prack_grpc.dashboard.app import AdminApp
    from prack_grpc.private.operators.operating import Operating

log = logging.getLogger(__name__)

# Whoever looks at the page, some scrapers, and some shells.
LIMITS = ConnectionLimits(connections=256)


@dataclass(frozen=True)
class Told:
    """What the admin port tells of, and what it changes.

    `clients` counts connections and WebSockets; `report` takes whether the gateway is ready, when
    that changes. It `succeeds` another gateway, or starts afresh. `certified` is how certificates
    are. It is one of the `cluster`; `deferred` counts requests that are kept.
    """

    broker: OperatorSide
    health: Health
    books: Books | None
    addresses: Addresses
    clients: Callable[[], tuple[int, int]]
    operating: Callable[[], "Operating"]
    report: Callable[[bool], Awaitable[None]]
    succeeds: bool
    certified: Callable[[], Certified]
    cluster: Cluster
    deferred: Callable[[], Counts | None]

    def warnings(self) -> list[str]:
        """What will be wrong, or is, if nobody does anything."""
        counts = self.deferred()
        return [*self.certified().warnings, *(counts.warnings if counts else ())]


class Admin:
    """The admin port, open: its number is `port`."""

    def __init__(self, port: int, listener: Listener, pulse: Pulse, app: LateApp) -> None:
        self.port = port
        self._app = app
        self._listener = listener
        self._pulse = pulse

    def adopt(self, sock: socket.socket) -> None:
        """Serve a connection on which another gateway passes on calls."""
        self._listener.adopt(sock, app=self._app.relayed)

    def leave(self) -> None:
        """A successor tells from now on."""
        self._pulse.stop()
        self._listener.leave(True)


@asynccontextmanager
async def admin_port(
    settings: Settings,
    sockets: Sockets,
    callers: Callers,
    told: Told,
    certificates: Certificates | None,
) -> AsyncIterator[Admin]:
    """The admin port is open inside. Raises AddressInUse."""
    watch = None
    if told.books is not None:
        marks = Marks(BookLimits().marks)
        marks.add(time.time(), "upgrade" if told.succeeds else "started")
        watch = Watch(told.books, marks, BookLimits(), told.broker.status)
    pulse = Pulse(watch)
    if settings.ready_with_worker:
        told.health.has_worker = partial(_has_worker, watch, told.broker)
    file = settings.admin_token_file
    if file and private.is_open_to_others(file):
        log.warning(private.REMEDY, file, extra={"action": "token_exposed"})
    make = partial(_app, told, watch, pulse, callers)
    app = LateApp(callers, health_pages(told.health), make)
    admits = within(settings.admin_networks, flag("admin_networks"))
    server = HttpServer(app, LIMITS, Admission(LIMITS, lambda _: True, admits))
    app.on_made = server.become
    take = partial(listen, settings.admin_host, settings.admin_port, "admin_port")
    with sockets.take("admin", take) as sock, _marking(watch):
        listener = Listener(server, sock, certificates=certificates)
        await listener.start()
        pulse.start()
        reporting = asyncio.create_task(_report(told, pulse), name="health")
        host, port = sock.getsockname()[:2]
        log.info("Admin port on %s", url(host, port, "http", certificates))
        try:
            yield Admin(port, listener, pulse, app)
        finally:
            pulse.stop()
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
            listener.leave("admin" in sockets.kept)
            await listener.stop()


def _app(told: Told, watch: Watch | None, pulse: Pulse, callers: Callers) -> "AdminApp":
    # Nobody looks at most gateways (decision 0061).
    from prack_grpc.dashboard.app import Parts, create_app
    from prack_grpc.dashboard.overview import Looking

    if watch is None:
        return create_app(told.health, None, callers, told.cluster)
    looking = Looking(watch, told.health, told.addresses, told.clients, told.warnings)
    live, operating = told.broker.exchanges, told.operating()
    parts = Parts(
        watch, looking, pulse, live, told.clients, operating, told.certified, told.deferred
    )
    return create_app(told.health, parts, callers, told.cluster)


def _has_worker(watch: Watch | None, broker: OperatorSide) -> bool:
    """A worker that polls is no less here between two polls; one of a peer is as good."""
    if watch is not None and any(not seen.gone for seen in watch.workers.known.values()):
        return True
    return bool(broker.status().workers)


@contextmanager
def _marking(watch: Watch | None) -> Iterator[None]:
    """What is logged is marked, whether it is written or not."""
    if watch is None:
        yield
        return
    logger = logging.getLogger(prack_grpc.__name__)
    level = logger.level
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    logger.addHandler(watch.marks)
    try:
        yield
    finally:
        logger.removeHandler(watch.marks)
        logger.setLevel(level)


async def _report(told: Told, pulse: Pulse) -> None:
    """Tell when the gateway has become ready, or is no more; until that is told elsewhere."""
    before = True
    while not told.health.draining:
        await pulse.next_look()
        if (ready := not told.health.reasons()) is not before:
            before = ready
            await told.report(ready)
