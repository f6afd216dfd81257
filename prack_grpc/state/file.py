"""What operators have set (traffic splits, drains), kept over a restart of the gateway."""

import json
import logging
from pathlib import Path
from typing import Any

from prack_grpc.private.operators.steering import Steering
from prack_grpc.words.word import TRAFFIC, VERSION, WORKER, BadWord, Revision, Word
from prack_wire import private

log = logging.getLogger(__name__)

# Of what was set before there were revisions.
FIRST: Revision = (0, "")


class BadState(Exception):
    """The state file cannot be used; the message says why and what to do."""


def dump(steering: Steering) -> dict[str, Any]:
    """The traffic splits and the drained workers and versions, as JSON values.

    `revisions` has that of each, and of what was taken back; a gateway that is older leaves it out.
    """
    words = steering.known()
    said = [word for word in words if word.said is not None]
    return {
        "traffic": [
            {"service": word.about[1], **word.said} for word in said if word.about[0] == TRAFFIC
        ],
        "drained": [list(word.about[1:]) for word in said if word.about[0] != TRAFFIC],
        "revisions": [[list(word.about), list(word.revision)] for word in words],
    }


def restore(steering: Steering, state: dict[str, Any]) -> None:
    """Apply a dumped state to a new gateway. Raises BadState."""
    try:
        words = _words(state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BadState(f"not a state file of a gateway ({error!r})") from None
    try:
        for word in words:
            steering.check(word)
    except BadWord as error:
        raise BadState(f"not a state file of a gateway ({error})") from None
    for word in words:
        steering.hear(word)


def _words(state: dict[str, Any]) -> list[Word]:
    revisions = {
        tuple(map(str, about)): (int(count), str(gateway))
        for about, (count, gateway) in state.get("revisions", [])
    }
    said = {
        (TRAFFIC, str(one["service"])): {"weights": one["weights"], "sticky": one["sticky"]}
        for one in state["traffic"]
    } | {(WORKER if len(one) == 1 else VERSION, *map(str, one)): True for one in state["drained"]}
    taken_back = [Word(about, None, of) for about, of in revisions.items() if about not in said]
    return taken_back + [
        Word(about, value, revisions.get(about, FIRST)) for about, value in said.items()
    ]


def save(steering: Steering, path: Path) -> None:
    """Write the state. Raises OSError."""
    private.write(path, json.dumps(dump(steering), indent=2) + "\n")


def keep(steering: Steering, path: Path) -> None:
    """Save the state; a failure is only logged, as the change is already in effect."""
    try:
        save(steering, path)
    except OSError as error:
        reason = f"{path}: {error.strerror}"
        log.error(
            "cannot write --state-file; a restart would lose the change: %s",
            reason,
            extra={"action": "state_not_kept"},
        )


def load(steering: Steering, path: Path) -> None:
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
        restore(steering, state)
    except BadState as error:
        raise BadState(f"{path}: {error}; fix the file, or move it away") from None
