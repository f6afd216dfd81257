"""Answers in numbered chunks, for workers that cannot stream an upload.

House rules: a chunk counts once, however often it is sent; one that the client did not take in
time goes on where it stopped when it is sent again.
"""

import asyncio
from collections import OrderedDict
from typing import Any

from prack_grpc.broker.seam import Broker
from prack_grpc.core.exchange.exchange import Lease, Work
from prack_grpc.core.exchange.ledger import Verdict
from prack_grpc.core.limits import MIB
from prack_grpc.rest.errors import BAD_PARAMETER, OUT_OF_ORDER, VERDICTS, WINDOW_FULL, ApiError
from prack_grpc.rest.rack.answers import Answers, decoded
from prack_grpc.rest.raw.writer import Writer, claim

# Of the JSON of one chunk: room for 1.5 MiB of data.
MAX_CHUNK = 2 * MIB
# Longest wait for the client to take more, in seconds.
PATIENCE = 20.0
# Answers that are complete, for workers that did not hear so.
REMEMBERED = 1000


class Chunked:
    """How far one answer has come. `taken` counts the bytes of the chunk that comes next."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.next = 0
        self.taken = 0
        self.granted = 0
        self.ended = False

    def reply(self) -> dict[str, int]:
        """What the worker is told after the last chunk."""
        return {"max_offset": self.granted, "next": self.next}


class Chunks:
    """All answers that come in chunks."""

    def __init__(self, broker: Broker, answers: Answers) -> None:
        self._broker = broker
        self._answers = answers
        self._ended: OrderedDict[str, Chunked] = OrderedDict()

    async def take(self, identifier: str, message: dict[str, Any]) -> dict[str, int]:
        """Pass one chunk on. Raises ApiError."""
        number, end = message.get("seq"), message.get("end", False)
        if type(number) is not int or number < 0:
            raise ApiError(BAD_PARAMETER, "seq: expected a number from 0 on", "seq")
        if not isinstance(end, bool):
            raise ApiError(BAD_PARAMETER, "end: expected true or false", "end")
        data = await decoded(message, "data")
        answer = self._ended.get(identifier) or self._open(identifier, number)
        async with answer.turn:
            if number == answer.next - 1:
                return answer.reply()
            if answer.ended:
                raise ApiError(VERDICTS[Verdict.ANSWERED])
            if number != answer.next:
                raise _out_of_order(answer.next)
            await self._pass_on(self._answers.find(identifier), answer, message, data, end)
            return answer.reply()

    def _open(self, identifier: str, number: int) -> Chunked:
        lease = self._answers.find(identifier)
        answer = lease.session.port.writers.get(lease)
        if not isinstance(answer, Chunked):
            if number and lease.state is Work.LEASED:
                raise _out_of_order(0)
            answer = Chunked()
            claim(lease, answer)
        return answer

    async def _pass_on(
        self, lease: Lease, answer: Chunked, message: dict[str, Any], data: bytes, end: bool
    ) -> None:
        writer = Writer(self._broker, lease)
        if lease.state is Work.LEASED:
            self._answers.start(lease, message, b"", False)
        until = asyncio.get_running_loop().time() + PATIENCE
        answer.taken = await writer.push(data, answer.taken, until)
        if answer.taken < len(data):
            raise ApiError(WINDOW_FULL)
        answer.granted = lease.exchange.download.granted
        if end:
            writer.finish()
            answer.ended = True
            self._ended[lease.identifier] = answer
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
        answer.next, answer.taken = answer.next + 1, 0


def _out_of_order(expected: int) -> ApiError:
    error = ApiError(OUT_OF_ORDER, f"seq: {expected} comes next", "seq")
    error.next = expected
    return error
