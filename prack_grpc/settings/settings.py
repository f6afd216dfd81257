"""Every setting, once: its name, default, bounds and help. Flags, variables and docs follow.

A setting `queue_timeout` is the flag `--queue-timeout` and the variable `PRACK_QUEUE_TIMEOUT`;
flag before variable before default.
"""

import math
from typing import Any, Literal

from pydantic import ConfigDict, Field

from prack_grpc.core.limits import MIB, Limits
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.settings import values
from prack_grpc.settings.cluster import ClusterSettings
from prack_grpc.settings.deferred import DeferredSettings
from prack_grpc.settings.public import PublicSettings
from prack_grpc.settings.values import (
    Buffer,
    Count,
    Host,
    Hosts,
    Networks,
    Pems,
    Port,
    Rates,
    Seconds,
    Size,
)

SECRETS = ("token", "admin_token", "callback_secret")


DEFAULTS = Limits()
CONNECTION_DEFAULTS = ConnectionLimits()


class Settings(DeferredSettings, ClusterSettings, PublicSettings):
    """The settings of `prack serve`. Times are seconds; sizes are bytes, or take KiB, MiB, GiB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processes: values.Processes = Field(
        1,
        description="processes of this gateway, which share its ports and its queue; `auto` is one "
        "for each four cores, at most 16",
    )
    api_host: Host = Field("127.0.0.1", description="address of the REST worker API")
    api_port: Port = Field(4242, description="port of the REST worker API")
    api_hosts: Hosts = Field(
        (),
        description="names by which workers may call the REST worker API without a token, beside "
        "localhost and --api-host: gateway,prack.internal; the admin port likewise",
    )
    grpc_host: Host = Field("127.0.0.1", description="address of the gRPC worker API")
    grpc: bool = Field(
        True, description="serve workers over gRPC; without it the gateway takes 12 MiB less"
    )
    grpc_port: Port = Field(4243, description="port of the gRPC worker API")
    admin_host: Host = Field(
        "127.0.0.1", description="address of the admin port: the page, metrics, health"
    )
    admin_port: Port = Field(4244, description="admin port")
    admin_token: str | None = Field(
        None, description="bearer token of the admin port (variable only)", repr=False
    )
    admin_token_file: values.File | None = Field(
        None, description="file with the admin port's token"
    )
    metrics: bool = Field(True, description="keep figures for the page, the API and Prometheus")
    ready_with_worker: bool = Field(
        False, description="report ready only while a worker is connected"
    )
    token: str | None = Field(
        None, description="bearer token that workers must send (variable only)", repr=False
    )
    token_file: values.File | None = Field(None, description="file with the token")
    credentials: values.File | None = Field(
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
    client_ca: values.File | None = Field(
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
    max_silence: values.Silence = Field(
        15.0,
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
        "wait, and of the room in which bodies are read ahead; of 8 slots it leaves the last to "
        "others; trusted proxies are exempt",
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
    state_file: values.File | None = Field(
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
            client_connections=-(-self.max_connections_per_client // self.processes),
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
