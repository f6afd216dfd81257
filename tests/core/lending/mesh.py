"""Some gateways that live a random life, with links that deliver late and break."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, count
from typing import Any

from bench.lending.link import End, Message, connect
from bench.lending.node import Node
from prack_grpc.core.errors import ErrorKind
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease, Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.lending.lending import Lending
from prack_grpc.core.limits import Limits
from tests.core.building import a_request, a_session

LIMITS = Limits(queue_timeout=60.0, head_timeout=60.0, share_linger=0.5, route_linger=1.0)


class Clock:
    """Moves only when it is moved."""

    now = 1000.0


class Gateway(Node):
    """Its workers do what a test lets them do."""

    def __init__(
        self, name: str, clock: Clock, hand_out: HandOut, lending: type[Lending], mesh: "Mesh"
    ) -> None:
        super().__init__(name, hand_out, lending)
        self._clock = clock
        self._mesh = mesh
        self.outcomes: Counter[str] = Counter()
        self.owed: dict[str, None] = {}

    def now(self) -> float:
        return self._clock.now

    @property
    def sessions(self) -> list[Session]:
        """Of its own workers."""
        return [one for one in self.core.queue.sessions if not one.guest]

    @property
    def leases(self) -> list[Lease]:
        """What its own workers hold."""
        return [lease for session in self.sessions for lease in session.held.values()]

    @property
    def guests(self) -> list[Session]:
        """What stands for others' workers."""
        return [one for one in self.core.queue.sessions if one.guest]

    def delivered(self, lease: Lease) -> None:
        session, request = lease.session, lease.assignment.request
        most = session.slots + session.websocket_slots
        assert len(session.held) <= most, "a worker has more than its slots"
        self._mesh.started[request.target] += 1
        most = 1 if request.method == b"POST" else 2
        assert self._mesh.started[request.target] <= most, "S3: begun too often"
        if not session.profile.acknowledges:
            self.perform(self.core.drain(session, self.now()))  # a poll is over

    def cancelled(self, lease: Lease) -> None:
        assert lease in self.leases or not lease.session.profile.acknowledges

    def answered(self, exchange: Exchange) -> None:
        self._over(exchange)

    def failed(self, exchange: Exchange, kind: ErrorKind) -> None:
        self._over(exchange)
        target = exchange.request.target
        if kind.status == 503:
            assert not self._mesh.started[target], "503 says that no worker has started it"

    def _over(self, exchange: Exchange) -> None:
        del self.owed[exchange.id]  # S1: it is owed one outcome


