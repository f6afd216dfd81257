"""Which free slots matter to whoever follows the queue."""

import pytest

from prack_grpc.core.queue.changes import Changes
from tests.core.building import a_session


@pytest.mark.parametrize(
    ("used", "waits", "draining", "matters"),
    [
        (0, False, False, False),
        (1, False, False, False),
        (-1, False, False, True),  # one more is used than before
        (1, True, False, True),
        (1, False, True, True),
    ],
)
def test_slots_of_a_peer(used: int, waits: bool, draining: bool, matters: bool) -> None:
    changes, guest = Changes(eager=True), a_session()
    guest.guest, guest.used, guest.draining = True, used, draining
    changes.freed(guest, 1, waits)
    assert (guest in changes.sessions) is matters


@pytest.mark.parametrize(
    ("room", "eager", "draining", "matters"),
    [
        (1, False, False, False),
        (1, True, False, True),
        (-1, False, False, True),
        (1, False, True, True),
    ],
)
def test_slots_of_own_workers(room: int, eager: bool, draining: bool, matters: bool) -> None:
    changes, session = Changes(eager=eager), a_session()
    session.draining = draining
    changes.freed(session, room, waits=True)
    assert (session in changes.sessions) is matters
