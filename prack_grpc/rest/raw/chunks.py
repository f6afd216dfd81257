"""Answers in numbered chunks, for workers that cannot stream an upload.

House rules: a chunk counts once, however often it is sent; one that the client did not take in
time goes on where it stopped when it is sent again.
"""

import asyncio
from collections import OrderedDict
from typing import Any

from prack_grpc.broker.seam import WorkerSide
from prack_grpc.core.errors import Late
from prack_grpc.core.limits import MIB
from prack_grpc.core.worker import Principal
from prack_grpc.private.errors import BAD_PARAMETER, LATE, OUT_OF_ORDER, WINDOW_FULL, ApiError
from prack_grpc.rest.leases import Leases
from prack_grpc.rest.rack.answers import Answers, decoded
from prack_grpc.rest.raw.writer import Writer

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

    def __init__(self, broker: WorkerSide, leases: Leases, answers: Answers) -> None:
        self._broker = broker
        self._leases = leases
        self._answers = answers
        self._ended: OrderedDict[tuple[Principal, str], Chunked] = OrderedDict()

    async def take(
        self, identifier: str, message: dict[str, Any], principal: Principal
    ) -> dict[str, int]:
        """Pass one chunk on. Raises ApiError."""
        number, end = message.get("seq"), message.get("end", False)
        if type(number) is not int or number < 0:
            raise ApiError(BAD_PARAMETER, "seq: expected a whole number, 0 or more", "seq")
        if not isinstance(end, bool):
            raise ApiError(BAD_PARAMETER, "end: expected true or false", "end")
        data = await decoded(message, "data")
        ended = self._ended.get((principal, identifier))
        answer = ended or self._open(identifier, number, principal)
        async with answer.turn:
            if number == answer.next - 1:
                return answer.reply()
            if answer.ended:
                raise ApiError(LATE[Late.ANSWERED])
            if number != answer.next:
                raise _out_of_order(answer.next)
            writer = self._writer(identifier, principal)
            await self._pass_on(writer, answer, message, data, end)
            if end:
                self._remember((principal, identifier), answer)
            return answer.reply()

    def _open(self, identifier: str, number: int, principal: Principal) -> Chunked:
        writer = self._writer(identifier, principal)
        answer = self._leases.writer(writer.assignment)
        if not isinstance(answer, Chunked):
            if number and not writer.begun:
                raise _out_of_order(0)
            answer = Chunked()
            writer.claim(answer)
        return answer

    def _writer(self, identifier: str, principal: Principal) -> Writer:
        assignment = self._answers.find(identifier, principal)
        return Writer(self._broker, self._leases, assignment, principal)

    async def _pass_on(
        self, writer: Writer, answer: Chunked, message: dict[str, Any], data: bytes, end: bool
    ) -> None:
        if not writer.begun:
            self._answers.start(writer.assignment, message, b"", False)
        until = asyncio.get_running_loop().time() + PATIENCE
        answer.taken = await writer.push(data, answer.taken, until)
        if answer.taken < len(data):
            raise ApiError(WINDOW_FULL)
        answer.granted = self._broker.granted(writer.assignment)
        if end:
            writer.finish()
            answer.ended = True
        answer.next, answer.taken = answer.next + 1, 0

    def _remember(self, name: tuple[Principal, str], answer: Chunked) -> None:
        self._ended[name] = answer
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)


def _out_of_order(expected: int) -> ApiError:
    error = ApiError(OUT_OF_ORDER, f"seq: expected {expected}, the next chunk", "seq")
    error.next = expected
    return error
