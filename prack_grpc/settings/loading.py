"""Reads the settings from flags and variables. All problems are reported together."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prack_grpc.settings import values
from prack_grpc.settings.settings import SECRETS, Settings

PREFIX = "PRACK_"
# What `prack-worker` reads; a shared environment file is no mistake.
WORKER_VARIABLES = frozenset(
    "PRACK_" + name
    for name in (
        "GATEWAY", "SLOTS", "WEBSOCKET_SLOTS", "INTERFACE", "SERVICE", "APP_VERSION", "TIER",
        "ROUTES", "APP_DIR", "FACTORY", "ROOT_PATH", "TLS_CA", "TLS_SERVER_NAME", "CLIENT_CERT",
        "CLIENT_KEY", "PROXY", "READY", "RESTART", "WORKER_PROCESSES", "PRELOAD", "MAX_REQUESTS",
        "MAX_REQUESTS_JITTER", "MAX_LIFETIME",
        "RELOAD", "RELOAD_DIR", "RELOAD_INCLUDE", "WORKER_LOG_FORMAT", "LOG_CONFIG",
        "WORKER_ACCESS_LOG", "ENV_FILE",
    )
)  # fmt: skip


class SettingsError(Exception):
    """All that is wrong with the settings, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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
    problems += settings.cluster_problems()
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
        *settings.deferral_problems(bool(settings.nats)),
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
