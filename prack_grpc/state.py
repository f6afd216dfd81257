"""What operators have set (traffic splits, drains), kept over a restart of the gateway."""

import json
import logging
from pathlib import Path
from typing import Any

from prack_grpc.broker.seam import OperatorSide
from prack_grpc.core.errors import BadSplit
from prack_grpc.core.queue.traffic import Split, Sticky, StickyBy
from prack_wire import private

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
    """Write the state. Raises OSError."""
    private.write(path, json.dumps(dump(broker), indent=2) + "\n")


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
        state = json.loads(private.read(path))
    except FileNotFoundError:
        return
    except private.Untrusted as error:
        raise BadState(f"--state-file: {error}") from None
    except (OSError, ValueError) as error:
        raise BadState(f"{path} cannot be read: {error}") from None
    try:
        restore(broker, state)
    except BadState as error:
        raise BadState(f"{path}: {error}; fix the file, or move it away") from None
