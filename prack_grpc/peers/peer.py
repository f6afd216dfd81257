"""One other gateway, at the other end of a link.

House rules: each side says hello first; from then on everything is sent in the order in which it
was told; a peer that breaks a rule is of another version, or broken: its link is closed.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import DecodeError

from prack.link.v1 import link_pb2 as link
from prack_grpc.broker.seam import LinkedBroker
from prack_grpc.bus.link import Link
from prack_grpc.core.errors import BadRoute, WindowExceeded
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.limits import Limits
from prack_grpc.peers.answers import Answers
from prack_grpc.peers.guest import Guest
from prack_grpc.peers.hosting import Hosting
from prack_grpc.peers.offers import offer_message, read_offer
from prack_grpc.peers.tunnels import Adopt, Tunnels
from prack_grpc.stream.errors import StreamError
from prack_grpc.stream.hello import DEFAULT_WINDOW, limits_message

log = logging.getLogger(__name__)

# Minor versions of prack.link.v1 that this gateway speaks.
MINOR_MIN, MINOR_MAX = 1, 1
# Each side says something at least once a second.
UNHEARD_SECONDS = 2.0


class BadMessage(Exception):
    """A peer breaks a rule of the link."""


class Here(NamedTuple):
    """This gateway, for its peers.

    `name` makes the names of exchanges of this gateway; `adopt` has whoever serves a private port,
    by the port's name; `moved` is told of workers that have said hello to another gateway (the name
    of their principal, their id and instance).
    """

    gateway: str
    broker: LinkedBroker
    limits: Limits
    name: Callable[[], str]
    adopt: Adopt
    moved: Callable[[str, str, bytes], None]


class Peer:
    """Implements `bus.link.LinkReceiver` and `core.receivers.PeerReceiver`.

    It `is_up` once it has said hello; `changed` is called then, and when it is gone (`is_over`).
    `round_trip` is in seconds, None until it was measured.
    """

    def __init__(self, carrier: Link, here: Here, changed: Callable[[], None]) -> None:
        self._link = carrier
        self._here = here
        self._broker = here.broker
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self.gateway = carrier.peer
        self.round_trip: float | None = None
        self.is_up = self.is_over = False
        self.tunnels = Tunnels(carrier, here.adopt)
        self._answers = Answers(carrier)
        self._hosting: Hosting
        self._guests: dict[int, Guest] = {}
        self._window = 0
        self._echo: asyncio.Future[None] | None = None
        hello = link.LinkHello(gateway_id=here.gateway, minor_min=MINOR_MIN, minor_max=MINOR_MAX)
        hello.limits.CopyFrom(limits_message(here.limits))
        self._send(link.LinkMessage(hello=hello))

    @property
    def state(self) -> str:
        """For people: up, or how long nothing was heard; NATS may be away."""
        silence = self._link.silence()
        return "up" if silence < UNHEARD_SECONDS else f"no word for {silence:.0f} s"

    def close(self, reason: str) -> None:
        """End the link."""
        self._link.close(reason)

    def ping(self) -> None:
        """Measure `round_trip`."""
        self._send(link.LinkMessage(ping=link.Ping(sent_at=self._loop.time())))

    async def caught_up(self) -> None:
        """Wait until all has come that the peer sent before it had heard what we have said."""
        if self.is_up:
            self._echo = self._loop.create_future()
            self.ping()
            await self._echo

    def joined(self, principal: str, worker: str, instance: bytes) -> None:
        """A worker has said hello to this gateway."""
        joined = link.Joined(principal=principal, worker_id=worker, instance=instance)
        self._send(link.LinkMessage(joined=joined))

    # ------------------------------------------------------------ LinkReceiver

    def received(self, message: bytes) -> None:
        try:
            read = link.LinkMessage.FromString(message)
            event = read.WhichOneof("message")
            if event == "to_owner" and self.is_up:
                self._answered(read.to_owner)
            elif event == "to_host" and self.is_up:
                self._hosting.take(read.to_host)
            else:
                self._take(event, read)
        except DecodeError:
            self._refuse("this is no message of prack.link.v1")
        except (BadMessage, StreamError, ValueError, WindowExceeded) as error:
            self._refuse(str(error))

    def ended(self, reason: str) -> None:
        """See LinkReceiver. What was never sent was never started; what was sent is lost."""
        self.is_over = True
        self._echoed()
        self.tunnels.end()
        if not self.is_up:
            return
        self.is_up = False
        about = {"action": "gateway_gone", "peer": self.gateway, "reason": reason}
        log.info("the link to another gateway has ended", extra=about)
        for number, guest in self._guests.items():
            self._broker.withdrawn(self, number)
            guest.end()
        self._hosting.end()
        self._broker.unlink(self)
        self._changed()

    def _refuse(self, reason: str) -> None:
        about = {"action": "link_refused", "peer": self.gateway, "reason": reason}
        log.warning("closed the link to another gateway", extra=about)
        self._link.close(reason)

    def _take(self, event: str | None, message: link.LinkMessage) -> None:
        if event == "hello":
            self._greeted(message.hello)
        elif not self.is_up:
            raise BadMessage("the first message of a link must be its hello")
        elif event == "tunnel":
            self.tunnels.take(message.tunnel)
        else:
            self._other(message)

    def _greeted(self, hello: link.LinkHello) -> None:
        if self.is_up:
            raise BadMessage("only the first message of a link may be a hello")
        if not (hello.minor_min <= MINOR_MAX and hello.minor_max >= MINOR_MIN):
            raise BadMessage(
                f"this gateway speaks minor {MINOR_MIN} to {MINOR_MAX} of prack.link.v1, the other "
                f"one {hello.minor_min} to {hello.minor_max}: update the older one"
            )
        self.is_up = True
        self._window = hello.limits.initial_window or DEFAULT_WINDOW
        here = self._here
        windows = self._window, here.limits.window
        self._hosting = Hosting(here.broker, self, self._answers, here.name, *windows)
        about = {"action": "gateway_linked", "peer": self.gateway}
        log.info("linked to another gateway", extra=about)
        self._broker.link(self)
        self.ping()
        self._changed()

    def _other(self, message: link.LinkMessage) -> None:
        """What is offered, wanted and lent. What only a later version says is nothing to us."""
        broker = self._broker
        if message.HasField("lent"):
            self._lent(message.lent)
        elif message.HasField("want"):
            want = message.want
            broker.wanted(self, want.number, want.count, want.oldest_seconds, want.urgency)
        elif message.HasField("returned"):
            broker.returned(self, message.returned.number, message.returned.count)
        elif message.HasField("recall"):
            broker.recall(self, message.recall.number, message.recall.count)
        elif message.HasField("offer"):
            self._offered(message.offer)
        elif message.HasField("offer_gone"):
            self._withdrawn(message.offer_gone.number)
        elif message.HasField("joined"):
            joined = message.joined
            self._here.moved(joined.principal, joined.worker_id, joined.instance)
        elif message.HasField("ping"):
            self._pinged(message.ping)

    def _pinged(self, ping: link.Ping) -> None:
        if ping.echo:
            self.round_trip = self._loop.time() - ping.sent_at
            self._echoed()
        else:
            self._send(link.LinkMessage(ping=link.Ping(sent_at=ping.sent_at, echo=True)))

    def _echoed(self) -> None:
        if self._echo is not None and not self._echo.done():
            self._echo.set_result(None)

    def _offered(self, message: link.Offer) -> None:
        number = message.number
        guest = Guest(self._broker, self._here.limits, self._window, number, self._link)
        try:
            self._broker.offered(self, number, read_offer(message), guest)
        except BadRoute as error:
            guest.end()
            about = {"action": "offer_refused", "peer": self.gateway, "reason": str(error)}
            log.warning("another gateway's workers cannot be used", extra=about)
        else:
            self._guests[number] = guest

    def _withdrawn(self, number: int) -> None:
        if guest := self._guests.get(number):
            guest.is_withdrawn = True
            self._broker.withdrawn(self, number)
            self._part(number, guest)

    def _lent(self, lent: link.Lent) -> None:
        if lent.slots and lent.number not in self._guests:  # of an offer that was refused here
            self.give_back(lent.number, lent.slots)
        else:
            self._broker.lent(self, lent.number, lent.slots, lent.returned)

    def _answered(self, message: link.ToOwner) -> None:
        number = message.number
        if guest := self._guests.get(number):
            guest.take(message)
            if guest.is_withdrawn:
                self._part(number, guest)

    def _part(self, number: int, guest: Guest) -> None:
        """Workers that serve nothing more may finish what they hold."""
        if guest.is_withdrawn and guest.is_idle:
            del self._guests[number]
            guest.end()

    # ------------------------------------------------------------ PeerReceiver

    def offer(self, number: int, offer: Offer) -> None:
        self._send(link.LinkMessage(offer=offer_message(number, offer)))

    def gone(self, number: int) -> None:
        self._send(link.LinkMessage(offer_gone=link.OfferGone(number=number)))

    def lend(self, number: int, slots: int, returned: int) -> None:
        self._answers.lend(number, slots, returned)

    def recall(self, number: int, count: int) -> None:
        self._send(link.LinkMessage(recall=link.Recall(number=number, count=count)))

    def released(self, id_: str) -> None:
        self._hosting.released(id_)

    def want(self, number: int, count: int, oldest: float, urgency: int) -> None:
        want = link.Want(number=number, count=count, oldest_seconds=oldest, urgency=urgency)
        self._send(link.LinkMessage(want=want))

    def give_back(self, number: int, count: int) -> None:
        self._send(link.LinkMessage(returned=link.Returned(number=number, count=count)))

    def _send(self, message: link.LinkMessage) -> None:
        self._link.send(message.SerializeToString())
