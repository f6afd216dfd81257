"""What logging does while a worker runs: the application's and the worker's own."""

from __future__ import annotations

import logging
from pathlib import Path

from prack_worker.errors import UsageError
from prack_worker.logs.files import configure
from prack_worker.logs.lines import handler
from prack_worker.settings.settings import Settings

log = logging.getLogger("prack_worker")
access = logging.getLogger("prack_worker.access")


def start_logging(settings: Settings) -> None:
    """Before the application is loaded, which may then say otherwise. Raises UsageError.

    Our own lines have our form, unless a file of `--log-config` sends them elsewhere. Lines that
    nobody handles are JSON where ours are; what the application configures is as it wants it.
    """
    log.handlers = []
    if settings.log_config is not None:
        _configure(settings.log_config)
    if settings.log_config is None or not log.hasHandlers():
        log.handlers = [handler(settings.log_format)]
        log.propagate = False
    if settings.log_config is None or log.level == logging.NOTSET:
        log.setLevel(settings.log_level.upper())
    if access.level == logging.NOTSET:
        access.setLevel(logging.INFO)
    if settings.log_format == "json":
        logging.lastResort = handler("json")
        logging.lastResort.setLevel(logging.WARNING)


def resume_logging() -> None:
    """Once the application was loaded: it may have disabled all loggers that it does not know."""
    log.disabled = access.disabled = False


def _configure(file: Path) -> None:
    try:
        configure(file)
    except ValueError as error:
        raise UsageError(f"--log-config {file}: {error}") from error
