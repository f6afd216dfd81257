"""The worker's settings: flag before PRACK_* variable before default; all mistakes at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prack_wire.tls import Tls
from prack_worker.errors import UsageError
from prack_worker.proxy.address import Address
from prack_worker.settings.options import OPTIONS, Option
from prack_worker.settings.values import Gateway
from prack_worker.transport import Route


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line reads; `slots` 0 leaves the number to the interface.

    `env_file` holds the variables that the files set. The settings of processes are for their
    supervisor; without one there is no `max_requests`, either.
    """

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
    log_format: str
    log_config: Path | None
    access_log: bool
    env_file: Mapping[str, str]
    processes: int
    web_concurrency: int
    preload: bool
    max_requests: int
    max_requests_jitter: int
    max_lifetime: float
    reload: bool
    reload_dir: tuple[Path, ...]
    reload_include: tuple[str, ...]

    @property
    def wanted(self) -> int:
        """How many processes under a supervisor; 0: this one is enough.

        WEB_CONCURRENCY is a property of the machine, so it does not keep anyone from developing.
        """
        wanted = self.processes or (0 if self.reload else self.web_concurrency)
        replaced = self.preload or self.max_requests or self.max_lifetime
        return wanted or bool(replaced)


def _given(values: Mapping[str, Any], name: str) -> Any:
    return values[name.replace("-", "_")]


def read_settings(
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    spelled: Callable[[Option], str] = Option.flag_name,
) -> Settings:
    """The settings of `flags` (by option name, None: not given) and the environment.

    `spelled` is how a line calls what was given.

    Raises:
        UsageError: one line for each mistake.
    """
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    # The files first: they may say what the others are.
    for option in sorted(OPTIONS, key=lambda one: one.name != "env_file"):
        given = flags.get(option.name)
        variable = option.variable_name()
        text = given if given is not None else environ.get(variable) or option.default
        source = spelled(option) if given is not None else variable
        try:
            values[option.name] = option.parse(text)
            if option.name == "env_file":
                environ = {**values["env_file"], **environ}
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
