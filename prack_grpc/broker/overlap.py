"""Implements `seam.Overlap`: looks at the slots of workers whenever something has happened."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.exchange import Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.succession.claims import NONE, Allowed, Claim, share
from prack_grpc.core.succession.earlier import Earlier
from prack_grpc.core.succession.later import Later

Said = TypeVar("Said", covariant=True)
Heard = TypeVar("Heard", contravariant=True)
S = TypeVar("S")
H = TypeVar("H")


class Side(Protocol[Said, Heard]):
    """Earlier or Later."""

    def look(self, now: float) -> tuple[Sequence[Said], Effects]:
        """What is to be said now."""

    def heard(self, words: Iterable[Heard], now: float) -> Effects:
        """What the other has said."""

    def share(self, session: Session) -> None:
        """A stream has joined, or has other slots."""


class Overlapping:
    """With one other gateway at most. `look` is there while that is: something has happened."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        hand_out: HandOut,
        perform: Callable[[Effects], None],
        now: Callable[[], float],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._dispatcher = dispatcher
        self._hand_out = hand_out
        self._perform = perform
        self._now = now
        self._looking: asyncio.Handle | None = None
        self.look: Callable[[], None] | None = None

    def leave(self, tell: Callable[[Sequence[Claim]], None]) -> Callable[[Iterable[Allowed]], None]:
        heard = self._begin(Earlier(self._hand_out), tell)
        # Peers may have the successor's slots: as long as they have ours, we do not end.
        self._perform(self._hand_out.lender.drain(self._now()))
        return heard

    def follow(
        self, tell: Callable[[Sequence[Allowed]], None]
    ) -> Callable[[Iterable[Claim]], None]:
        return self._begin(Later(self._hand_out), tell)

    def end(self) -> None:
        self._dispatcher.share = self.look = None
        if self._looking:
            self._looking.cancel()
            self._looking = None
        now = self._now()
        effects: Effects = []
        for session in list(self._hand_out.queue.sessions):
            effects += share(self._hand_out, session, NONE, now)
        self._perform(effects)

    def _begin(
        self, side: Side[S, H], tell: Callable[[Sequence[S]], None]
    ) -> Callable[[Iterable[H]], None]:
        self._dispatcher.share = side.share
        words, effects = side.look(self._now())
        tell(words)
        self.look = partial(self._look_soon, side, tell)
        self._perform(effects)
        return lambda words: self._perform(side.heard(words, self._now()))

    def _look_soon(self, side: Side[S, H], tell: Callable[[Sequence[S]], None]) -> None:
        """Once for all that happens in a turn of the loop."""
        if self._looking is None:
            self._looking = self._loop.call_soon(self._look, side, tell)

    def _look(self, side: Side[S, H], tell: Callable[[Sequence[S]], None]) -> None:
        self._looking = None
        words, effects = side.look(self._now())
        if words:
            tell(words)
        if effects:
            self._perform(effects)
