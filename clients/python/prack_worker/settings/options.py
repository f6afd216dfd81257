"""The table of the worker's settings: flags, variables, defaults and their help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prack_worker.logs.lines import FORMATS
from prack_worker.proxy.address import parse_address, parse_path
from prack_worker.settings.environment import env_files
from prack_worker.settings.values import (
    MAX_SLOTS,
    MAX_TIER,
    MOST_PROCESSES,
    check_token,
    count,
    file,
    file_there,
    folder,
    folders,
    globs,
    grace,
    lifetime,
    name,
    one_of,
    parse_gateways,
    parse_routes,
    processes,
    root_path,
    server_name,
    silence,
    slots,
    switch,
    tier,
    token_file,
    websocket_slots,
)

INTERFACES = ("auto", "asgi", "wsgi")
LEVELS = ("debug", "info", "warning", "error")


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

    def flag_name(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    def variable_name(self) -> str:
        return self.variable or f"PRACK_{self.name.upper()}"


GATEWAY = (
    Option("gateway", parse_gateways, "prack://127.0.0.1:4242", "URL",
           "prack://host:port; or grpc://host:port for the same over gRPC, "
           "http://host:port for the REST API; over TLS pracks://, grpcs:// or https://; "
           "may be repeated for gateways of one cluster: one of them is used at a time"),
    Option("tls_ca", file, "", "FILE",
           "authorities, as PEM, that may have signed the gateway's certificate (default: those of "
           "this system, or of SSL_CERT_FILE and SSL_CERT_DIR)"),
    Option("tls_cert", file, "", "FILE",
           "certificate of this worker, as PEM, for a gateway that demands one",
           variable="PRACK_CLIENT_CERT"),
    Option("tls_key", file, "", "FILE", "its key", variable="PRACK_CLIENT_KEY"),
    Option("tls_server_name", server_name, "", "NAME",
           "name that the gateway's certificate must be for (default: the host of --gateway)"),
    Option("token_file", token_file, "", "FILE",
           "file with the gateway's token; read at each connection attempt "
           "(or set PRACK_TOKEN)"),
    Option("max_silence", silence, "", "SECONDS",
           "how long the gateway may be silent before the worker reconnects; over REST also how "
           "long the worker may be silent about a request before another one gets it (default: "
           "the gateway's own; over REST 20)"),
    Option("token", lambda text: check_token(text) if text else "", "", "", "", flag=False),
    Option("cert_file", file, "", "", "", variable="SSL_CERT_FILE", flag=False),
    Option("cert_dir", file, "", "", "", variable="SSL_CERT_DIR", flag=False),
)  # fmt: skip
WORK = (
    Option("slots", slots, "", "N",
           f"requests to hold at a time, 1 to {MAX_SLOTS} (default: 8 for WSGI, else 64)"),
    Option("websocket_slots", websocket_slots, "1000", "N",
           f"WebSockets to hold beside them, up to {MAX_SLOTS}; 0: they take the same slots"),
    Option("route", parse_routes, "", "ROUTE",
           '"[METHODS ]host/path" to serve; may be repeated (default: every request)',
           variable="PRACK_ROUTES"),
    Option("tier", tier, "0", "N",
           f"0 to {MAX_TIER}: gets requests only while lower tiers have no free slot"),
    Option("service", name, "", "NAME", "what this worker runs, for metrics and canaries"),
    Option("app_version", name, "", "NAME", "the build of what it runs"),
    Option("grace", grace, "30", "SECONDS", "how long a stop waits for requests to finish"),
    Option("env_file", env_files, "", "FILE",
           "lines NAME=VALUE that become variables, of the application and of these settings; "
           "those that are set already count more; may be repeated"),
)  # fmt: skip
PYTHON = (
    Option("app_dir", folder, ".", "DIR", "where to import the application from"),
    Option("interface", one_of(INTERFACES), "auto", "KIND", f"one of {', '.join(INTERFACES)}"),
    Option("factory", switch, "0", "",
           "MODULE:ATTRIBUTE is a function that returns the application"),
    Option("root_path", root_path, "", "PATH",
           "the prefix under which clients see the application (root_path, SCRIPT_NAME)"),
)  # fmt: skip
ANY = (
    Option("proxy", lambda text: parse_address(text) if text else None, "", "URL",
           "http://host:port or unix:/path where an application of any language listens, instead "
           "of MODULE:ATTRIBUTE (default, with a command after --: a free port, which it gets as "
           "PORT)"),
    Option("ready", lambda text: parse_path(text) if text else "", "", "PATH",
           "what that application answers with 2xx or 3xx when it is ready (default: it is when "
           "it listens)"),
    Option("restart", switch, "0", "", "start the command again when it ends by itself"),
)  # fmt: skip
PROCESSES = (
    Option("processes", processes, "", "N",
           f"1 to {MOST_PROCESSES} processes of the application, each with --slots, or auto: one "
           "for each core; a supervisor keeps them running (default: WEB_CONCURRENCY, or one "
           "process without a supervisor)", variable="PRACK_WORKER_PROCESSES"),
    Option("web_concurrency", processes, "", "", "", variable="WEB_CONCURRENCY", flag=False),
    Option("preload", switch, "0", "",
           "import the application once, and fork the processes: they start in a moment, and share "
           "memory"),
    Option("max_requests", count, "0", "N",
           "replace a process when it has answered so many requests, one at a time; 0: never"),
    Option("max_requests_jitter", count, "0", "N",
           "up to so many more, at random, so that not all are due at once"),
    Option("max_lifetime", lifetime, "0", "SECONDS",
           "replace a process when it has run for so long, one at a time; 0: never"),
)  # fmt: skip
LOG = (
    Option("log_level", one_of(LEVELS), "info", "LEVEL", f"one of {', '.join(LEVELS)}"),
    Option("log_format", one_of(FORMATS), "text", "FORMAT", f"one of {', '.join(FORMATS)}",
           variable="PRACK_WORKER_LOG_FORMAT"),  # the gateway has other ones
    Option("log_config", file_there, "", "FILE",
           "what the standard library's logging is to do: .json or .yaml for dictConfig, or .ini"),
    Option("access_log", switch, "0", "", "log a line for each request (the gateway does, too)",
           variable="PRACK_WORKER_ACCESS_LOG"),
)  # fmt: skip
DEVELOPMENT = (
    Option("reload", switch, "0", "",
           "for development only: start the application anew when its files change; while it does "
           "not run, clients see why"),
    Option("reload_dir", folders, "", "DIR",
           "folder to watch, with those below it; may be repeated (default: --app-dir)"),
    Option("reload_include", globs, "", "GLOB",
           "files that count beside *.py, such as '*.html'; may be repeated"),
)  # fmt: skip
# As the help shows them.
GROUPS = {
    "gateway": GATEWAY,
    "worker": WORK,
    "an application in Python": PYTHON,
    "an application in any language": ANY,
    "processes of an application in Python": PROCESSES,
    "log": LOG,
    "development": DEVELOPMENT,
}
OPTIONS = tuple(option for group in GROUPS.values() for option in group)
