"""Pollers of the REST API in process, for the guard: their calls in, the replies back."""

import asyncio
import re

from bench.no_socket import NoSocket
from bench.rest_worker import ANSWER, BODY, HEAD, POLL
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


class Poller:
    """Makes its next call as soon as the loop has its next turn."""

    def __init__(self, server: HttpServer) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = Connection(server)
        NoSocket(self._connection, self._take)
        self._connection.data_received(POLL)

    def _take(self, data: bytes) -> None:
        call = POLL
        if found := NAMED.search(data):
            answer = ANSWER % (found[1], BODY)
            call = HEAD % (b"POST /api/v1/response", len(answer)) + answer
        self._loop.call_soon(self._connection.data_received, call)


def polling(count: int, broker: Broker) -> None:
    """So many dial in."""
    limits, cluster = Limits(), Cluster(gateway_id())
    steering = meshed(broker, cluster, limits.max_paused)
    of = Callers(None), Health(), steering, cluster
    app = create_app(Polls(broker, limits), broker, limits, *of)
    admission = Admission(WORKER_LIMITS, exempt=lambda _: True)
    server = HttpServer(app, WORKER_LIMITS, admission)
    for _ in range(count):
        Poller(server)
