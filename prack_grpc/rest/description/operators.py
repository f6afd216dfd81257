"""The description of the endpoints for whoever runs the gateway."""

from typing import Any

from prack_grpc.private.description import TEXT, UNREADABLE
from prack_grpc.rest.description.openapi import content, operation, record

COUNT = {"type": "integer"}
SECONDS = {"type": "number", "description": "Seconds"}
SOME = {"type": ["integer", "null"]}
COUNTS = {"type": "object", "additionalProperties": COUNT}
STATE = {"enum": ["active", "paused", "draining", "drained"]}
WEIGHTS = {**COUNTS, "description": "By version; growing the first keeps the clients it has"}


def _rows(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return record({name: {"type": "array", "items": record(properties, *properties)}}, name)


QUEUE = {
    "waiting": COUNT,
    "waiting_bytes": COUNT,
    "oldest": SECONDS,
    "in_flight": COUNT,
    "accepted": COUNT,
    "done": COUNTS,
    "leased": COUNT,
    "leases": COUNTS,
    "open_leases": COUNT,
    "redelivered": COUNTS,
}
POOL = {"service": TEXT, "version": TEXT, "state": STATE, "slots": COUNT, "held": COUNT}
TRAFFIC = {
    "service": TEXT,
    "weights": WEIGHTS,
    "sticky": {"type": ["string", "null"], "description": "`cookie:NAME` or `header:NAME`"},
}
SCHEMAS = {
    "Queue": record(QUEUE, *QUEUE),
    "Workers": _rows(
        "workers",
        {
            "worker": TEXT,
            **POOL,
            "websockets": COUNT,
            "tier": COUNT,
            "seconds": SECONDS,
            "transport": {"enum": ["prack", "grpc", "rest"]},
            "address": TEXT,
            "principal": TEXT,
            "routes": {"type": "array", "items": TEXT},
        },
    ),
    "Routes": _rows(
        "routes",
        {
            "route": TEXT,
            "kind": TEXT,
            "version": {**TEXT, "description": "`service/version` where traffic is divided"},
            "workers": COUNT,
            "slots": COUNT,
            "busy": {**COUNT, "description": "Slots that its requests hold"},
            "free": COUNT,
            "waiting": COUNT,
            "waiting_bytes": COUNT,
            "oldest": SECONDS,
            "rate": {"type": ["number", "null"], "description": "Hand-outs a second"},
            "accepted": COUNT,
            "passed_over": {**COUNT, "description": "How often a client was that had its share"},
            "crowd": {**COUNT, "description": "Those that wait of one client that has its share"},
            "guests": {**COUNT, "description": "Workers that stand for those of a linked gateway"},
            "borrowed": {**COUNT, "description": "Slots that linked gateways have lent"},
        },
    ),
    "Versions": _rows("versions", {**POOL, "workers": COUNT, "weight": SOME}),
    "Traffic": record(TRAFFIC, "service", "weights"),
    "Gateways": _rows(
        "gateways",
        {
            "gateway": TEXT,
            "link": TEXT,
            "round_trip": {"type": ["number", "null"], "description": "Seconds"},
            **dict.fromkeys(("lent", "borrowed", "wanted_by", "wanted_of"), SOME),
        },
    ),
    "Divisions": _rows("traffic", TRAFFIC),
    "Who": record(
        {"worker": TEXT, "service": TEXT, "version": TEXT, "leaving": {"type": "boolean"}},
        example={"service": "web", "version": "v1"},
    ),
    "Held": record({"workers": COUNT, "held": COUNT}, "workers", "held"),
}
DRAINED = (content("Held"), UNREADABLE, content("Who"))
OPERATIONS: dict[str, dict[str, Any]] = {
    "queue": operation("The whole queue", content("Queue"), {}),
    "workers": operation("The workers", content("Workers"), {}),
    "routes": operation("The routes", content("Routes"), {}),
    "versions": operation("The versions", content("Versions"), {}),
    "traffic": operation("How traffic is divided", content("Divisions"), {}),
    "gateways": operation("The gateways of one queue", content("Gateways"), {}),
    "divide": operation(
        "Divide the traffic of a service", content("Traffic"), UNREADABLE, content("Traffic")
    ),
    "drain": operation("Take a worker or a version out of service", *DRAINED),
    "resume": operation("Put it back into service", *DRAINED),
}
