"""Pollers of the REST API in process, for the guard: their calls in, the replies back."""

import asyncio
import re
from collections.abc import Callable, Sequence

from bench.apps.hello import HELLO
from bench.no_socket import NoSocket, untimed
from bench.rest_worker import ANSWER, BODY, HEAD, NEXT
from prack_grpc.broker.seam import Broker
from prack_grpc.broker.ticket import gateway_id
from prack_grpc.composition.private_side import WORKER_LIMITS
from prack_grpc.core.limits import Limits
from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.neighbours.neighbours import Cluster
from prack_grpc.private.callers import Callers
from prack_grpc.private.health import Health
from prack_grpc.private.operators.steering import meshed
from prack_grpc.rest.app import create_app
from prack_grpc.rest.polls import Polls

NAMED = re.compile(rb'"identifier": "([^"]+)"')
RAW_NAMED = re.compile(rb"prack-id: (.+)\r\n")
RAW_POLL = HEAD % (b"GET " + NEXT.encode(), 0)
Calls = Sequence[bytes]


class Poller:
    """Makes its next call as soon as the loop has its next turn."""

    def __init__(self, server: HttpServer, poll: bytes, answer: Callable[[bytes], Calls]) -> None:
        self._loop = asyncio.get_running_loop()
        self._poll = poll
        self._answer = answer
        self._connection = Connection(server)
        NoSocket(self._connection, self._take)
        self._connection.data_received(poll)

    def _take(self, data: bytes) -> None:
        self._loop.call_soon(self._give, self._answer(data) or (self._poll,))

    def _give(self, packets: Calls) -> None:
        """One in a turn."""
        first, *rest = packets
        self._connection.data_received(first)
        if rest:
            self._loop.call_soon(self._give, rest)


def answer(reply: bytes) -> Calls:
    """The packets of the call that answers, in JSON; none if nothing is to be answered."""
    found = NAMED.search(reply)
    if not found:
        return ()
    body = ANSWER % (found[1], BODY)
    return (HEAD % (b"POST /api/v1/response", len(body)) + body,)


def raw_answer(reply: bytes) -> Calls:
    """The same as the body alone, in a packet of its own, as most libraries send it."""
    found = RAW_NAMED.search(reply)
    if not found:
        return ()
    return HEAD % (b"POST /api/v1/requests/%b/response" % found[1], len(HELLO)), HELLO


def polling(count: int, poll: bytes, answer: Callable[[bytes], Calls], broker: Broker) -> None:
    """So many dial in."""
    limits, cluster = Limits(), Cluster(gateway_id())
    steering = meshed(broker, cluster, limits.max_paused)
    of = Callers(None), Health(), steering, cluster
    app = create_app(Polls(broker, limits), broker, limits, *of)
    admission = Admission(WORKER_LIMITS, exempt=lambda _: True)
    server = untimed(HttpServer(app, WORKER_LIMITS, admission))
    for _ in range(count):
        Poller(server, poll, answer)
