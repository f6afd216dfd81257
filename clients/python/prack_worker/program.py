"""Runs a worker from a program of one's own, with the settings of the command."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from os import PathLike
from typing import Any, TypedDict, Unpack

from prack_worker.cli.running import prepare, run_python
from prack_worker.processes.parent import Parent
from prack_worker.settings.settings import read_settings

File = str | PathLike[str]


class Options(TypedDict, total=False):
    """The flags of `prack-worker` by their names, with the same defaults; None: not given."""

    gateway: str | Sequence[str] | None
    tls_ca: File | None
    tls_cert: File | None
    tls_key: File | None
    tls_server_name: str | None
    slots: int | None
    websocket_slots: int | None
    interface: str | None
    route: str | Sequence[str] | None
    service: str | None
    app_version: str | None
    tier: int | None
    app_dir: File | None
    factory: bool | None
    root_path: str | None
    grace: float | None
    max_silence: float | None
    token: str | None
    token_file: File | None
    log_level: str | None
    log_format: str | None
    log_config: File | None
    access_log: bool | None
    env_file: File | Sequence[File] | None


def run(app: str | Callable[..., Any], **options: Unpack[Options]) -> None:
    """Serve an application as `prack-worker` does, until SIGTERM or Ctrl-C; then drain and return.

    What is not given comes from the PRACK_* variables. Signals are handled, so it belongs into the
    main thread, where no event loop runs; inside of one, use `async with Worker(...)`.

    Args:
        app: an ASGI or WSGI application, or where it is: "main:app".
        options: see `Options` and docs/worker.md.

    Raises:
        UsageError: options or variables are wrong; a line for each.
        AppLoadError: the application cannot be used.
        LifespanFailed: it refused to start.
        GatewayRefused: the gateway says that dialling again will fail again.
        RuntimeError: it was called in another place.
    """
    if unknown := options.keys() - Options.__annotations__:
        raise TypeError(f"run() has no option {', '.join(sorted(unknown))}")
    _check_place()
    given = {name: _text(value) for name, value in options.items() if value is not None}
    settings = read_settings(given, os.environ, lambda option: option.name)
    if isinstance(app, str):
        sys.path.insert(0, str(settings.app_dir))
    prepare(settings)
    with ExitStack() as afterwards:
        run_python(app, settings, Parent(), afterwards)


def _check_place() -> None:
    """Raises RuntimeError."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("run() handles signals: call it in the main thread")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("run() blocks: inside of an event loop, use `async with Worker(...)`")


def _text(value: object) -> str:
    """As a flag would have it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)
