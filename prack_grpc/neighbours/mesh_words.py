"""Words of operators over links: each gateway tells each neighbour all that it knows.

House rule: nobody keeps track of who knows what. Whenever a gateway has learned something, or has a
new neighbour, it sends all its words, until they have arrived: they are few, and seldom change.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from starlette.types import Scope

from prack_grpc.neighbours.asking import OK, SECONDS
from prack_grpc.neighbours.neighbours import Neighbours
from prack_grpc.telemetry.complaint import Complaint
from prack_grpc.words.table import Table
from prack_grpc.words.word import About, BadWord, Revision, Word, parsed

log = logging.getLogger(__name__)

TEXT = "could not exchange operators' words with a gateway, trying again"
PATH = "/api/v1/words"


class MeshWords:
    """Implements Words. What others tell arrives at PATH of the REST port, as `parsed` takes it."""

    def __init__(self, gateway: str, neighbours: Neighbours, table: Table) -> None:
        self._gateway = gateway
        self._neighbours = neighbours
        self._table = table
        self._tellers: dict[str, _Teller] = {}

    async def say(self, about: About, said: Any) -> Revision:
        """See Words; the operator's call is passed on to all neighbours as well."""
        return self._table.next(self._gateway)

    def learned(self) -> None:
        """Something else is known than before: tell all neighbours."""
        for teller in self._tellers.values():
            teller.due.set()

    async def run(self, known: Callable[[], list[Word]], hear: Callable[[Word], None]) -> None:
        """See Words."""
        try:
            while True:
                self._follow(known, hear)
                await self._neighbours.changed()
        finally:
            tasks = [teller.task for teller in self._tellers.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _follow(self, known: Callable[[], list[Word]], hear: Callable[[Word], None]) -> None:
        names = set(self._neighbours.names())
        for name in self._tellers.keys() - names:
            self._tellers.pop(name).task.cancel()
        for name in names - self._tellers.keys():
            self._tellers[name] = _Teller(self._neighbours, name, known, hear)


class _Teller:
    """Keeps one neighbour told, and hears what it replies."""

    def __init__(
        self,
        neighbours: Neighbours,
        name: str,
        known: Callable[[], list[Word]],
        hear: Callable[[Word], None],
    ) -> None:
        self._neighbours = neighbours
        self._name = name
        self._complaint = Complaint(log, "words_not_told", TEXT)
        self.due = asyncio.Event()
        self.due.set()
        self.task = asyncio.create_task(self._run(known, hear), name=f"words-{name}")

    async def _run(self, known: Callable[[], list[Word]], hear: Callable[[Word], None]) -> None:
        while True:
            await self.due.wait()
            self.due.clear()
            try:
                async with asyncio.timeout(SECONDS):
                    for word in loaded(await self._told(dumped(known()))):
                        hear(word)
            except (OSError, TimeoutError, BadWord) as error:
                self._complaint.make(peer=self._name, reason=str(error) or "no answer in time")
                self.due.set()
                await asyncio.sleep(SECONDS)

    async def _told(self, words: bytes) -> bytes:
        """Its words in reply to ours. Raises ConnectionError."""
        # A gateway that is alone calls nobody (decision 0061).
        from prack_grpc.neighbours.call import Call, nothing, sent

        headers = [(b"content-length", b"%d" % len(words))]
        scope: Scope = {"method": "POST", "path": PATH, "query_string": b"", "headers": headers}
        streams = await self._neighbours.dial(self._name, "rest")
        reply = await Call(streams, scope, sent(words, nothing), "").reply()
        content = await reply.read()
        if reply.status_code != OK:
            raise ConnectionAbortedError(f"it replied {reply.status_code}")
        return content


def dumped(words: list[Word]) -> bytes:
    """Words as JSON."""
    return json.dumps({"words": words}).encode()


def loaded(content: bytes) -> list[Word]:
    """The same back. Raises BadWord."""
    try:
        return [parsed(value) for value in json.loads(content)["words"]]
    except (LookupError, TypeError, ValueError) as error:
        raise BadWord(f"expected words in JSON: {error!r}") from None
