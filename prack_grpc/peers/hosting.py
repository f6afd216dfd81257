"""The host's end of all that the clients of one peer have asked for."""

import asyncio
from collections.abc import Callable

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import LinkedBroker
from prack_grpc.core.errors import SlotGone
from prack_grpc.core.receivers import PeerReceiver
from prack_grpc.peers.answers import Answers
from prack_grpc.peers.hosted import Hosted, Shared
from prack_grpc.peers.relayed import read_request


class Hosting:
    """The hosted exchanges of one peer.

    Args:
        name: makes the names of exchanges of this gateway.
        owner_window: bytes of one response that the peer takes before it asks for more.
        window: likewise of one request body, here.
    """

    def __init__(
        self,
        broker: LinkedBroker,
        peer: PeerReceiver,
        answers: Answers,
        name: Callable[[], str],
        owner_window: int,
        window: int,
    ) -> None:
        self._broker = broker
        self._peer = peer
        self._answers = answers
        self._name = name
        self._hosted: dict[tuple[int, int], Hosted] = {}
        loop, windows = asyncio.get_running_loop(), (owner_window, window)
        self._shared = Shared(broker, answers, loop, *windows, self._forget, self._hosted)
        self._left: dict[str, Hosted] = {}  # whose worker has not let go yet

    def take(self, message: link.ToHost) -> None:
        """What the owner says of exchanges. Raises ValueError, WindowExceeded."""
        frame = message.frame
        about: dict[int, link.Particulars] = {}
        for one in message.particulars:  # nearly always none
            about[one.id] = one
        number = message.number
        requests = frame.requests
        for request in requests:
            self._begin(number, request, about.get(request.id) if about else None)
        if len(frame.ListFields()) < 2 and requests:
            return  # nearly always; to look for what is not there takes longer
        for data in frame.data:
            if hosted := self._find(message, data.id):
                hosted.upload(data.data, False)
        for finish in frame.finishes:
            if hosted := self._find(message, finish.id):
                hosted.upload(b"", True)
        for cancel in frame.cancels:
            if hosted := self._find(message, cancel.id):
                self._cancel(hosted)
        for window in frame.windows:
            if hosted := self._find(message, window.id):
                hosted.allow(window.max_offset)

    def released(self, id_: str) -> None:
        """The worker of an exchange that was cancelled has let go: its slot is free again."""
        if hosted := self._left.pop(id_, None):
            self._let_go(hosted)

    def end(self) -> None:
        """The link is over."""
        for hosted in list(self._hosted.values()):
            hosted.drop()

    def _find(self, message: link.ToHost, id_: int) -> Hosted | None:
        """Not one that has ended: its owner will hear of that."""
        return self._hosted.get((message.number, id_))

    def _begin(self, number: int, message: pb.Request, about: link.Particulars | None) -> None:
        request = read_request(message, about)
        there = message.id
        hosted = Hosted(self._shared, self._name(), number, there)
        try:
            self._broker.host(
                self._peer,
                number,
                hosted,
                request,
                message.body,
                message.end,
                attempt=message.attempt,
                queued=message.queued_ms / 1000,
            )
        except SlotGone as error:
            self._answers.fail(number, there, link.FAILURE_CODE_GONE, str(error))
        else:
            self._hosted[number, there] = hosted
            if not message.end:
                hosted.read(message)

    def _forget(self, hosted: Hosted) -> None:
        del self._hosted[hosted.number, hosted.there]
        if not self._hosted:  # so nothing else can come in this turn
            self._answers.flush()

    def _cancel(self, hosted: Hosted) -> None:
        """Nobody waits for it at the owner, who wants to know when the worker has let go."""
        hosted.drop()
        self._left[hosted.id] = hosted
        self._broker.leave(hosted)
        if not hosted.left:  # it had failed before
            self.released(hosted.id)

    def _let_go(self, hosted: Hosted) -> None:
        aborts = self._answers.frame(hosted.number).aborts
        aborts.add(id=hosted.there, code=pb.ABORT_CODE_CANCELLED)
