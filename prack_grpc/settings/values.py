"""The kinds of values that settings have, and how people write them."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.fields import FieldInfo

from prack_grpc.core import rates
from prack_grpc.core.limits import KIB, MIB
from prack_grpc.core.queue import by_route
from prack_grpc.core.queue.routes import Route
from prack_wire.cores import cores

MIN_TOKEN = 22  # 128 bits in base64
VISIBLE = re.compile(r"[!-~]+")
SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)?")
# A name of a host, with a dot in it (RFC 1123 section 2.1).
LABEL = "[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?"
DOMAIN = re.compile(rf"(?=.{{1,253}}$)({LABEL}\.)+(?=.*[a-z]){LABEL}")
NATS = re.compile(r"(nats|tls)://([0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>\d{1,5}))?")
UNITS = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": 1024 * MIB}
MOST_PROCESSES = 16
MOST = 1024 * 1024 * MIB


def _size(value: object) -> object:
    return _bytes(value) if isinstance(value, str) else value


def _bytes(text: str) -> int:
    match = SIZE.fullmatch(text)
    if not match:
        raise ValueError("expected a size such as 65536, 64KiB or 256MiB")
    return int(match[1]) * UNITS[match[2] or "B"]


def buffers(text: str) -> dict[Route, int]:
    """Sizes by route from `1MiB; uploads.example.com = 0`, in bytes. Raises ValueError."""
    sizes = by_route.parse(text, "size", _bytes)
    if max(sizes.values(), default=0) > MOST:
        raise ValueError("expected sizes of at most 1024GiB")
    return sizes


def _buffers(value: str) -> str:
    buffers(value)
    return value


def _processes(value: object) -> object:
    if value == "auto":
        return max(1, min(MOST_PROCESSES, cores() // 4))
    if isinstance(value, str) and not re.fullmatch(r"[1-9]|[1-5]\d|6[0-4]", value):
        raise ValueError("expected a number from 1 to 64, or auto")
    return value


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(map(ipaddress.ip_network, filter(None, map(str.strip, value.split(",")))))
    except ValueError as error:
        raise ValueError(f"expected networks such as 10.0.0.0/8,::1 ({error})") from None


def _host(value: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z.:_-]+", value):
        raise ValueError("expected an address such as 127.0.0.1, ::1 or localhost")
    return value


def _hosts(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = tuple(filter(None, map(str.strip, value.split(","))))
    for name in names:
        if not re.fullmatch(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+", name):
            raise ValueError("expected names such as gateway,prack.internal, without ports")
    return names


def _files(value: object) -> object:
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


def _domains(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = tuple(filter(None, (name.strip().lower().rstrip(".") for name in value.split(","))))
    for name in names:
        if name.startswith("*."):
            raise ValueError(
                f"{name} would need a proof by DNS, which is not there; name each host"
            )
        if not DOMAIN.fullmatch(name):
            raise ValueError(
                f"expected names such as example.com,www.example.com, not {name!r}; those that are "
                "not ASCII as xn--..."
            )
    return tuple(dict.fromkeys(names))


def _mail(value: str) -> str:
    if not re.fullmatch(r"[!-~]+@[!-~]+", value):
        raise ValueError("expected an address of mail such as you@example.com")
    return value


def _https(value: str) -> str:
    if not re.fullmatch(r"https://[0-9A-Za-z.:_\[\]-]+/[!-~]*", value):
        raise ValueError("expected a URL such as https://ca.example.com/directory")
    return value


def _nats(value: object) -> object:
    if not isinstance(value, str):
        return value
    urls = tuple(filter(None, map(str.strip, value.split(","))))
    for url in urls:
        match = NATS.fullmatch(url)
        if not match or int(match["port"] or 4222) not in range(1, 65536):
            raise ValueError(
                "expected servers such as nats://10.0.0.1:4222,nats://10.0.0.2:4222, or tls://..., "
                "without users, which have settings of their own"
            )
    return tuple(dict.fromkeys(urls))


def _cluster(value: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,32}", value):
        raise ValueError("expected a name of at most 32 letters, digits, _ and -")
    return value


def _user(value: str) -> str:
    if not re.fullmatch(r"[!-~]{1,256}", value):
        raise ValueError("expected visible ASCII characters, without spaces")
    return value


def _rates(value: str) -> str:
    rates.parse(value)
    return value


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a port at this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Written:
    """How people write a value of this kind, in one word."""

    word: str


def written(field: FieldInfo) -> str | None:
    """That word for the values of a setting, if its kind has one."""
    kinds = get_args(field.annotation)
    inner = (one for kind in kinds for one in getattr(kind, "__metadata__", ()))
    known = (one.word for one in (*field.metadata, *inner) if isinstance(one, Written))
    return next(known, None)


Host = Annotated[str, AfterValidator(_host), Written("ADDRESS")]
Port = Annotated[int, Field(ge=0, le=65535), Written("PORT")]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False), Written("SECONDS")]
Silence = Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False), Written("SECONDS")]
Lasting = Annotated[int, Field(ge=0, le=1_000_000_000), Written("SECONDS")]
Size = Annotated[int, BeforeValidator(_size), Field(gt=0, le=MOST), Written("BYTES")]
Buffer = Annotated[int, BeforeValidator(_size), Field(ge=0, le=MOST), Written("BYTES")]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), Written("SHARE")]
Processes = Annotated[int, BeforeValidator(_processes), Field(ge=1, le=64), Written("N|auto")]
Count = Annotated[int, Field(gt=0, le=10_000_000), Written("N")]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks), Written("NETWORKS")]
Rates = Annotated[str, AfterValidator(_rates), Written("RATES")]
Buffers = Annotated[str, AfterValidator(_buffers), Written("SIZES")]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_hosts), Written("NAMES")]
Domains = Annotated[tuple[str, ...], BeforeValidator(_domains), Written("NAMES")]
Mail = Annotated[str, AfterValidator(_mail), Written("MAIL")]
HttpsUrl = Annotated[str, AfterValidator(_https), Written("URL")]
NatsUrls = Annotated[tuple[str, ...], BeforeValidator(_nats), Written("URLS")]
ClusterName = Annotated[str, AfterValidator(_cluster), Written("NAME")]
User = Annotated[str, AfterValidator(_user), Written("NAME")]
Pems = Annotated[tuple[Path, ...], BeforeValidator(_files), Written("FILES")]
File = Annotated[Path, Written("FILE")]
Folder = Annotated[Path, Written("FOLDER")]


def weak(name: str, token: str | None) -> list[str]:
    """What is wrong with a token that everything depends on."""
    if token is None or (len(token) >= MIN_TOKEN and VISIBLE.fullmatch(token)):
        return []
    return [
        f"the {name} must have at least {MIN_TOKEN} visible ASCII characters; make one with "
        "`python3 -c 'import secrets; print(secrets.token_urlsafe())'`"
    ]