class Mesh:
    """Gateways and what is between them. `started` counts, of each request, who may have begun it.

    Of each end, `vanished` counts idle loans whose worker has gone.
    """

    def __init__(
        self,
        gateways: int,
        hand_out: type[HandOut],
        lending: type[Lending],
        limits: Limits = LIMITS,
    ) -> None:
        self.clock = Clock()
        self.started: Counter[bytes] = Counter()
        self.vanished: Counter[End] = Counter()
        self.ids = count()
        self.gateways = [
            Gateway(f"{number:08x}", self.clock, hand_out(limits, self.clock.now), lending, self)
            for number in range(gateways)
        ]
        self.pairs = list(combinations(self.gateways, 2))
        self.links: dict[tuple[Gateway, Gateway], tuple[End, End]] = {}
        self.ways: dict[End, deque[Message]] = {}
        for pair in self.pairs:
            self.mend(pair)

    # ------------------------------------------------------------ links

    def mend(self, pair: tuple[Gateway, Gateway]) -> None:
        """A new link."""
        there, back = deque[Message](), deque[Message]()
        ends = self.links[pair] = connect(*pair, there.append, back.append)
        for end, way in zip(ends, (there, back), strict=True):
            self.ways[end] = way
            end.begin()

    def cut(self, pair: tuple[Gateway, Gateway]) -> None:
        """What is on its way is lost."""
        for end in self.links.pop(pair):
            del self.ways[end]
            end.end()

    def deliver(self, end: End) -> None:
        """The first that this end has said arrives."""
        self.ways[end].popleft()()

    def deliver_all(self) -> None:
        """Until nothing is on its way."""
        for _ in range(10_000):
            talking = [end for end, way in self.ways.items() if way]
            if not talking:
                return
            for end in talking:
                self.deliver(end)
        raise AssertionError("peers talk without an end")

    def pass_time(self, seconds: float) -> None:
        """Everybody's timers fire."""
        self.clock.now += seconds
        for gateway in self.gateways:
            gateway.expire()

    def quiet(self, seconds: float = 0.2) -> None:
        """All that is said arrives, for so long."""
        for _ in range(round(seconds / 0.02)):
            self.deliver_all()
            self.pass_time(0.02)
        self.deliver_all()

    # ------------------------------------------------------------ clients and workers

    def submit(self, gateway: Gateway, method: bytes = b"GET", **about: Any) -> Exchange:
        """A client asks."""
        target = b"/%d" % next(self.ids)
        request = a_request(method=method, target=target, **about)
        exchange = gateway.submit(request)
        gateway.owed[request.id] = None
        return exchange

    def join(self, gateway: Gateway, slots: int, *routes: str, **about: Any) -> Session:
        """A worker comes."""
        session = a_session(*routes, slots=slots, **about)
        gateway.perform(gateway.core.join(session, gateway.now()))
        return session

    @contextmanager
    def slots_vanish(self, gateway: Gateway) -> Iterator[None]:
        """Slots of its workers may be there no more, whoever was promised them."""
        before = self._idle(gateway)
        yield
        self.vanished += before - self._idle(gateway)

    def _idle(self, gateway: Gateway) -> Counter[End]:
        found: Counter[End] = Counter()
        for loan in gateway.steps.lender.loans():
            assert isinstance(loan.peer, End)
            found[loan.peer] += len(loan.idle)
        return found

    # ------------------------------------------------------------ what holds at any time

    def check(self) -> None:
        """After each step."""
        for gateway in self.gateways:
            self._slots(gateway)
            self._books(gateway)
        for end in self.ways:
            assert end.refused <= self.vanished[end], "a request met a slot that was not there"

    def _slots(self, gateway: Gateway) -> None:
        loans = gateway.steps.lender.loans()
        for session in gateway.sessions:
            idle = sum(loan.idle.count(session) for loan in loans)
            assert session.reserved == idle, "set aside, and lent to nobody"
            assert not idle or len(session.held) + idle <= session.slots, "more than its slots"
        for loan in loans:
            assert loan.peer in self.ways, "lent to a peer that is gone"
        for lane in gateway.core.queue.lanes():
            assert not any(one.loan for one in lane.waiting), "a hosted one waits"

    def _books(self, gateway: Gateway) -> None:
        core, steps = gateway.core, gateway.steps
        for books, hosted in ((steps.counters, False), (steps.hosted, True)):
            here = [one for one in core.exchanges.values() if bool(one.loan) is hosted]
            assert books.accepted == sum(books.done.values()) + len(here), "S12: exchanges"
            open_ = [one for one in core.assigned.values() if bool(one.exchange.loan) is hosted]
            ends = books.answered + books.returned + books.failed + books.cancelled
            assert books.leased == ends + sum(not one.cancelled for one in open_), "S12: leases"
        assert set(gateway.owed) == {one.id for one in core.exchanges.values() if not one.loan}

    # ------------------------------------------------------------ what holds in the end

    def check_quiet(self) -> None:
        """All is said, and some time has passed: nobody waits for what is there.

        But for clients that have their share: they leave a slot of each gateway to others.
        """
        for guest, loan in self._pairs():
            assert guest.slots == loan, "what is lent is not what is borrowed"
        for gateway in self.gateways:
            for guest in gateway.guests:
                assert guest.held or not guest.draining, "of workers that are gone something stays"
            for lane in gateway.core.queue.lanes():
                if lane.count:
                    most = len(self.gateways) if _has_hogs_only(lane) else 0
                    idle = self._unused(gateway)
                    assert idle <= most, "a slot is idle while somebody waits for it"

    def _pairs(self) -> Iterator[tuple[Session, int]]:
        for ends in self.links.values():
            for end in ends:
                for guest in end.node.lending.borrower.guests.values():
                    if guest.peer is end and not guest.session.draining:
                        stock = end.far.node.steps.lender.stocks.all[guest.number]
                        loan = stock.loans.get(end.far)
                        yield guest.session, loan.lent if loan else 0

    def _unused(self, gateway: Gateway) -> int:
        """Slots that this gateway could have, and that nobody uses."""
        peers = [
            end.far.node for ends in self.links.values() for end in ends if end.node is gateway
        ]
        hosts = [gateway, *(peer for peer in peers if not peer.core.draining)]
        return sum(
            max(0, session.slots - len(session.held))
            for host in hosts
            for session in host.core.queue.sessions
            if not (session.guest or session.draining or session.paused)
        )


def _has_hogs_only(lane: ExchangeLane) -> bool:
    """Of many slots, all clients that wait have half."""
    clients = {one.request.counts_for for one in lane.waiting}
    return lane.busy >= 2 and all(2 * lane.held.get(one, 0) >= lane.busy for one in clients)
