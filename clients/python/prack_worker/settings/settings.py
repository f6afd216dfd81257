"""The worker's settings: flag before PRACK_* variable before default; all mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prack_wire.tls import Tls
from prack_worker.errors import UsageError
from prack_worker.proxy.address import Address
from prack_worker.settings.options import OPTIONS
from prack_worker.settings.values import Gateway
from prack_worker.transport import Route


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
