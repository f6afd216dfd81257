"""The endpoints for operators: inspecting, draining, splitting traffic.

Their docstrings are the descriptions at /docs.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from prack_grpc.broker.seam import OperatorSide
from prack_grpc.core.errors import BadSplit
from prack_grpc.core.queue.traffic import Pool, Split, Sticky, StickyBy
from prack_grpc.core.worker import LABEL, LABEL_EXPECTED, NAME
from prack_grpc.rest import bodies
from prack_grpc.rest.errors import BAD_PARAMETER, ApiError
from prack_grpc.rest.polls import Polls
from prack_grpc.rest.rack.endpoints import reply

WHO = "expected `worker`, or `service` and `version`"


class OperatorEndpoints:
    """Each takes the framework's request, and raises ApiError or Gone."""

    def __init__(self, broker: OperatorSide, polls: Polls, changed: Callable[[], None]) -> None:
        self._broker = broker
        self._polls = polls
        self._changed = changed

    async def queue(self, request: Request) -> Response:
        """The requests that wait, that are being answered, and that were done since the start.

        At every moment `accepted` is the sum of `done` and `in_flight`, and `leased` the sum of
        `leases` and `open_leases`. Times are in seconds.
        """
        await bodies.read(request.receive)
        return _shown(asdict(self._broker.status().queue))

    async def workers(self, request: Request) -> Response:
        """The connected workers, with their slots and the requests that they hold."""
        await bodies.read(request.receive)
        return _shown({"workers": [asdict(row) for row in self._broker.status().workers]})

    async def routes(self, request: Request) -> Response:
        """The routes with workers or requests, with what waits for them."""
        await bodies.read(request.receive)
        return _shown({"routes": [asdict(row) for row in self._broker.status().routes]})

    async def versions(self, request: Request) -> Response:
        """The versions of each service: `active`, `draining`, or `drained`, then safe to stop."""
        await bodies.read(request.receive)
        return _shown({"versions": [asdict(row) for row in self._broker.status().versions]})

    async def traffic(self, request: Request) -> Response:
        """How the requests of each service are split between its versions."""
        await bodies.read(request.receive)
        return _shown({"traffic": [_members(split) for split in self._broker.status().splits]})

    async def divide(self, request: Request) -> Response:
        """Splits the requests of a service between its versions, in proportion to the weights.

        A version that is not named, or has a weight of 0, gets nothing. `sticky`, such as
        `cookie:session` or `header:x-user`, keeps requests with the same value with their version.
        Empty `weights` end the split: any free worker gets the next request, as before.
        """
        message = await bodies.parse_object(await bodies.read(request.receive))
        service = _label(message, "service")
        weights = _weights(message.get("weights"))
        try:
            split = Split(service, weights, _sticky(message.get("sticky"))) if weights else None
        except BadSplit as error:
            raise ApiError(BAD_PARAMETER, str(error), "weights") from None
        self._broker.divide(service, split)
        self._changed()
        return _shown(_members(split) if split else {"service": service, "weights": {}})

    async def drain(self, request: Request) -> Response:
        """Sends no new requests to a worker, or a version; they finish what they hold.

        It holds for workers that come later, too, until `resume`. Parked polls of a worker that is
        named return at once; with `leaving` that is all: it is going to poll no more.
        """
        return await self._pause(request, True)

    async def resume(self, request: Request) -> Response:
        """Undoes a drain."""
        return await self._pause(request, False)

    async def _pause(self, request: Request, paused: bool) -> Response:
        message = await bodies.parse_object(await bodies.read(request.receive))
        who = _who(message)
        if message.get("leaving") is not True:
            self._broker.pause(who, paused)
            self._changed()
        if paused and isinstance(who, str):
            self._polls.end(who)
        workers = self._broker.status().workers
        rows = [row for row in workers if who in (row.worker, (row.service, row.version))]
        return _shown({"workers": len(rows), "held": sum(row.held for row in rows)})


def _shown(value: dict[str, Any]) -> Response:
    return reply(json.dumps(value).encode())


def _members(split: Split) -> dict[str, Any]:
    sticky = split.sticky
    return {
        "service": split.service,
        "weights": dict(split.weights),
        "sticky": f"{sticky.by}:{sticky.name}" if sticky else None,
    }


def _label(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not LABEL.fullmatch(value):
        raise ApiError(BAD_PARAMETER, f"{name}: {LABEL_EXPECTED}", name)
    return value


def _who(message: dict[str, Any]) -> Pool | str:
    names = message.keys() & {"worker", "service", "version"}
    if names == {"service", "version"}:
        return _label(message, "service"), _label(message, "version")
    worker = message.get("worker")
    if names != {"worker"} or not isinstance(worker, str) or not NAME.fullmatch(worker):
        raise ApiError(BAD_PARAMETER, WHO, "worker")
    return worker


def _weights(value: Any) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, dict) or not all(type(weight) is int for weight in value.values()):
        expected = 'expected whole numbers by version, such as {"v2": 10, "v1": 90}'
        raise ApiError(BAD_PARAMETER, f"weights: {expected}", "weights")
    if not all(LABEL.fullmatch(version) for version in value):
        raise ApiError(
            BAD_PARAMETER, "weights: a version must consist of visible ASCII characters", "weights"
        )
    return tuple(value.items())


def _sticky(value: Any) -> Sticky | None:
    if value is None:
        return None
    by, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if by not in tuple(StickyBy) or not NAME.fullmatch(name):
        raise ApiError(BAD_PARAMETER, "sticky: expected cookie:NAME or header:NAME", "sticky")
    return Sticky(StickyBy(by), name)
