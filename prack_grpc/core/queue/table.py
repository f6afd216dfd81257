"""The lanes of one kind of exchange by route, and the look-up of the one a request belongs to."""

from collections.abc import Iterable
from typing import Generic

from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.lane import Lane, S, W
from prack_grpc.core.queue.routes import DEFAULT, MAX_SEGMENTS, Route

ANY = frozenset(("",))


class RouteTable(Generic[W, S]):
    """The lanes by route, and the look-up of the one that a request belongs to."""

    def __init__(self, kind: Kind, now: float) -> None:
        self._kind = kind
        self._lanes: dict[Route, Lane[W, S]] = {}
        self._hosts: dict[str, dict[str, list[Lane[W, S]]]] = {}
        self.only_default = True
        self.default = self.add(DEFAULT, now)

    def __len__(self) -> int:
        return len(self._lanes)

    def __contains__(self, route: Route) -> bool:
        return route in self._lanes

    def lanes(self) -> list[Lane[W, S]]:
        """All lanes and their shares, in no order."""
        bases = self._lanes.values()
        return [lane for base in bases for lane in (base, *base.shares.values())]

    def get(self, route: Route) -> Lane[W, S] | None:
        """The lane of exactly this route."""
        return self._lanes.get(route)

    def add(self, route: Route, now: float) -> Lane[W, S]:
        """A new lane for a route that has none."""
        lane = self._lanes[route] = Lane(self._kind, route, now)
        lanes = self._hosts.setdefault(route.host, {}).setdefault(route.path, [])
        lanes.append(lane)
        self.only_default = len(self) == 1
        lanes.sort(key=lambda lane: (not lane.route.methods, sorted(lane.route.methods)))
        return lane

    def remove(self, lane: Lane[W, S]) -> None:
        """Forget a lane that is empty."""
        route = lane.route
        del self._lanes[route]
        self.only_default = len(self) == 1
        paths = self._hosts[route.host]
        paths[route.path].remove(lane)
        if not paths[route.path]:
            del paths[route.path]
        if not paths:
            del self._hosts[route.host]

    def find(self, authority: bytes, path: bytes, method: bytes) -> Lane[W, S]:
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


class Newcomers:
    """What new routes may take from others, which is for `find` to say.

    `hosts` are those of the routes that may have had it until now.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.hosts: set[str] = set()
        self._paths: dict[str, list[bytes]] = {}
        self._known: dict[bytes, tuple[bytes, ...]] = {}
        for route in routes:
            self._paths.setdefault(route.host, []).append(route.path.encode())
            more_general = _host_keys(route.host.removeprefix("*.").encode())[1:]
            self.hosts.update((route.host, *more_general))

    def may_take(self, authority: bytes, path: bytes) -> bool:
        """Whether a request is of a host of theirs, and begins like a path. Costs a look-up."""
        paths = self._known.get(authority)
        if paths is None:
            hosts = _host_keys(authority)
            paths = tuple(one for host in hosts for one in self._paths.get(host, ()))
            self._known[authority] = paths
        return path.startswith(paths)


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
