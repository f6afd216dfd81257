"""Every bound of the gateway, with its unit, default and reason. Nothing here is unlimited."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from prack_grpc.core.queue.routes import Route

KIB = 1024
MIB = 1024 * KIB
# Body bytes that are passed on at a time, so that exchanges can take turns. It is also the most
# that one event of the worker protocol may hold (Limits.chunk).
PIECE = 64 * KIB
# Bytes of the fields of one head, of a request or a response; workers are told.
MAX_HEAD = 64 * KIB
# The last tier of workers; a look-up costs a little for each that is in use.
MAX_TIER = 9
# Values of a setting by route: the most specific one is looked up for each request. Rates remember
# clients, each of them for 4 MB at most.
MAX_BY_ROUTE = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that the core enforces. Times are seconds, sizes are bytes."""

    # How long a client may wait for a free worker. The original waited 60 s for everything.
    queue_timeout: float = 60.0
    # How long a worker may take to send the response head, counted from the hand-out or from the
    # last piece of request body. The original's 60 s.
    head_timeout: float = 60.0
    # How long a response may stand still between two pieces of its body, whoever is the cause.
    idle_timeout: float = 60.0
    # How long a WebSocket may be silent in both directions; pings do not count.
    websocket_idle: float = 3600.0
    # Largest message of a WebSocket, in either direction.
    websocket_message: int = MIB
    # Longest that one hand-out may be extended to: a forgotten lease must end some day.
    lease_max: float = 3600.0
    # Requests that wait. At 10 KiB each this is 100 MiB; a longer queue only adds waiting.
    queue_requests: int = 10_000
    # Bytes of waiting requests, heads and bodies.
    queue_bytes: int = 256 * MIB
    # The part of the queue that one route may take while workers serve several: a busy one must
    # leave room for the others.
    route_share: float = 0.5
    # From this age of its oldest request on, a line is served from its other end: under lasting
    # overload the newest can still be served in time, the oldest cannot.
    newest_first_after: float = math.inf
    # Hand-outs of a request that no worker has started (promise 2).
    max_attempts: int = 3
    # Whether a repeatable request gets a second worker when its first is lost (promise 2).
    redeliver: bool = True
    # Body bytes of one exchange in one direction that may be under way: the product of bandwidth
    # and delay of a 200 Mbit/s path of 20 ms. A grant is for half of it, and that fills one message
    # of gRPC, which costs the same whatever its size.
    window: int = 512 * KIB
    # The part of a worker's slots that requests may take whose body is still on its way: clients
    # that are slow to send, by nature or on purpose, leave the rest to others.
    upload_share: float = 0.5
    # The part of the requests in work on a route that one client may have while others wait: with
    # half of them, slow requests of one leave as many to the rest. Also the part of the room for
    # bodies that are read ahead, of what others leave of it.
    client_share: float = 0.5
    # Of so many slots of a route, or more, who has that share leaves the last free one to others.
    # Of fewer, one that is idle is too many.
    last_slot_of: int = 8
    # Others are there if one of so many hand-outs was theirs: then they may well come again.
    lately: int = 1000
    # Body that is read ahead of a worker while a request waits. Most are smaller than this, and
    # once it is here a request takes a slot as any other. A client that sends 10 MiB a second
    # fills it in 0.1 s.
    request_buffer: int = MIB
    # The same of requests of these routes.
    request_buffers: Mapping[Route, int] = field(default_factory=dict)
    # Body that rides along with the request, and that is kept until its worker answers.
    inline_body: int = PIECE
    # Response bytes beyond the windows, in all, that are taken from workers while others wait for
    # their slots: what is slow to be read then costs memory, and no slot. One response may have a
    # quarter of it.
    response_buffer: int = 64 * MIB
    # How long a response may stand still because of its client while others wait for its slot and
    # there is no room for it. A client that reads half of a window in this time, 85 KiB/s, is kept.
    slow_reader: float = 3.0
    # Body bytes in one event, so that exchanges can take turns.
    chunk: int = PIECE
    # A request body that a REST worker must take in one piece.
    rest_body: int = 32 * MIB
    # Most slots of one session: a typing error must not empty the queue into one process.
    max_slots: int = 10_000
    # Most sessions, parked polls among them.
    max_sessions: int = 10_000
    # Most routes, of one session and in all: each costs a little at every look-up.
    session_routes: int = 64
    max_routes: int = 10_000
    # The part of both, sessions and routes, that credentials may have which do not allow
    # everything: stolen ones must leave room for the others.
    credential_share: float = 0.5
    # How long a route without workers keeps its requests to itself instead of sharing them with
    # a more general one.
    route_linger: float = 600.0
    # How long the share of a version without workers is kept: REST workers come and go.
    share_linger: float = 2.0
    # Workers that are told apart when they are taken out of service by name.
    max_paused: int = 10_000
    # Closed hand-outs whose late answers can still be told apart (409 and 410 instead of 404).
    remembered_leases: int = 10_000
    # Clients that are remembered of each rate limit, 400 bytes each.
    rated_clients: int = 10_000


@dataclass(frozen=True, slots=True)
class BookLimits:
    """The bounds of the books. All full, they take about 25 MiB."""

    # Requests that are remembered one by one, the last ones: 1 KiB each. Of a second's they are 500
    # at most, and all errors.
    requests: int = 4096
    # Services, versions and routes, in all their combinations, that are told apart: 3 KiB each, and
    # for Prometheus some hundred series. Others count as `_other`.
    places: int = 100
    # Methods, statuses, transports and errors that are told apart at each of these, likewise.
    kinds: int = 50
    # Workers that are told apart at these: 1.2 KiB each.
    workers: int = 5000
    # How far back the curves go, in seconds: 400 bytes each.
    seconds: int = 900
    # Events that are marked on the curves.
    marks: int = 500
