"""What operators have said, in effect here: of each thing the last word of any gateway."""

import logging
from collections.abc import Callable
from functools import partial

from prack_grpc.broker.seam import OperatorSide
from prack_grpc.core.queue.traffic import Pool, Split
from prack_grpc.neighbours.mesh_words import MeshWords
from prack_grpc.neighbours.neighbours import Cluster
from prack_grpc.words.table import Table
from prack_grpc.words.word import (
    TRAFFIC,
    VERSION,
    WORKER,
    About,
    BadWord,
    Revision,
    Word,
    Words,
    about,
    split,
    value,
)

log = logging.getLogger(__name__)


class Steering:
    """Says and hears words; each of `changed` is called when others count than before."""

    def __init__(self, broker: OperatorSide, table: Table, words: Words) -> None:
        self._broker = broker
        self._table = table
        self._words = words
        self.changed: list[Callable[[], None]] = []

    async def divide(self, service: str, split: Split | None, of: Revision | None) -> Revision:
        """Divide the requests of a service, or stop that. Raises WordsUnavailable.

        It is said here, unless it is a word `of` another gateway.
        """
        return await self._say((TRAFFIC, service), value(split), of)

    async def pause(self, who: Pool | str, paused: bool, of: Revision | None) -> Revision:
        """Hand a worker or a version nothing more, or something again; as `divide`."""
        return await self._say(about(who), True if paused else None, of)

    async def run(self) -> None:
        """Exchange words with other gateways, until cancelled."""
        await self._words.run(self.known, self.heed)

    def known(self) -> list[Word]:
        """All words that count."""
        return self._table.words()

    def heed(self, word: Word) -> None:
        """Another gateway says this; what is not understood is left out."""
        try:
            self.hear(word)
        except BadWord as error:
            log.warning("ignored a word: %s", error, extra={"action": "word_ignored"})

    def check(self, word: Word) -> None:
        """Raises BadWord if it could not be heard."""
        self._effect(word)

    def hear(self, word: Word) -> None:
        """Something was said, here or elsewhere. Raises BadWord."""
        effect = self._effect(word)
        if not self._table.hear(word):
            return
        effect()
        for tell in self.changed:
            tell()

    async def _say(self, about: About, said: object, of: Revision | None) -> Revision:
        revision = of or await self._words.say(about, said)
        self.hear(Word(about, said, revision))
        return revision

    def _effect(self, word: Word) -> Callable[[], None]:
        paused = word.said is not None
        match word.about:
            case (kind, service) if kind == TRAFFIC:
                return partial(self._broker.divide, service, split(service, word.said))
            case (kind, worker) if kind == WORKER:
                return partial(self._broker.pause, worker, paused)
            case (kind, service, version) if kind == VERSION:
                return partial(self._broker.pause, (service, version), paused)
        raise BadWord(f"nobody can say something about {word.about!r:.200}")


def meshed(broker: OperatorSide, cluster: Cluster, most: int) -> Steering:
    """Words go to the neighbours; `most` are remembered."""
    table = Table(most)
    words = MeshWords(cluster.own, cluster.neighbours, table)
    steering = Steering(broker, table, words)
    steering.changed.append(words.learned)
    return steering
