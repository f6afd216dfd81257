"""Everything that workers can do."""

from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from prack_grpc.core import errors
from prack_grpc.core.effects import Effects
from prack_grpc.core.errors import (
    BadRoute,
    Late,
    LeaseError,
    NotHeld,
    TooManySessions,
    WindowExceeded,
)
from prack_grpc.core.exchange.abort import UNSTARTED, AbortCode
from prack_grpc.core.exchange.exchange import Session
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.queue.traffic import Pool
from prack_grpc.core.worker import TRUSTED, Profile
from tests.core.building import NO_WORKER, a_head
from tests.core.clients import Clients
from tests.core.life import (
    LIMITS,
    abouts,
    idle,
    kinds,
    one,
    picks,
    routes,
    sizes,
    slots,
    websocket_slots,
    workers,
)
from tests.core.lines import served
from tests.core.owed import Hand


class Workers(Clients):
    """Sessions that come, change and go, and what they answer, in order or not."""

    @rule(worker=workers, slots=slots, routes=routes, kinds=kinds, about=abouts)
    def join(
        self,
        worker: str,
        slots: int,
        routes: tuple[Route, ...],
        kinds: tuple[Kind, ...],
        about: tuple[Pool, int, float, int, bool],
    ) -> None:
        model, stream = self.model, worker == "stream"
        (service, version), tier, lease, sockets, collects = about
        lease, sockets = (0.0, sockets) if stream else (lease, 0)
        profile = Profile(
            worker,
            slots,
            stream,
            routes,
            service,
            version,
            kinds,
            tier,
            lease,
            sockets,
            collects and not stream,
        )
        session = Session(profile, TRUSTED, NO_WORKER, slots, sockets)

        def act() -> Effects:
            return self.core.join(session, self.now)

        new = [place for place in served(session) if (*place, None) not in model.lines]
        known = Counter(kind for kind, _, pool in model.lines if pool is None)
        if len(model.sessions) >= LIMITS.max_sessions:
            self.refused(TooManySessions, act)
        elif len(routes) > LIMITS.session_routes:
            self.refused(BadRoute, act)
        elif any(known[kind] + len(new) > LIMITS.max_routes for kind, _ in new):
            self.refused(BadRoute, act)
        else:
            model.sessions[session] = []
            if worker == "poll":
                model.polls.add(session)
            self.perform(act())

    @property
    def sessions(self) -> list[Session]:
        return list(self.model.sessions)

    @precondition(lambda self: self.sessions)
    @rule(number=picks, slots=st.integers(0, 3), sockets=websocket_slots)
    def resize(self, number: int, slots: int, sockets: int) -> None:
        session = one(self.sessions, number)
        self.perform(self.core.resize(session, slots, self.now, sockets))

    @precondition(lambda self: self.sessions)
    @rule(number=picks)
    def drain(self, number: int) -> None:
        session = one(self.sessions, number)
        effects = self.core.drain(session, self.now)
        self.model.drain(session, self.now)
        self.perform(effects)

    @precondition(lambda self: self.sessions)
    @rule(number=picks)
    def lose(self, number: int) -> None:
        model, session = self.model, one(self.sessions, number)
        effects = self.core.lose(session, self.now)
        lost = list(reversed(model.sessions[session]))
        model.leave_lines(session, self.now)
        model.drained.add(session)
        self.follow()
        if not lost:
            model.end(session, self.now)
        self.take_away(lost, effects)
        if session in model.sessions:
            model.end(session, self.now)
        assert self.ignored(lambda: self.core.lose(session, self.now)) == []

    def take_away(self, hands: list[Hand], effects: Effects) -> None:
        """What a lost worker held goes back to the queue if it may, or fails."""
        open_ = [hand for hand in hands if hand.owed.unfinished]
        again = [hand for hand in hands if self.model.take_away(hand, self.now)]
        self.perform(effects)
        for hand in open_:
            assert hand.owed.unfinished is (hand in again), "S3: repeated or not, wrongly"
            assert hand in again or hand.owed.exchange.error is errors.WORKER_LOST

    @property
    def spoken_of(self) -> list[Hand]:
        """What workers hold, and the last that they let go of (S4)."""
        closed = [hand for hand in self.model.hands.values() if hand.state is Work.CLOSED]
        return self.model.held + closed[-1:]

    @precondition(lambda self: self.model.held)
    @rule(
        number=picks,
        size=sizes,
        kind=st.sampled_from(["whole", "stream", "stream", "bodiless"]),
        spare=st.sampled_from([None, 0, 1, 40]),
    )
    def head(self, number: int, size: int, kind: str, spare: int | None) -> None:
        body = bytes(range(0 if kind == "bodiless" else size))
        self.send_head(one(self.spoken_of, number), body, kind, spare)

    def send_head(self, hand: Hand, body: bytes, kind: str, spare: int | None) -> None:
        """`spare`: by how much the declared length exceeds the body that comes with the head."""
        length = -1 if spare is None else len(body) + spare
        head, end = a_head(body, kind != "stream", length), kind == "whole"

        def act() -> Effects:
            return self.answering.begin(hand.lease, head, end, self.now)

        if len(body) > LIMITS.window and (hand.lease.session.profile.acknowledges or not end):
            self.refused(WindowExceeded, act)
        elif hand.state in (Work.ANSWERING, Work.CLOSED):
            self.refused(LeaseError, act)
        elif hand.state is Work.CANCELLED and not end:
            assert self.ignored(act) == []
        elif hand.state is Work.CANCELLED:
            self.let_go(hand, Late.GONE, act)
        else:
            owed = hand.owed
            owed.begun, owed.whole, owed.sent, owed.head_at = True, head.end, body, self.now
            owed.deadline = self.now + idle(owed)
            hand.state, hand.received = Work.ANSWERING, len(body)
            hand.expected = -1 if head.end else length
            if end:
                self.let_go(hand, Late.ANSWERED, act)
            else:
                self.perform(act())

    def let_go(self, hand: Hand, verdict: Late, act: Callable[[], Effects]) -> Effects:
        """The worker's last word on this hand-out."""
        effects = act()
        self.model.close(hand, verdict, self.now)
        self.perform(effects)
        return effects

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def serve(self, number: int) -> None:
        """The usual case: a whole answer, and a client that takes it."""
        hand = one(self.model.held, number)
        self.send_head(hand, b"ok", "whole", None)
        if hand.owed.unfinished and hand.owed.served:
            self.finish_reading(hand.owed)

    @precondition(lambda self: self.model.held)
    @rule(number=picks, size=st.sampled_from([1, 20, 31]), end=st.booleans())
    def relay(self, number: int, size: int, end: bool) -> None:
        """The usual case of a stream: a piece, and a client that takes it."""
        hand = one(self.model.held, number)
        if hand.state is Work.LEASED:
            self.send_head(hand, b"", "stream", None)
        self.send(hand, size)
        if hand.owed in self.reading:
            self.take_response(hand.owed, size)
        if end and hand.state is Work.ANSWERING:
            self.send_finish(hand)
            if hand.owed in self.served:
                self.finish_reading(hand.owed)

    @precondition(lambda self: self.model.held)
    @rule(number=picks, size=sizes)
    def data(self, number: int, size: int) -> None:
        self.send(one(self.spoken_of, number), size)

    def send(self, hand: Hand, size: int) -> None:
        """A piece of response body."""
        owed, download = hand.owed, hand.owed.exchange.download
        piece = bytes((len(owed.sent) + i) % 256 for i in range(size))

        def act() -> Effects:
            return self.answering.data(hand.lease, piece, self.now)

        if hand.state is Work.CANCELLED:
            assert self.ignored(act) == []
        elif hand.state is not Work.ANSWERING:
            self.refused(LeaseError, act)
        elif 0 <= hand.expected < hand.received + size:
            lease, effects = owed.exchange.lease, act()
            assert owed.exchange.error is errors.BAD_RESPONSE
            self.end_by_client(lease, effects)
        elif download.pushed + size > download.granted:
            self.refused(WindowExceeded, act)
        else:
            effects = act()
            owed.sent += piece
            hand.received += size
            owed.deadline = self.now + idle(owed)
            self.perform(effects)
            if not owed.unfinished:  # the answer had no body: what comes is dropped
                download.take_all()
                download.regrant(download.taken)

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def finish(self, number: int) -> None:
        self.send_finish(one(self.spoken_of, number))

    def send_finish(self, hand: Hand) -> None:
        """The end of the response body."""

        def act() -> Effects:
            return self.answering.end(hand.lease, self.now)

        if hand.state is Work.CANCELLED:
            self.let_go(hand, Late.GONE, act)
        elif hand.state is Work.ANSWERING:
            self.let_go(hand, Late.ANSWERED, act)
            cut = hand.expected not in (-1, hand.received)
            assert cut is (hand.owed.exchange.error is errors.BAD_RESPONSE)
        else:
            self.refused(LeaseError, act)

    @precondition(lambda self: self.model.held)
    @rule(number=picks, code=st.sampled_from(AbortCode))
    def abort(self, number: int, code: AbortCode) -> None:
        self.send_abort(one(self.spoken_of, number), code)

    @precondition(lambda self: self.model.held)
    @rule(number=picks, size=sizes)
    def refuse(self, number: int, size: int) -> None:
        """Given back, perhaps after some of the body was taken."""
        hand = one(self.model.held, number)
        if hand in self.taking:
            self.take_body(hand, size)
        self.send_abort(hand, AbortCode.REFUSED)

    def send_abort(self, hand: Hand, code: AbortCode) -> None:
        """The worker's last word, without a response."""

        def act() -> Effects:
            return self.core.abort(hand.lease, code, "", self.now)

        if hand.state is Work.CLOSED:
            self.refused(LeaseError, act)
        elif hand.state is Work.CANCELLED:
            self.let_go(hand, Late.GONE, act)
        elif hand.state is Work.LEASED and code in UNSTARTED:
            self.give_back(hand, False, act)
        else:
            self.let_go(hand, Late.ANSWERED, act)
            assert not hand.owed.unfinished

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def put_back(self, number: int) -> None:
        hand = one(self.spoken_of, number)

        def act() -> Effects:
            return self.core.put_back(hand.lease, self.now)

        if hand.state is Work.LEASED:
            self.give_back(hand, True, act)
        else:
            self.refused(LeaseError, act)

    def give_back(self, hand: Hand, never_left: bool, act: Callable[[], Effects]) -> None:
        """A worker has not begun it; another that is free is given it before this one is."""
        model, exchange = self.model, hand.owed.exchange
        effects = act()
        again = model.give_back(hand, never_left, self.now)
        others = int(again and bool(model.next_of(self.place_of(exchange), self.now)))
        fresh = self.act_on(effects[:others])
        model.close(hand, Late.UNKNOWN if never_left else Late.STALE, self.now)
        self.end_polls(fresh | self.act_on(effects[others:]))
        assert again is hand.owed.unfinished
        if not again:
            assert exchange.error is (errors.WORKER_LOST if hand.owed.lost else errors.REFUSED)

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def lose_one(self, number: int) -> None:
        """A worker has gone away with this, and goes on with the rest."""
        hand = one(self.spoken_of, number)

        def act() -> Effects:
            return self.core.lost(hand.lease, self.now)

        if hand.state is Work.CLOSED:
            self.refused(LeaseError, act)
        else:
            self.take_away([hand], act())

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def spoil(self, number: int) -> None:
        hand = one(self.spoken_of, number)
        if hand.owed.unfinished:
            lease = hand.owed.exchange.lease
            self.end_by_client(lease, self.answering.spoil(hand.lease, "", self.now))
            assert hand.owed.exchange.error is errors.BAD_RESPONSE
        else:
            assert self.ignored(lambda: self.answering.spoil(hand.lease, "", self.now)) == []

    @precondition(lambda self: self.model.held)
    @rule(number=picks, seconds=st.sampled_from([0.001, 1.0, 1.5, 3.0, 1e9]))
    def extend(self, number: int, seconds: float) -> None:
        hand = one(self.spoken_of, number)
        if hand.state is Work.LEASED:
            alive = hand.lease.session.profile.lease
            latest = hand.leased_at + (LIMITS.head_timeout if alive else LIMITS.lease_max)
            hand.owed.deadline = max(hand.owed.deadline, min(self.now + seconds, latest))
            left = self.core.extend(hand.lease, seconds, self.now)
            assert left == hand.owed.deadline - self.now
        else:
            self.ignored(lambda: self.core.extend(hand.lease, seconds, self.now))

    @property
    def taking(self) -> list[Hand]:
        hands = [hand for hand in self.model.held if hand.open]
        return [hand for hand in hands if hand.owed.exchange.upload is not NO_BODY]

    @precondition(lambda self: self.taking)
    @rule(number=picks, size=sizes)
    def take(self, number: int, size: int) -> None:
        self.take_body(one(self.taking, number), size)

    def take_body(self, hand: Hand, size: int) -> None:
        """The worker takes some of the request body."""
        upload = hand.owed.exchange.upload
        upload.allow(len(hand.taken) + size)
        hand.taken += upload.take(size)
        assert hand.owed.body.startswith(hand.taken), "S6: not what its client has sent"
        upload.regrant(upload.taken)

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def collect(self, number: int) -> None:
        hand = one(self.model.held, number)
        if hand.in_ledger and hand.state is Work.LEASED:
            self.core.collect(hand.owed.exchange)

    @precondition(lambda self: self.model.names)
    @rule(number=picks)
    def look_up_a_name(self, number: int) -> None:
        model, find = self.model, self.core.ledger.find
        name = one([*self.old_names[-2:], "id0.9", *reversed(model.names)], number)
        hand = model.names.get(name)
        if hand and hand.in_ledger:
            assert self.ignored(lambda: find(name, TRUSTED)) is hand.lease
        else:
            late = self.refused(NotHeld, lambda: find(name, TRUSTED)).late
            assert late in (model.verdicts(hand) if hand else {Late.UNKNOWN})
