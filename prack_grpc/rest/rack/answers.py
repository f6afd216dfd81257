"""Workers' answers: read leniently where the original's clients need it, strictly elsewhere."""

import asyncio
import binascii
import logging
import re
from typing import Any

from prack_grpc.broker.seam import WorkerSide
from prack_grpc.core.errors import BadResponse, Late, LeaseError, NotHeld
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import MIB
from prack_grpc.core.worker import Principal
from prack_grpc.private.errors import BAD_ANSWER, BAD_BODY, BAD_JSON, BAD_PARAMETER, LATE, ApiError
from prack_grpc.rest.leases import Leases
from prack_grpc.rest.relay import Relay

log = logging.getLogger(__name__)

# Base64 is decoded in pieces, so that a large body does not hold up the event loop.
PIECE = MIB
IDENTIFIER = re.compile(rb'"identifier"\s*:\s*"([!-~]{1,128}?)"')
# The worker wrote `code` and `headers`, so these are what is wrong.
FIELDS = {"status": "code", "content-length": "headers"}


class Answers:
    """Passes answers on to the clients."""

    def __init__(self, broker: WorkerSide, leases: Leases, relay: Relay) -> None:
        self._broker = broker
        self._leases = leases
        self._relay = relay

    async def take(self, answer: Any, principal: Principal) -> None:
        """Pass one answer on. Raises ApiError."""
        if not isinstance(answer, dict):
            raise ApiError(BAD_JSON, "expected an object for each answer")
        identifier = answer.get("identifier")
        if not isinstance(identifier, str):
            raise ApiError(BAD_PARAMETER, "identifier: expected a string", "identifier")
        if self._relay.open and await self._relay.answer(identifier, answer, principal):
            return
        try:
            body = await decoded(answer, "body")
            assignment = self.find(identifier, principal)
            self.start(assignment, answer, body, True)
            if self._leases.waiting:
                self._leases.wake(assignment)
        except ApiError as error:
            if error.kind in (BAD_ANSWER, BAD_BODY):
                _log_refusal(identifier, error)
            raise

    async def take_all(self, answers: list[Any], principal: Principal) -> list[dict[str, Any]]:
        """Pass answers on; says what became of each, in their order."""
        return [await self._result(answer, principal) for answer in answers]

    def find(self, identifier: str, principal: Principal) -> Assignment:
        """The open lease of this name. Raises ApiError."""
        try:
            return self._broker.find(identifier, principal)
        except NotHeld as error:
            raise ApiError(LATE[error.late]) from None

    def start(self, assignment: Assignment, answer: dict[str, Any], body: bytes, end: bool) -> None:
        """Pass on `code` and `headers`, and with `end` the whole body. Raises ApiError."""
        try:
            if self._broker.progress(assignment) is not Work.LEASED:
                raise LeaseError("the response has already begun")
            status, headers = _status(answer.get("code")), _headers(answer.get("headers"))
            if status < 200:
                raise BadResponse("status", "must be a number from 200 to 599")
            self._broker.head(assignment, status, headers, body, end)
        except BadResponse as error:
            self._broker.spoil(assignment, str(error))
            field = FIELDS.get(error.field, error.field)
            raise ApiError(BAD_ANSWER, f"{field}: {error.message}", field) from None
        except LeaseError:
            raise ApiError(LATE[Late.ANSWERED]) from None

    def spoil(self, start: bytes, message: str, principal: Principal) -> None:
        """The answers that begin like this will not be taken: their clients need not wait."""
        for match in IDENTIFIER.finditer(start):
            try:
                assignment = self._broker.find(match[1].decode(), principal)
            except NotHeld:
                continue
            self._broker.spoil(assignment, message)

    async def _result(self, answer: Any, principal: Principal) -> dict[str, Any]:
        identifier = answer.get("identifier") if isinstance(answer, dict) else None
        try:
            await self.take(answer, principal)
        except ApiError as error:
            return {"identifier": identifier, "status": error.kind.status, **error.members()}
        return {"identifier": identifier, "status": 200}


def _status(code: Any) -> int:
    """0 for what is no number: the check that follows refuses it."""
    if isinstance(code, str):
        return int(code) if re.fullmatch("[0-9]{1,9}", code) else 0
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def _headers(value: Any) -> Headers:
    try:
        return [(name.encode("latin-1"), _value(item)) for name, item in _pairs(value)]
    except (AttributeError, TypeError, ValueError):
        expected = "an object of strings or lists of strings, or a list of [name, value]"
        raise BadResponse("headers", f"expected {expected}, all in Latin-1") from None


def _pairs(value: Any) -> list[Any]:
    if isinstance(value, dict):
        lists = {name: v if isinstance(v, list) else [v] for name, v in value.items()}
        return [(name, item) for name, items in lists.items() for item in items]
    if isinstance(value, list) and all(isinstance(pair, list) for pair in value):
        return value
    if value is None:
        return []
    raise TypeError


def _value(value: Any) -> bytes:
    """Numbers are common for Content-Length."""
    text = str(value) if type(value) is int else value
    data: bytes = text.encode("latin-1")
    return data


async def decoded(message: dict[str, Any], field: str) -> bytes:
    """The bytes of a member in base64, which may be missing. Raises ApiError."""
    text = message.get(field)
    if text is None or text == "":
        return b""
    if not isinstance(text, str):
        raise ApiError(BAD_BODY, f"{field}: expected a string", field)
    try:
        return await asyncio.to_thread(_decode, text) if len(text) > PIECE else _decode(text)
    except ValueError as error:
        raise ApiError(BAD_BODY, f"{field}: not base64: {error}", field) from None


def _decode(text: str) -> bytes:
    """Base64 with padding; it may be broken into lines."""
    text = "".join(text.split())
    pieces = range(0, len(text), PIECE)
    return b"".join(binascii.a2b_base64(text[i : i + PIECE], strict_mode=True) for i in pieces)


def _log_refusal(identifier: str, error: ApiError) -> None:
    log.warning(
        "rejected an answer of a worker",
        extra={
            "action": "answer_refused",
            "identifier": identifier[:128],
            "code": error.kind.code,
            "reason": error.detail,
        },
    )
