"""Routes: which workers serve which requests.

A request belongs to the most specific route that matches it: an exact host before the longest
`*.suffix` before any host; then the longest path prefix, in whole segments; then a route that
names methods before one that takes all. A route that exists keeps its requests to itself while
its workers are busy.
"""

import re
from dataclasses import dataclass

from prack_grpc.core.errors import BadRoute
from prack_grpc.core.queue.lane import Lane

HOST = re.compile(r"(\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\]")
PATH = re.compile(r"/[!-~]*")
METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# A hostile path or host must not make a look-up long.
MAX_SEGMENTS = 32


@dataclass(frozen=True, slots=True)
class Route:
    """Host, path prefix and methods; an empty part takes anything.

    `host` is lower-case, without a port, perhaps with a leading `*.`; `path` starts with a slash
    and ends without one. Raises BadRoute.
    """

    host: str = ""
    path: str = ""
    methods: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.host and not HOST.fullmatch(self.host):
            raise BadRoute(f"host {self.host!r}: expected shop.example.com or *.example.com")
        if self.path and (not PATH.fullmatch(self.path) or self.path.endswith("/")):
            raise BadRoute(f"path {self.path!r}: expected a prefix like /cart")
        if self.path.count("/") > MAX_SEGMENTS:
            raise BadRoute(f"path {self.path!r}: more than {MAX_SEGMENTS} segments")
        for method in self.methods:
            if not METHOD.fullmatch(method):
                raise BadRoute(f"method {method!r}: expected a token like GET")

    @classmethod
    def of(cls, host: str, path: str, methods: list[str]) -> "Route":
        """A route from its parts as people write them: `*`, upper-case hosts, a last slash."""
        host = "" if host == "*" else host.lower()
        path = "" if path == "*" else path.rstrip("/")
        return cls(host, path, frozenset(methods))

    @classmethod
    def parse(cls, text: str) -> "Route":
        """A route from `[METHOD,METHOD ][host][/path]`, such as `GET shop.example.com/cart`."""
        methods, _, place = text.strip().rpartition(" ")
        host, slash, path = place.partition("/")
        names = [method.strip() for method in methods.split(",") if method.strip()]
        return cls.of(host, slash + path, names)

    def __str__(self) -> str:
        methods = ",".join(sorted(self.methods))
        return f"{methods} {self.host or '*'}{self.path or '/'}".strip()


DEFAULT = Route()
ANY = frozenset(("",))


class RouteTable:
    """The lanes by route, and the look-up of the one that a request belongs to."""

    def __init__(self, now: float) -> None:
        self._lanes: dict[Route, Lane] = {}
        self._hosts: dict[str, dict[str, list[Lane]]] = {}
        self.default = self.add(DEFAULT, now)

    def __len__(self) -> int:
        return len(self._lanes)

    def __contains__(self, route: Route) -> bool:
        return route in self._lanes

    def lanes(self) -> list[Lane]:
        """All lanes and their shares, in no order."""
        bases = self._lanes.values()
        return [lane for base in bases for lane in (base, *base.shares.values())]

    def get(self, route: Route) -> Lane | None:
        """The lane of exactly this route."""
        return self._lanes.get(route)

    def add(self, route: Route, now: float) -> Lane:
        """A new lane for a route that has none."""
        lane = self._lanes[route] = Lane(self, route, now)
        lanes = self._hosts.setdefault(route.host, {}).setdefault(route.path, [])
        lanes.append(lane)
        lanes.sort(key=lambda lane: (not lane.route.methods, sorted(lane.route.methods)))
        return lane

    def remove(self, lane: Lane) -> None:
        """Forget a lane that is empty."""
        route = lane.route
        del self._lanes[route]
        paths = self._hosts[route.host]
        paths[route.path].remove(lane)
        if not paths[route.path]:
            del paths[route.path]
        if not paths:
            del self._hosts[route.host]

    def find(self, authority: bytes, path: bytes, method: bytes) -> Lane:
        """The lane of the most specific route that matches; the default one matches everything.

        Costs at most one look-up for each label of the host times each segment of the path that
        routes use; with only the default route, one.
        """
        name = method.decode("latin-1")
        only_any = self._hosts.keys() == ANY
        for host in ANY if only_any else _host_keys(authority):
            paths = self._hosts.get(host, {})
            for prefix in ANY if paths.keys() <= ANY else _path_keys(path):
                for lane in paths.get(prefix, ()):
                    if not lane.route.methods or name in lane.route.methods:
                        return lane
        return self.default


def _host_keys(authority: bytes) -> list[str]:
    """The host, its wildcards from the longest on, and the empty host."""
    host = authority.decode("latin-1").lower()
    if not host.startswith("["):
        host = host.partition(":")[0]
    else:
        host = host.partition("]")[0] + "]"
    host = host.rstrip(".")
    labels = host.split(".")[-MAX_SEGMENTS:]
    wildcards = ["*." + ".".join(labels[i:]) for i in range(1, len(labels))]
    return [host, *wildcards, ""]


def _path_keys(path: bytes) -> list[str]:
    """The path and its ancestors in whole segments, from the longest on, and the empty path."""
    segments = path.decode("latin-1").split("/", MAX_SEGMENTS + 1)[: MAX_SEGMENTS + 1]
    keys = ["/".join(segments).rstrip("/")]
    while keys[-1]:
        keys.append(keys[-1].rpartition("/")[0])
    return keys
