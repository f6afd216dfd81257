"""Runs several processes of one application, from the settings to their end."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable

from prack_worker.app.loading import load
from prack_worker.cli.logs import resume_logging, start_logging
from prack_worker.cli.running import prepare
from prack_worker.errors import AppLoadError
from prack_worker.processes.child import Children, same_command
from prack_worker.processes.forks import Forks
from prack_worker.processes.parent import Parent
from prack_worker.processes.supervisor import FAILED, Supervisor
from prack_worker.settings.settings import Settings

log = logging.getLogger("prack_worker")

MOST = 32  # characters of a name, to which a number is added


def run_processes(app: str, settings: Settings, serve: Callable[[Parent], int]) -> int:
    """Run those of the application with this name; forks call `serve`. Returns the exit status."""
    failure = None
    if settings.preload:
        failure = _import(app, settings)
    else:  # what files of variables say is for the processes: a rolling restart reads them again
        start_logging(settings)
    if failure:
        log.error("The application does not start: %s", failure, exc_info=failure.__cause__)
        return FAILED
    name = re.sub(r"[^!-~]", "-", settings.service or re.split("[:.]", app)[0])

    async def supervise() -> int:
        children = Forks(serve) if settings.preload else Children(same_command())
        return await Supervisor(name[:MOST], settings, children).run()

    return asyncio.run(supervise())


def _import(app: str, settings: Settings) -> AppLoadError | None:
    """Have its module loaded; a factory is for each process to call."""
    prepare(settings)
    try:
        load(app, settings.app_dir)
    except AppLoadError as error:
        return error
    finally:
        resume_logging()
    return None
