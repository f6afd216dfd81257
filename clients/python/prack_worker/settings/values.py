"""What each setting may be: the parsers raise ValueError with what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from prack_wire.cores import cores
from prack_worker.transport import Route

PORTS = {
    "prack": 4242, "pracks": 4242, "grpc": 4243, "grpcs": 4243, "http": 4242, "https": 443
}  # fmt: skip
MAX_SLOTS = 10_000
MAX_TIER = 9
MOST_PROCESSES = 256
MOST_REQUESTS = 1_000_000_000
MIN_SILENCE, MAX_SILENCE = 1, 3600  # seconds; the bounds of a lease over REST
HOST = re.compile(r"(\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\]")
PATH = re.compile(r"/[!-~]*")
METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
ROOT = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*/?")
NAME = re.compile(r"[!-~]{0,128}")
TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where to dial in: `scheme` is "prack", "grpc" or "http", or one of these with an s."""

    scheme: str
    address: str

    @property
    def is_secure(self) -> bool:
        """Whether it is dialled over TLS."""
        return self.scheme.endswith("s")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.address}"


def parse_gateways(text: str) -> tuple[Gateway, ...]:
    """One or more, with commas between them, all dialled in the same way."""
    gateways = tuple(dict.fromkeys(map(parse_gateway, map(str.strip, text.split(",")))))
    schemes = {gateway.scheme for gateway in gateways}
    if len(schemes) > 1:
        raise ValueError(f"expected one scheme for all, got {' and '.join(sorted(schemes))}")
    return gateways


def parse_gateway(text: str) -> Gateway:
    """`scheme://host[:port]`, with the scheme's default port."""
    parts = urlsplit(text)
    if parts.scheme not in PORTS:
        raise ValueError(
            "expected prack://, grpc:// or http://, or with TLS pracks://, grpcs:// or https://, "
            "then host:port"
        )
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("expected only a host and a port after the scheme")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Gateway(parts.scheme, f"{host}:{parts.port or PORTS[parts.scheme]}")


def parse_routes(text: str) -> tuple[Route, ...]:
    """Routes with commas between them; the commas between methods are told apart by the space."""
    routes, methods = [], []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part.isalpha() and part.isupper():
            methods.append(part)
        else:
            routes.append(parse_route(",".join([*methods, part])))
            methods = []
    if methods:
        raise ValueError(f"{methods[0]} has no host or path after it")
    return tuple(routes)


def parse_route(text: str) -> Route:
    """`[METHODS ]host/path`; `*` or nothing stands for any host."""
    names, _, place = text.rpartition(" ")
    host, slash, path = place.partition("/")
    host = "" if host == "*" else host.lower()
    path = (slash + path).rstrip("/")
    methods = tuple(name.strip() for name in names.split(",") if name.strip())
    if (host and not HOST.fullmatch(host)) or (path and not PATH.fullmatch(path)):
        raise ValueError(
            f'"{place}" is not a route: expected shop.example.com/cart, /api or *.a.com/'
        )
    if not all(map(METHOD.fullmatch, methods)):
        raise ValueError(f'"{names}" are not methods: expected GET,HEAD before the host')
    return Route(host, path, methods)


def slots(text: str) -> int:
    """A number of slots; 0 leaves it to the interface."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_SLOTS:
        raise ValueError(f"expected a whole number from 1 to {MAX_SLOTS}")
    return int(text)


def websocket_slots(text: str) -> int:
    """A number of slots; 0 for none."""
    if not text.isascii() or not text.isdigit() or int(text) > MAX_SLOTS:
        raise ValueError(f"expected a whole number from 0 to {MAX_SLOTS}")
    return int(text)


def tier(text: str) -> int:
    """A tier."""
    if not text.isascii() or not text.isdigit() or int(text) > MAX_TIER:
        raise ValueError(f"expected a whole number from 0 to {MAX_TIER}")
    return int(text)


def processes(text: str) -> int:
    """A number of processes; 0 if nothing is said."""
    if text == "auto":
        return min(max(1, cores()), MOST_PROCESSES)
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_PROCESSES:
        raise ValueError(f"expected a whole number from 1 to {MOST_PROCESSES}, or auto")
    return int(text)


def count(text: str) -> int:
    """A number of requests; 0 for no limit."""
    if not text.isascii() or not text.isdigit() or int(text) > MOST_REQUESTS:
        raise ValueError(f"expected a whole number from 0 to {MOST_REQUESTS}")
    return int(text)


def seconds(most: int) -> Callable[[str], float]:
    """A parser of seconds from 0 to `most`."""

    def parse(text: str) -> float:
        try:
            given = float(text)
        except ValueError:
            given = math.nan
        if not 0 <= given <= most:
            raise ValueError(f"expected seconds from 0 to {most}")
        return given

    return parse


grace = seconds(86_400)
lifetime = seconds(31_536_000)


def silence(text: str) -> float:
    """Seconds; 0 leaves it to the gateway."""
    if not text:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not MIN_SILENCE <= seconds <= MAX_SILENCE:
        raise ValueError(f"expected seconds from {MIN_SILENCE} to {MAX_SILENCE}")
    return seconds


def name(text: str) -> str:
    """What the gateway shows."""
    if not NAME.fullmatch(text):
        raise ValueError("expected at most 128 visible ASCII characters, without spaces")
    return text


def root_path(text: str) -> str:
    """A path without the slash at its end."""
    if not ROOT.fullmatch(text):
        raise ValueError("expected a path such as /shop, without % and spaces")
    return text.rstrip("/")


def folder(text: str) -> Path:
    """A folder that is there."""
    path = Path(text).resolve()
    if not path.is_dir():
        raise ValueError(f"{path} is not a directory")
    return path


def folders(text: str) -> tuple[Path, ...]:
    """Folders that are there, with commas between them."""
    return tuple(map(folder, _parts(text)))


def globs(text: str) -> tuple[str, ...]:
    """Patterns of file names, with commas between them, as `Path.match` takes them."""
    patterns = tuple(_parts(text))
    if any(Path(pattern).is_absolute() or not Path(pattern).name for pattern in patterns):
        raise ValueError("expected patterns such as *.html or templates/*.txt")
    return patterns


def _parts(text: str) -> list[str]:
    return [part for part in map(str.strip, text.split(",")) if part]


def one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    """A parser of one of these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return parse


def switch(text: str) -> bool:
    """On or off."""
    if text.lower() not in ("", "0", "1", "false", "true", "no", "yes"):
        raise ValueError("expected 1 or 0")
    return text.lower() in ("1", "true", "yes")


def read_token(path: Path) -> str:
    """The token that a file holds. Raises ValueError with what is wrong, never with the token."""
    try:
        return check_token(path.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def check_token(text: str) -> str:
    """A token."""
    if not TOKEN.fullmatch(text):
        raise ValueError("expected visible ASCII characters, without spaces")
    return text


def token_file(text: str) -> Path | None:
    """A file whose token can be read now; it is read again at each attempt."""
    if not text:
        return None
    path = Path(text).resolve()  # it is read again, when the application may have gone elsewhere
    read_token(path)
    return path


def file(text: str) -> Path | None:
    """Resolved now, as the application may change its folder; read only for TLS."""
    return Path(text).resolve() if text else None


def file_there(text: str) -> Path | None:
    """A file that can be opened now."""
    path = file(text)
    if path is not None and not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path


def server_name(text: str) -> str:
    """A host name, or nothing."""
    if text and not HOST.fullmatch(text.lower()):
        raise ValueError("expected a name such as gateway.example.com")
    return text
