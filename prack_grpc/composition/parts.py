"""What a gateway is built from, before anything runs."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from prack_grpc.access import Access
from prack_grpc.acme.certification import Certification
from prack_grpc.broker.ticket import gateway_id
from prack_grpc.bus.link import Meeting
from prack_grpc.composition.cluster import OnNats
from prack_grpc.composition.websockets import WebSockets
from prack_grpc.core.limits import KIB, BookLimits
from prack_grpc.deferring import Deferring
from prack_grpc.gateway.app import PublicApp
from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.proxy_protocol import Proxies
from prack_grpc.gateway.request.addresses import trusting
from prack_grpc.gateway.secure import StrictResponse
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.neighbours.neighbours import ALONE, Cluster, Expected
from prack_grpc.private.health import Health
from prack_grpc.processes.parent import Parent
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry.access import AccessLog
from prack_grpc.telemetry.books.books import Books
from prack_grpc.tls.certificates import Certificates, names_of


class Parts:
    """The settings, and all that they decide before there is a loop. Raises BadCertificate,
    BadCredentials, BadStore or SettingsError.

    `process` is the number of this process among several, from 1, and 0 if it is the only one.
    """

    def __init__(
        self,
        settings: Settings,
        limits: ConnectionLimits | None = None,
        sockets: Sockets | None = None,
        predecessor: Predecessor | None = None,
        meetings: Callable[[str], Sequence[Meeting]] = lambda _: (),
        parent: Parent | None = None,
    ) -> None:
        self.parent = parent
        self.process = parent.number if parent else 0
        # Who keeps what there is once: files, and the account at an authority.
        self.first = self.process <= 1
        self.certification = Certification(settings, self.process)
        self.settings = settings = self.certification.settings
        self.tls = Certificates(settings, "tls") if settings.tls_cert else None
        self.api_tls = Certificates(settings, "api_tls") if settings.api_tls_cert else None
        self.certificates = [one for one in (self.tls, self.api_tls) if one]
        limits = limits or settings.connection_limits()
        self.exempt = trusting(settings.trusted_proxies)
        self.limits = limits
        self.admission = Admission(limits, self.exempt)
        self.books = Books(BookLimits(), time.monotonic()) if settings.metrics else None
        self.access = AccessLog(settings.access_log, self.books)
        self.callers = Access(settings, names_of(self.api_tls))
        self.health = Health()
        self.health.certified = self.certification.reasons
        self.sockets = sockets or Sockets()
        self.predecessor = predecessor
        own = gateway_id()
        self.nats = OnNats(settings, own)
        self.deferring = Deferring(settings, self.nats.bus, own)
        # Where both find a gateway, NATS has the longer way.
        self.meetings = [*meetings(own), *self.nats.meetings]
        self.health.notes = self.nats.notes
        self.neighbours = Expected() if self.meetings else None
        self.cluster = Cluster(own, self.neighbours or ALONE, str(self.process or ""))

    def http(self, app: PublicApp) -> HttpServer:
        """What serves this app on the public port."""
        # It counts compressed bytes, and those of noise grow a little.
        most = self.settings.websocket_message * 65 // 64 + KIB
        websockets = WebSockets(app, most)
        http = HttpServer(app, self.limits, self.admission, websockets, access=self.access)
        if self.settings.hsts is not None:
            http.response = partial(StrictResponse, self.settings.hsts)
        return http

    def proxies(self) -> Proxies | None:
        """Who introduces clients by the PROXY protocol, if anybody does."""
        return Proxies(self.exempt, self.limits) if self.settings.proxy_protocol else None

    @property
    def reloads(self) -> Iterator[Callable[[], None]]:
        """What reads files again, changed or not."""
        yield from (one.reload for one in self.certificates)
        yield from self.callers.reloads
        yield from self.certification.reloads
