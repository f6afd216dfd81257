"""Gateways of one cluster meet on NATS: each says hello, and any two have one link."""

import asyncio
import logging
from contextlib import suppress
from functools import partial

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from prack_grpc.bus.link import DEAD_SECONDS, ID, Linked, Wants
from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.connection import Connection
from prack_grpc.bus.nats.envelope import (
    HEAD,
    NOBODY,
    STAMP,
    Envelope,
    Kind,
    Subjects,
    stamp,
    unpack,
)
from prack_grpc.bus.nats.link import NatsLink
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
# A peer is gone that nobody listens for at NATS, and that has been silent for so long: it may be
# changing its server.
GONE_SECONDS = 1.5
# So long links wait for NATS, and for peers that may be waiting for it.
AWAY_SECONDS = 15.0
LAST_SECONDS = 1
STOPPED = "this gateway stops"
SILENT = "nothing was heard for {:g} s"
LEFT = "it is no more connected to NATS"
ANEW = "the peer has begun another link"


class NatsMeeting:
    """Implements `bus.link.Meeting`.

    Who hears of a peer offers a link (OPEN), with a random name of his end. Who is offered one
    answers with an OPEN of his own, and the link is up for whoever has been called by the name of
    his end.
    """

    def __init__(self, bus: Bus, me: str, cluster: str) -> None:
        self._bus = bus
        self._me = me
        self._subjects = Subjects(cluster)
        self._links: dict[str, NatsLink] = {}
        self._stamped: dict[bytes, NatsLink] = {}  # by how parcels for it begin
        self._client: Connection | None = None
        self._subscriptions: list[Subscription] = []
        foreign = "a gateway speaks another version over NATS: no link until both have the same"
        self._foreign = Complaint(log, "nats_version", foreign)
        self._loop: asyncio.AbstractEventLoop
        self._linked: Linked
        self._wants: Wants

    async def run(self, linked: Linked, wants: Wants) -> None:
        """See Meeting."""
        self._loop = asyncio.get_running_loop()
        self._linked, self._wants = linked, wants
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            try:
                async for client in self._bus.clients():
                    try:
                        await self._join(client)
                    except (nats.errors.Error, TimeoutError):
                        client.over.set()  # then there will be another one
            finally:
                await self._leave()

    async def _join(self, client: Connection) -> None:
        """Go on over this connection."""
        gone = self._subjects.gone(self._me, "*")
        self._subscriptions = [
            await client.listen(self._subjects.inbox(self._me), self._inbox),
            await client.subscribe(self._subjects.hello, cb=self._heard),
            await client.subscribe(gone, cb=self._gone),
        ]
        await client.flush(LAST_SECONDS)
        self._client = client
        for link in self._links.values():
            link.resume()
        self._hello()

    async def _leave(self) -> None:
        with suppress(nats.errors.Error):
            for subscription in self._subscriptions:
                await subscription.unsubscribe()
        for link in list(self._links.values()):
            link.close(STOPPED)
        with suppress(TimeoutError, nats.errors.Error):
            async with asyncio.timeout(LAST_SECONDS):
                if self._client is not None:
                    await self._client.flush(LAST_SECONDS)

    # ------------------------------------------------------------ time

    async def _beat(self) -> None:
        due = self._loop.time()
        while True:
            now = self._loop.time()
            late, due = now - due, now + BEAT_SECONDS
            for link in list(self._links.values()):
                # Who was stopped or busy himself cannot say that others were silent meanwhile.
                link.heard_at += late
                self._look(link, now)
            self._hello()
            await asyncio.sleep(BEAT_SECONDS)

    def _look(self, link: NatsLink, now: float) -> None:
        link.waiting |= self._client is None or self._client.is_closed
        patience = AWAY_SECONDS if link.waiting else DEAD_SECONDS
        if now - link.heard_at >= patience:
            link.close(SILENT.format(patience))
        else:
            link.beat()

    # ------------------------------------------------------------ what NATS brings

    async def _heard(self, message: Msg) -> None:
        """The hello of a peer."""
        peer = message.data.decode(errors="replace")
        if peer not in self._links and self._wanted(peer):
            self._begin(peer)

    def _inbox(self, message: bytes) -> None:
        link = self._stamped.get(message[: STAMP.size])
        if link is not None and len(message) >= HEAD.size:
            link.take_parcel(message, self._loop.time())
            return
        try:
            envelope = unpack(message)
        except ValueError as error:
            self._foreign.make(reason=str(error))
            return
        if envelope.kind is Kind.OPEN:
            self._opened(envelope)
            return
        link = self._links.get(envelope.gateway)
        if link is not None and (envelope.to, envelope.end) == (link.end, link.theirs):
            self._take(link, envelope)

    async def _gone(self, message: Msg) -> None:
        """NATS itself says that nobody listens to a peer's inbox."""
        link = self._links.get(message.subject.rpartition(".")[2])
        if link is None or link.waiting:
            return
        if self._loop.time() - link.heard_at >= GONE_SECONDS:
            link.close(LEFT)

    # ------------------------------------------------------------ links

    def _wanted(self, peer: str) -> bool:
        return peer != self._me and bool(ID.fullmatch(peer)) and self._wants(peer)

    def _opened(self, envelope: Envelope) -> None:
        """A peer offers a link, or agrees to ours."""
        link = self._links.get(envelope.gateway)
        if envelope.to not in (NOBODY, link and link.end) or not self._wanted(envelope.gateway):
            return  # for an end that is no more, or a link that nobody wants
        if link is not None and link.receiver is not None and link.theirs != envelope.end:
            link.close(ANEW)
            link = None
        link = link or self._begin(envelope.gateway)
        if link.theirs != envelope.end:
            link.theirs = envelope.end
            link.owe(Kind.OPEN)
        if envelope.to == link.end:
            self._take(link, envelope)

    def _begin(self, peer: str) -> NatsLink:
        inbox, gone = self._subjects.inbox(peer).encode(), self._subjects.gone(self._me, peer)
        deliver = partial(self._deliver, inbox, gone.encode())
        post = partial(self._publish, inbox)
        now = self._loop.time()
        link = self._links[peer] = NatsLink(self._me, peer, now, deliver, post, self._ended)
        return link

    def _take(self, link: NatsLink, envelope: Envelope) -> None:
        if link.receiver is None:
            link.receiver = self._linked(link)
            if not link.over:
                self._stamped[stamp(link.peer, link.theirs, link.end)] = link
        if not link.over:
            link.take(envelope, self._loop.time())

    def _ended(self, link: NatsLink) -> None:
        del self._links[link.peer]
        self._stamped.pop(stamp(link.peer, link.theirs, link.end), None)

    # ------------------------------------------------------------ what is said

    def _deliver(self, inbox: bytes, gone: bytes, envelope: Envelope) -> None:
        """With an answer of NATS if nobody listens, which parcels do not need."""
        self._publish(inbox, envelope.pack(), gone)

    def _hello(self) -> None:
        self._publish(self._subjects.hello.encode(), self._me.encode())

    def _publish(self, subject: bytes, data: bytes, answer: bytes = b"") -> None:
        """Or lose it, where NATS is away."""
        if self._client is not None:
            self._client.post(subject, data, answer)
