"""What operators do, on the worker API and on the admin port: draining, splitting traffic.

The docstrings of endpoints are their descriptions.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from prack_grpc.broker.seam import OperatorSide
from prack_grpc.core.errors import BadSplit
from prack_grpc.core.queue.traffic import Pool, Split, Sticky, StickyBy
from prack_grpc.core.worker import LABEL, LABEL_EXPECTED, NAME, Principal, Right
from prack_grpc.neighbours.call import PASSED_ON, REVISION
from prack_grpc.neighbours.neighbours import Cluster, Row
from prack_grpc.private import bodies
from prack_grpc.private.app import address, caller
from prack_grpc.private.errors import BAD_PARAMETER, FORBIDDEN, NO_STORE, UNSAID, ApiError
from prack_grpc.private.operators.steering import Steering
from prack_grpc.words.word import Revision, WordsUnavailable

log = logging.getLogger(__name__)

WHO = "expected `worker`, or `service` and `version`"
REVISIONS = re.compile(r"(\d{1,18}) ?([0-9a-z]*)")


class Operating:
    """Each takes the framework's request, and raises ApiError or Gone.

    `drained` is called with the name of a worker that is to poll no more, and whose it is, None for
    all of that name.
    """

    def __init__(
        self,
        broker: OperatorSide,
        cluster: Cluster,
        steering: Steering,
        drained: Callable[[str, Principal | None], None],
    ) -> None:
        self._broker = broker
        self._cluster = cluster
        self._steering = steering
        self._drained = drained

    async def gateways(self, request: Request) -> Response:
        """The gateways of one queue: this one, and those that are linked to it.

        `round_trip` is in seconds. So many slots are `lent` to another and `borrowed` from it, so
        many requests are `wanted_by` it here and `wanted_of` it. Null is what is not known.
        """
        await bodies.read(request.receive)
        own = Row(self._cluster.own, "this gateway")
        return shown({"gateways": [asdict(row) for row in (own, *self._cluster.neighbours.rows())]})

    async def traffic(self, request: Request) -> Response:
        """How the requests of each service are split between its versions."""
        await bodies.read(request.receive)
        return shown({"traffic": [_members(split) for split in self._broker.status().splits]})

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
        of = _of(request)
        revision = await _said(self._steering.divide(service, split, of))
        if not of:
            _note(request, "traffic", service=service, weights=dict(weights))
        return shown(_members(split) if split else {"service": service, "weights": {}}, revision)

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
        who, principal = _who(message), caller(request)
        leaving, revision = _leaving(message), None
        if not leaving:
            if Right.OPERATE not in principal.rights:
                raise ApiError(FORBIDDEN, "only operators may; a worker may with `leaving`")
            of = _of(request)
            revision = await _said(self._steering.pause(who, paused, of))
            if not of:
                _note(request, "drained" if paused else "resumed", **_named(who))
        if paused and isinstance(who, str):
            self._drained(who, principal if leaving else None)
        workers = self._broker.status().here
        rows = [row for row in workers if who in (row.worker, (row.service, row.version))]
        if leaving:
            rows = [row for row in rows if row.principal == principal.name]
        return shown({"workers": len(rows), "held": sum(row.held for row in rows)}, revision)


def shown(value: dict[str, Any], revision: Revision | None = None) -> Response:
    """A JSON response, of what was said with this revision."""
    said = {REVISION.decode(): f"{revision[0]} {revision[1]}".strip()} if revision else {}
    return Response(json.dumps(value), headers=NO_STORE | said, media_type="application/json")


async def _said(saying: Awaitable[Revision]) -> Revision:
    """Raises ApiError when it cannot be said to all."""
    try:
        return await saying
    except WordsUnavailable as error:
        raise ApiError(UNSAID, str(error)) from None


def _of(request: Request) -> Revision | None:
    """The revision of what another gateway repeats here; None if it is said here.

    Raises ApiError.
    """
    if not request.scope.get(PASSED_ON):
        return None
    match = REVISIONS.fullmatch(request.headers.get(REVISION.decode(), ""))
    if match is None:
        raise ApiError(BAD_PARAMETER, "Prack-Revision: expected a number, and a gateway's id")
    return int(match[1]), match[2]


def _note(request: Request, action: str, **about: object) -> None:
    """Who did what to the traffic of others belongs into the log."""
    client = address(request.scope) or None
    about |= {"operator": client, "principal": caller(request).name}
    log.info("%s by an operator", action, extra={"action": action, **about})


def _named(who: Pool | str) -> dict[str, str]:
    return {"worker": who} if isinstance(who, str) else {"service": who[0], "version": who[1]}


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


def _leaving(message: dict[str, Any]) -> bool:
    """A worker's word; anything else by this name is not to become an operator's."""
    leaving = message.get("leaving", False)
    if not isinstance(leaving, bool):
        raise ApiError(BAD_PARAMETER, "leaving: expected true or false", "leaving")
    return leaving


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
