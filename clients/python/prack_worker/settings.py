"""The worker's settings: flag before PRACK_* variable before default; all mistakes at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prack_wire.tls import Tls
from prack_worker.errors import UsageError
from prack_worker.proxy.address import Address, parse_address, parse_path
from prack_worker.transport import Route

PORTS = {
    "prack": 4242, "pracks": 4242, "grpc": 4243, "grpcs": 4243, "http": 4242, "https": 443
}  # fmt: skip
INTERFACES = ("auto", "asgi", "wsgi")
LEVELS = ("debug", "info", "warning", "error")
MAX_SLOTS = 10_000
MAX_TIER = 9
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


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line reads; `slots` 0 leaves the number to the interface."""

    gateway: tuple[Gateway, ...]
    slots: int
    websocket_slots: int
    interface: str
    service: str
    app_version: str
    tier: int
    routes: tuple[Route, ...]
    app_dir: Path
    factory: bool
    root_path: str
    proxy: Address | None
    ready: str
    restart: bool
    grace: float
    max_silence: float
    token_file: Path | None
    token: str
    tls: Tls
    log_level: str


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: the flag `--name`, the variable `PRACK_NAME`; `parse` raises ValueError."""

    name: str
    parse: Callable[[str], Any]
    default: str
    metavar: str
    help: str
    variable: str = ""
    flag: bool = True

    def variable_name(self) -> str:
        return self.variable or f"PRACK_{self.name.upper()}"


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


def _slots(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_SLOTS:
        raise ValueError(f"expected a whole number from 1 to {MAX_SLOTS}")
    return int(text)


def _websocket_slots(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MAX_SLOTS:
        raise ValueError(f"expected a whole number from 0 to {MAX_SLOTS}")
    return int(text)


def _tier(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MAX_TIER:
        raise ValueError(f"expected a whole number from 0 to {MAX_TIER}")
    return int(text)


def _grace(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 86_400:
        raise ValueError("expected seconds from 0 to 86400")
    return seconds


def _silence(text: str) -> float:
    if not text:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not MIN_SILENCE <= seconds <= MAX_SILENCE:
        raise ValueError(f"expected seconds from {MIN_SILENCE} to {MAX_SILENCE}")
    return seconds


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("expected at most 128 visible ASCII characters, without spaces")
    return text


def _root_path(text: str) -> str:
    if not ROOT.fullmatch(text):
        raise ValueError("expected a path such as /shop, without % and spaces")
    return text.rstrip("/")


def _folder(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise ValueError(f"{path} is not a directory")
    return path


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return parse


def _switch(text: str) -> bool:
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
    if not TOKEN.fullmatch(text):
        raise ValueError("expected visible ASCII characters, without spaces")
    return text


def _token_file(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text).resolve()  # it is read again, when the application may have gone elsewhere
    read_token(path)
    return path


def _file(text: str) -> Path | None:
    """Resolved now, as the application may change its folder; read only for TLS."""
    return Path(text).resolve() if text else None


def _server_name(text: str) -> str:
    if text and not HOST.fullmatch(text.lower()):
        raise ValueError("expected a name such as gateway.example.com")
    return text


OPTIONS = (
    Option("gateway", parse_gateways, "prack://127.0.0.1:4242", "URL",
           "prack://host:port; or grpc://host:port for the same over gRPC, "
           "http://host:port for the REST API; over TLS pracks://, grpcs:// or https://; "
           "may be repeated for gateways of one cluster: one of them is used at a time"),
    Option("tls_ca", _file, "", "FILE",
           "authorities, as PEM, that may have signed the gateway's certificate (default: those of "
           "this system, or of SSL_CERT_FILE and SSL_CERT_DIR)"),
    Option("tls_cert", _file, "", "FILE",
           "certificate of this worker, as PEM, for a gateway that demands one",
           variable="PRACK_CLIENT_CERT"),
    Option("tls_key", _file, "", "FILE", "its key", variable="PRACK_CLIENT_KEY"),
    Option("tls_server_name", _server_name, "", "NAME",
           "name that the gateway's certificate must be for (default: the host of --gateway)"),
    Option("slots", _slots, "", "N",
           f"requests to hold at a time, 1 to {MAX_SLOTS} (default: 8 for WSGI, else 64)"),
    Option("websocket_slots", _websocket_slots, "1000", "N",
           f"WebSockets to hold beside them, up to {MAX_SLOTS}; 0: they take the same slots"),
    Option("interface", _one_of(INTERFACES), "auto", "KIND", f"one of {', '.join(INTERFACES)}"),
    Option("route", parse_routes, "", "ROUTE",
           '"[METHODS ]host/path" to serve; may be repeated (default: every request)',
           variable="PRACK_ROUTES"),
    Option("service", _name, "", "NAME", "what this worker runs, for metrics and canaries"),
    Option("app_version", _name, "", "NAME", "the build of what it runs"),
    Option("tier", _tier, "0", "N",
           f"0 to {MAX_TIER}: gets requests only while lower tiers have no free slot"),
    Option("app_dir", _folder, ".", "DIR", "where to import the application from"),
    Option("factory", _switch, "0", "",
           "MODULE:ATTRIBUTE is a function that returns the application"),
    Option("root_path", _root_path, "", "PATH",
           "the prefix under which clients see the application (root_path, SCRIPT_NAME)"),
    Option("proxy", lambda text: parse_address(text) if text else None, "", "URL",
           "http://host:port or unix:/path where an application of any language listens, instead "
           "of MODULE:ATTRIBUTE (default, with a command after --: a free port, which it gets as "
           "PORT)"),
    Option("ready", lambda text: parse_path(text) if text else "", "", "PATH",
           "what that application answers with 2xx or 3xx when it is ready (default: it is when "
           "it listens)"),
    Option("restart", _switch, "0", "", "start the command again when it ends by itself"),
    Option("grace", _grace, "30", "SECONDS", "how long a stop waits for requests to finish"),
    Option("max_silence", _silence, "", "SECONDS",
           "how long the gateway may be silent before the worker reconnects; over REST also how "
           "long the worker may be silent about a request before another one gets it (default: "
           "the gateway's own; over REST 20)"),
    Option("token_file", _token_file, "", "FILE",
           "file with the gateway's token; read at each connection attempt "
           "(or set PRACK_TOKEN)"),
    Option("token", lambda text: check_token(text) if text else "", "", "", "", flag=False),
    Option("cert_file", _file, "", "", "", variable="SSL_CERT_FILE", flag=False),
    Option("cert_dir", _file, "", "", "", variable="SSL_CERT_DIR", flag=False),
    Option("log_level", _one_of(LEVELS), "info", "LEVEL", f"one of {', '.join(LEVELS)}"),
)  # fmt: skip


def _given(values: Mapping[str, Any], name: str) -> Any:
    return values[name.replace("-", "_")]


def read_settings(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """The settings of `flags` (by option name, None: not given) and the environment.

    Raises:
        UsageError: one line for each mistake.
    """
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for option in OPTIONS:
        given = flags.get(option.name)
        variable = option.variable_name()
        text = given if given is not None else environ.get(variable) or option.default
        source = f"--{option.name.replace('_', '-')}" if given is not None else variable
        try:
            values[option.name] = option.parse(text)
        except ValueError as error:
            shown = "" if option.name == "token" else f' "{text}"'
            mistakes.append(f"{source}{shown}: {error}")
    for name, other in (("tls-cert", "tls-key"), ("tls-key", "tls-cert")):
        if not mistakes and _given(values, name) and not _given(values, other):
            mistakes.append(f"--{name} {_given(values, name)}: needs --{other}")
    if mistakes:
        raise UsageError("\n".join(mistakes))
    tls = Tls(
        *(values.pop(f"tls_{name}") for name in ("ca", "cert", "key", "server_name")),
        *(values.pop(name) for name in ("cert_file", "cert_dir")),
    )
    return Settings(routes=values.pop("route"), tls=tls, **values)
