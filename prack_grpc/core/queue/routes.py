"""Routes: which workers serve which requests.

A request belongs to the most specific route that matches it: an exact host before the longest
`*.suffix` before any host; then the longest path prefix, in whole segments; then a route that
names methods before one that takes all. A route that exists keeps its requests to itself while
its workers are busy.
"""

import re
from dataclasses import dataclass

from prack_grpc.core.errors import BadRoute

HOST = re.compile(r"(\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\]")
PATH = re.compile(r"/[!-)+-~]*")  # no `*`: a prefix needs none
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
            raise BadRoute(f"path {self.path!r}: expected a prefix like /cart or /cart/*")
        if self.path.count("/") > MAX_SEGMENTS:
            raise BadRoute(f"path {self.path!r}: more than {MAX_SEGMENTS} segments")
        for method in self.methods:
            if not METHOD.fullmatch(method):
                raise BadRoute(f"method {method!r}: expected a token like GET")

    @classmethod
    def of(cls, host: str, path: str, methods: list[str]) -> "Route":
        """A route from its parts as people write them: `*`, upper-case, a last `/` or `/*`."""
        host = "" if host == "*" else host.lower()
        path = "" if path == "*" else path.removesuffix("/*").rstrip("/")
        return cls(host, path, frozenset(methods))

    @classmethod
    def parse(cls, text: str) -> "Route":
        """A route from `[METHOD,METHOD ][host][/path]`, such as `GET shop.example.com/cart`."""
        methods, _, place = text.strip().rpartition(" ")
        host, slash, path = place.partition("/")
        names = [method.strip() for method in methods.split(",") if method.strip()]
        return cls.of(host, slash + path, names)

    def covers(self, other: "Route") -> bool:
        """Whether every request that belongs to the other route matches this one."""
        if self.host.startswith("*."):
            host = other.host.endswith(self.host[1:])
        else:
            host = self.host in ("", other.host)
        path = f"{other.path}/".startswith(f"{self.path}/")
        methods = not self.methods or (bool(other.methods) and other.methods <= self.methods)
        return host and path and methods

    def __str__(self) -> str:
        methods = ",".join(sorted(self.methods))
        return f"{methods} {self.host or '*'}{self.path or '/'}".strip()


DEFAULT = Route()
