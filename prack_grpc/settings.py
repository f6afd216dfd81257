"""Every setting, once: its name, default, bounds and help. Flags, variables and docs follow.

A setting `queue_timeout` is the flag `--queue-timeout` and the variable `PRACK_QUEUE_TIMEOUT`;
flag before variable before default. All problems are reported together.
"""

import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from prack_grpc import values
from prack_grpc.core.limits import MIB, Limits
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.public import PublicSettings
from prack_grpc.values import Buffer, Count, Host, Hosts, Networks, Pems, Port, Rates, Seconds, Size

PREFIX = "PRACK_"
# What `prack-worker` reads; a shared environment file is no mistake.
WORKER_VARIABLES = frozenset(
    "PRACK_" + name
    for name in (
        "GATEWAY", "SLOTS", "WEBSOCKET_SLOTS", "INTERFACE", "SERVICE", "APP_VERSION", "TIER",
        "ROUTES", "APP_DIR", "FACTORY", "ROOT_PATH", "TLS_CA", "TLS_SERVER_NAME", "CLIENT_CERT",
        "CLIENT_KEY", "PROXY", "READY", "RESTART",
    )
)  # fmt: skip
SECRETS = ("token", "admin_token")


class SettingsError(Exception):
    """All that is wrong with the settings, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


DEFAULTS = Limits()
CONNECTION_DEFAULTS = ConnectionLimits()


class Settings(PublicSettings):
    """The settings of `prack serve`. Times are seconds; sizes are bytes, or take KiB, MiB, GiB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_host: Host = Field("127.0.0.1", description="address of the REST worker API")
    api_port: Port = Field(4242, description="port of the REST worker API")
    api_hosts: Hosts = Field(
        (),
        description="names by which workers may call the REST worker API without a token, beside "
        "localhost and --api-host: gateway,prack.internal; the admin port likewise",
    )
    grpc_host: Host = Field("127.0.0.1", description="address of the gRPC worker API")
    grpc_port: Port = Field(4243, description="port of the gRPC worker API")
    admin_host: Host = Field(
        "127.0.0.1", description="address of the admin port: the page, metrics, health"
    )
    admin_port: Port = Field(4244, description="admin port")
    admin_token: str | None = Field(
        None, description="bearer token of the admin port (variable only)", repr=False
    )
    admin_token_file: Path | None = Field(None, description="file with the admin port's token")
    metrics: bool = Field(True, description="keep figures for the page, the API and Prometheus")
    ready_with_worker: bool = Field(
        False, description="report ready only while a worker is connected"
    )
    token: str | None = Field(
        None, description="bearer token that workers must send (variable only)", repr=False
    )
    token_file: Path | None = Field(None, description="file with the token")
    credentials: Path | None = Field(
        None,
        description="file that says who may do what; read again when it changes",
    )
    insecure_worker_api: bool = Field(
        False, description="accept workers from other hosts without a token"
    )
    trusted_proxies: Networks = Field(
        (), description="networks whose Forwarded and X-Forwarded-* fields are trusted"
    )
    proxy_protocol: bool = Field(
        False,
        description="each connection to the public port begins with a PROXY header, v1 or v2, of a "
        "trusted proxy; others are closed",
    )
    worker_networks: Networks = Field(
        (), description="networks that may connect to the worker ports; all if there are none"
    )
    admin_networks: Networks = Field(
        (), description="networks that may connect to the admin port; all if there are none"
    )
    api_tls_cert: Pems = Field((), description="certificate of the REST, gRPC and admin ports")
    api_tls_key: Pems = Field((), description="its key")
    client_ca: Path | None = Field(
        None, description="authorities, as PEM, that must have signed who calls these three ports"
    )
    queue_timeout: Seconds = Field(
        DEFAULTS.queue_timeout, description="how long a request waits for a worker, then 503"
    )
    head_timeout: Seconds = Field(
        DEFAULTS.head_timeout, description="how long a worker may take to answer, then 504"
    )
    idle_timeout: Seconds = Field(
        DEFAULTS.idle_timeout, description="how long a response may pause, then it is cut"
    )
    websocket_idle: Seconds = Field(
        DEFAULTS.websocket_idle, description="how long a WebSocket may be silent, then it is closed"
    )
    websocket_message: Size = Field(
        DEFAULTS.websocket_message,
        le=MIB,
        description="largest WebSocket message, at most 1MiB, then 1009",
    )
    queue_requests: Count = Field(
        DEFAULTS.queue_requests, description="requests that may wait, then 503"
    )
    queue_bytes: Size = Field(
        DEFAULTS.queue_bytes, description="bytes of waiting requests, then 503"
    )
    route_share: values.Share = Field(
        DEFAULTS.route_share,
        description="part of the queue that one route may use if workers serve several",
    )
    newest_first_after: Seconds | None = Field(
        None, description="a route whose oldest request is older than this serves its newest first"
    )
    priority: bool = Field(
        False, description="use the Priority field of trusted proxies (u=0 goes first)"
    )
    redeliver: bool = Field(
        True, description="give a repeatable request to a second worker if its first is lost"
    )
    max_silence: float = Field(
        15.0,
        ge=1,
        le=3600,
        allow_inf_nan=False,
        description="how long a worker's stream may be silent, then its requests are given to "
        "another worker or answered with 502; REST workers choose theirs (lease)",
    )
    max_connections_per_client: Count = Field(
        CONNECTION_DEFAULTS.client_connections,
        description="connections per client (an IPv4 address, or a /64 of IPv6), then 429; trusted "
        "proxies are exempt",
    )
    rate_limit: Rates | None = Field(
        None,
        description="requests per client, then 429: `100/s burst 200; POST /login = 5/m` is two "
        "rates, the second for a route; trusted proxies are exempt",
    )
    keep_alive: Seconds = Field(
        CONNECTION_DEFAULTS.keep_alive_seconds,
        description="how long a client's connection may be idle between two requests; longer than "
        "the load balancer before it, of which many hold theirs for 60",
    )
    body_timeout: Seconds = Field(
        CONNECTION_DEFAULTS.body_seconds,
        description="how long a client may pause within a request's body, then 408",
    )
    body_rate: Size = Field(
        CONNECTION_DEFAULTS.body_rate,
        description="bytes per second that a request's body must bring, over a minute, then 408",
    )
    read_timeout: Seconds = Field(
        CONNECTION_DEFAULTS.write_seconds,
        description="how long a client may read nothing of a response, then it is disconnected",
    )
    upload_share: values.Share = Field(
        DEFAULTS.upload_share,
        description="part of a worker's slots that requests may take whose body is still coming",
    )
    client_share: values.Share = Field(
        DEFAULTS.client_share,
        description="part of a route's requests in work that one client may have while others "
        "wait; trusted proxies are exempt",
    )
    request_buffer: values.Buffers = Field(
        "1MiB",
        description="how much of a request's body is read while it waits for a worker; `1MiB; "
        "uploads.example.com = 0` has another size for a route",
    )
    response_buffer: Buffer = Field(
        DEFAULTS.response_buffer,
        description="what slow clients have not read, in all, while others wait for a worker",
    )
    slow_reader: Seconds = Field(
        DEFAULTS.slow_reader,
        description="how long a client may hold up a response while others wait and the buffer is "
        "full, then it is cut",
    )
    max_body: Size | None = Field(
        None,
        description="largest request body, then 413; unlimited by default, as bodies are streamed",
    )
    rest_body: Size = Field(
        DEFAULTS.rest_body, description="largest request body for a REST worker, then 413"
    )
    grace: Seconds = Field(
        30.0, description="how long requests may continue when the gateway stops"
    )
    state_file: Path | None = Field(
        None,
        description="file that keeps the state of `prack traffic` and `prack drain` over a restart",
    )
    access_log: bool = Field(True, description="one log line for every request")
    server_timing: bool = Field(False, description="send Server-Timing: how long, and where")
    log_format: Literal["auto", "pretty", "json"] = Field(
        "auto", description="auto: pretty on a terminal, JSON otherwise"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level that is logged"
    )
    reflection: bool = Field(False, description="offer gRPC server reflection")

    def limits(self) -> Limits:
        """The part that the core enforces."""
        return Limits(
            queue_timeout=self.queue_timeout,
            head_timeout=self.head_timeout,
            idle_timeout=self.idle_timeout,
            websocket_idle=self.websocket_idle,
            websocket_message=self.websocket_message,
            queue_requests=self.queue_requests,
            queue_bytes=self.queue_bytes,
            route_share=self.route_share,
            newest_first_after=self.newest_first_after or math.inf,
            redeliver=self.redeliver,
            rest_body=self.rest_body,
            upload_share=self.upload_share,
            client_share=self.client_share,
            request_buffers=values.buffers(self.request_buffer),
            response_buffer=self.response_buffer,
            slow_reader=self.slow_reader,
        )

    def connection_limits(self) -> ConnectionLimits:
        """The part that the public port enforces."""
        return ConnectionLimits(
            client_connections=self.max_connections_per_client,
            keep_alive_seconds=self.keep_alive,
            body_seconds=self.body_timeout,
            body_rate=self.body_rate,
            write_seconds=self.read_timeout,
        )

    def names(self, host: str, certified: tuple[str, ...] = ()) -> tuple[str, ...]:
        """By which a private port at this address may be called without a token."""
        # What stands for every address is none: browsers take 0.0.0.0 for this machine.
        own = () if host in ("0.0.0.0", "::") else (host,)  # noqa: S104
        return (*own, *self.api_hosts, *certified)

    def shown(self) -> dict[str, str]:
        """The settings in use, for people; secrets are masked."""
        all_ = self.model_dump(mode="json")
        all_ |= {name: "(set)" for name in SECRETS if all_[name]}
        return {name: _shown(value) for name, value in all_.items()}


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def load(
    flags: Mapping[str, str], environ: Mapping[str, str], *, listening: bool = True
) -> Settings:
    """The settings from flags (by setting name) and variables.

    Who is not `listening` only calls a gateway that has such settings: whether it may have them,
    and whether they go together, is for the gateway to say.

    Raises SettingsError with every problem: a mistyped variable, a bad value, values that do not
    go together.
    """
    problems = _unknown_variables(environ)
    names = Settings.model_fields
    variables = {
        name: environ[PREFIX + name.upper()] for name in names if PREFIX + name.upper() in environ
    }
    given: dict[str, Any] = {**variables, **flags}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0])
            source = flag(name) if name in flags else PREFIX + name.upper()
            text = problem["msg"].removeprefix("Value error, ")
            shown = "" if name in SECRETS else f" (got {given[name]!r})"
            problems.append(f"{source}: {text[:1].lower()}{text[1:]}{shown}")
        raise SettingsError(problems) from None
    if listening:
        problems += _conflicts(settings)
    for name in SECRETS:
        try:
            settings = _with_secret(settings, name)
        except (OSError, ValueError) as error:
            problems.append(f"{flag(name)}-file: cannot read it: {error}")
    if listening:
        problems += _exposed(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def flag(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def nearest(word: str, known: list[str]) -> str:
    """A hint at what was probably meant."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    return [
        f"{name}: unknown setting{nearest(name, known)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and name not in WORKER_VARIABLES
    ]


def _conflicts(settings: Settings) -> list[str]:
    problems = []
    names = ("port", "api_port", "grpc_port", "admin_port", "http_redirect")
    ports = [(name, getattr(settings, name)) for name in names]
    for i, (name, port) in enumerate(ports):
        problems += [
            f"{flag(other)}: must differ from {flag(name)}, both are {port}"
            for other, same in ports[i + 1 :]
            if port == same not in (0, None)
        ]
    for name in ("tls", "api_tls"):
        certs, keys = (len(getattr(settings, f"{name}_{part}")) for part in ("cert", "key"))
        if certs != keys:
            cert, key = flag(f"{name}_cert"), flag(f"{name}_key")
            problems.append(f"{key}: expected a key for each {cert}, {certs} in all, got {keys}")
    if settings.client_ca is not None and not settings.api_tls_cert:
        problems.append("--client-ca: needs --api-tls-cert")
    problems += settings.certificate_problems()
    if settings.proxy_protocol and not settings.trusted_proxies:
        problems.append("--proxy-protocol: set --trusted-proxies to the networks that may use it")
    if settings.rest_body > settings.queue_bytes:
        problems.append("--rest-body: must not be larger than --queue-bytes")
    return problems


def _with_secret(settings: Settings, name: str) -> Settings:
    file: Path | None = getattr(settings, f"{name}_file")
    if file is None:
        return settings
    return settings.model_copy(update={name: file.read_text(encoding="utf-8").strip()})


def _exposed(settings: Settings) -> list[str]:
    problems = [
        *values.weak("token", settings.token),
        *values.weak("admin token", settings.admin_token),
    ]
    admin_asks = settings.admin_token or settings.credentials or settings.client_ca
    if not (values.is_loopback(settings.admin_host) or admin_asks):
        problems.append(
            f"--admin-host: {settings.admin_host} is reachable from other hosts, which could then "
            "see your traffic and stop your workers; set --admin-token-file or --credentials"
        )
    for name in ("api_host", "grpc_host"):
        host = getattr(settings, name)
        asks = settings.token or settings.credentials or settings.client_ca
        if not (values.is_loopback(host) or asks or settings.insecure_worker_api):
            problems.append(
                f"{flag(name)}: {host} is reachable from other hosts, which could then answer your "
                "clients; set --token-file or --credentials, or --insecure-worker-api on a closed "
                "network"
            )
    return problems
