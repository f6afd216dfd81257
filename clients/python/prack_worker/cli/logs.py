"""What logging does while a worker runs: the application's and the worker's own."""

from __future__ import annotations

import logging

from prack_worker.errors import UsageError
from prack_worker.logs.files import configure
from prack_worker.logs.lines import handler
from prack_worker.settings.settings import Settings

log = logging.getLogger("prack_worker")
access = logging.getLogger("prack_worker.access")


def prepare_logging(settings: Settings) -> None:
    """What the application finds when it is loaded. Raises UsageError.

    Lines that nobody handles come as JSON, too; `logging.basicConfig` and the like do as ever.
    """
    if settings.log_format == "json":
        last = handler("json")
        last.setLevel(logging.WARNING)
        logging.lastResort = last
    if settings.log_config is not None:
        try:
            configure(settings.log_config)
        except ValueError as error:
            raise UsageError(f"--log-config {settings.log_config}: {error}") from error


def start_logging(settings: Settings) -> None:
    """Our own lines. After the application was loaded, because loading it may reset all loggers.

    They go where a file of `--log-config` sends them, if it does.
    """
    log.disabled = access.disabled = False
    if settings.log_config is None or not log.hasHandlers():
        log.handlers = [handler(settings.log_format)]
        log.propagate = False
    if settings.log_config is None or log.level == logging.NOTSET:
        log.setLevel(settings.log_level.upper())
    if access.level == logging.NOTSET:
        access.setLevel(logging.INFO)
