"""Parcels: whatever the way loses, doubles or turns round, each message arrives once, in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.bus.nats.parcels import KIB, MOST, PARCEL, WINDOW, Receiving, Sending
from prack_wire.frames import LENGTH


def carried(sending: Sending, receiving: Receiving) -> list[bytes]:
    """What arrives when nothing is lost."""
    found: list[bytes] = []
    while parcel := sending.next():
        found += receiving.parcel(*parcel)
        sending.received(receiving.told())
    return found


@pytest.mark.parametrize("size", [0, 1, PARCEL - 4, PARCEL, PARCEL + 1, 3 * WINDOW])
def test_a_message_of_any_size_arrives(size: int) -> None:
    sending, receiving = Sending(), Receiving()
    sent = [bytes([number]) * size for number in range(3)]
    for message in sent:
        sending.add(message)
    assert carried(sending, receiving) == sent
    assert sending.held == 0


def test_small_messages_share_a_parcel() -> None:
    sending, receiving = Sending(), Receiving()
    for _ in range(100):
        sending.add(b"small")
    assert len(carried(sending, receiving)) == 100
    assert sending.number == 1


def test_no_more_than_the_window_is_on_its_way() -> None:
    sending = Sending()
    sending.add(bytes(2 * WINDOW))
    on_its_way = 0
    while parcel := sending.next():
        on_its_way += len(parcel[1])
    assert WINDOW <= on_its_way < WINDOW + PARCEL
    assert not sending.ready
    sending.received(1)
    assert sending.ready


def test_what_no_gateway_sends_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{MOST + 1} bytes; the limit is {MOST}"):
        list(Receiving().parcel(1, LENGTH.pack(MOST + 1)))


# What becomes of each parcel, of each word about what has come, and when all is sent again.
STEPS = st.lists(
    st.sampled_from(("send", "lose", "deliver", "deliver late", "double", "tell", "again")),
    max_size=200,
)


@given(STEPS, st.lists(st.integers(0, 200 * KIB), max_size=12))
def test_nothing_is_lost_doubled_or_turned_round(steps: list[str], sizes: list[int]) -> None:
    sending, receiving = Sending(), Receiving()
    sent = [bytes([number]) * size for number, size in enumerate(sizes)]
    got: list[bytes] = []
    way: list[tuple[int, bytes]] = []
    left = list(sent)
    for step in steps:
        if step == "send":
            if left:
                sending.add(left.pop(0))
            if parcel := sending.next():
                way.append(parcel)
        elif step == "tell":
            sending.received(receiving.told())
        elif step == "again":
            sending.again()
        elif way and step == "lose":
            way.pop(0)
        elif way:
            if step == "double":
                way.append(way[0])
            got += receiving.parcel(*way.pop(-1 if step == "deliver late" else 0))
        assert got == sent[: len(got)]
    for message in left:
        sending.add(message)
    sending.received(receiving.told())
    sending.again()
    got += carried(sending, receiving)
    assert got == sent
    assert sending.held == 0
