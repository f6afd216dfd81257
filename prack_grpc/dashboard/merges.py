"""How the answers of all gateways on the admin port become one."""

from prack_grpc.dashboard.exchanges import ORDERS
from prack_grpc.dashboard.rows import ROUTE_ORDERS, WORKER_ORDERS
from prack_grpc.neighbours import merging
from prack_grpc.neighbours.merging import ordered, rows
from prack_grpc.private.operators.together import Merges

_WORKERS = rows("workers", "worker", "service", "version", apart=True)
_EXCHANGES = rows("exchanges", "id", apart=True)
MERGES: Merges = {
    ("GET", "/api/v1/overview"): merging.overview,
    ("GET", "/api/v1/update"): merging.update,
    ("GET", "/api/v1/history"): merging.history,
    ("GET", "/api/v1/routes"): ordered(
        rows("routes", "route", "kind", "version"), "routes", ROUTE_ORDERS, "need"
    ),
    ("GET", "/api/v1/workers"): ordered(_WORKERS, "workers", WORKER_ORDERS, "worker"),
    ("GET", "/api/v1/versions"): rows("versions", "service", "version"),
    ("GET", "/api/v1/exchanges"): ordered(_EXCHANGES, "exchanges", ORDERS, "newest"),
    ("GET", "/api/v1/exchanges/"): merging.own,
    ("GET", "/api/v1/scale"): merging.needs,
    ("PUT", "/api/v1/traffic"): merging.own,
    ("POST", "/api/v1/drain"): merging.counts,
    ("POST", "/api/v1/resume"): merging.counts,
}
