"""What operators have set (traffic splits, drains), kept over a restart of the gateway."""

import errno
import json
import logging
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from prack_grpc.broker.seam import OperatorSide
from prack_grpc.core.errors import BadSplit
from prack_grpc.core.queue.traffic import Split, Sticky, StickyBy

log = logging.getLogger(__name__)


class BadState(Exception):
    """The state file cannot be used; the message says why and what to do."""


def dump(broker: OperatorSide) -> dict[str, Any]:
    """The traffic splits and the drained workers and versions, as JSON values."""
    status = broker.status()
    return {
        "traffic": [
            {
                "service": split.service,
                "weights": dict(split.weights),
                "sticky": [split.sticky.by, split.sticky.name] if split.sticky else None,
            }
            for split in status.splits
        ],
        "drained": [[who] if isinstance(who, str) else list(who) for who in status.paused],
    }


def restore(broker: OperatorSide, state: dict[str, Any]) -> None:
    """Apply a dumped state to a new gateway. Raises BadState."""
    try:
        splits = [_split(member) for member in state["traffic"]]
        drained = [one[0] if len(one) == 1 else (one[0], one[1]) for one in state["drained"]]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, BadSplit) as error:
        raise BadState(f"not a state file of a gateway ({error!r})") from None
    for split in splits:
        broker.divide(split.service, split)
    for who in drained:
        broker.pause(who, True)


def _split(member: dict[str, Any]) -> Split:
    sticky = member["sticky"]
    return Split(
        str(member["service"]),
        tuple((str(version), int(weight)) for version, weight in member["weights"].items()),
        Sticky(StickyBy(sticky[0]), str(sticky[1])) if sticky else None,
    )


def save(broker: OperatorSide, path: Path) -> None:
    """Write the state so that there is a whole file at every moment. Raises OSError.

    The data goes to a new file with an unpredictable name, which then replaces the old one. So a
    link that another user has planted is neither followed nor kept.
    """
    number, part = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:  # 0600
            file.write(json.dumps(dump(broker), indent=2) + "\n")
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise


def keep(broker: OperatorSide, path: Path) -> None:
    """Save the state; a failure is only logged, as the change is already in effect."""
    try:
        save(broker, path)
    except OSError as error:
        reason = f"{path}: {error.strerror}"
        log.error(
            "cannot write --state-file; a restart would lose the change: %s",
            reason,
            extra={"action": "state_not_kept"},
        )


def load(broker: OperatorSide, path: Path) -> None:
    """Restore what `save` has written; nothing if there is no file yet. Raises BadState."""
    try:
        state = json.loads(_read(path))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise BadState(f"{path} cannot be read: {_reason(error)}") from None
    try:
        restore(broker, state)
    except BadState as error:
        raise BadState(f"{path}: {error}; fix the file, or move it away") from None


def _read(path: Path) -> str:
    """Raises OSError, ValueError, and BadState for what another user could have put there."""
    # O_NONBLOCK: opening a FIFO would wait for a writer.
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(number, encoding="utf-8") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise BadState(f"{path} is not a file; --state-file names one")
        if about.st_uid not in (0, os.geteuid()):
            raise BadState(f"{path} belongs to another user ({about.st_uid}): move it away")
        if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise BadState(f"other users can change {path}: look at it, then run `chmod 600` on it")
        return file.read()


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "it is a symbolic link; --state-file must name the file itself"
    return str(error)
