"""Whose failures are counted together, and which of them wait."""

import asyncio

import pytest

from prack_grpc.private import failures
from prack_grpc.private.failures import Failures


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """One failure is free, and none may wait: whoever would is told by False."""
    monkeypatch.setattr(failures, "FREE", 1)
    monkeypatch.setattr(failures, "MAX_WAITING", 0)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::2:3:4:5", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
    ],
)
async def test_failures_are_counted_by_client(
    strict: None, first: str, second: str, together: bool
) -> None:
    known = Failures()
    assert await known.fail(first)
    assert await known.fail(second) is not together


async def test_a_minute_later_some_are_free_again(
    strict: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Failures()
    assert await known.fail("192.0.2.1")
    monkeypatch.setattr(failures, "MINUTE", 0.0)
    assert await known.fail("192.0.2.1")


async def test_of_too_many_addresses_the_oldest_is_forgotten(
    strict: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MAX_ADDRESSES", 2)
    known = Failures()
    for last in (1, 2, 3):
        assert await known.fail(f"192.0.2.{last}")
    assert await known.fail("192.0.2.1")
    assert not await known.fail("192.0.2.3")


async def test_what_waits_makes_room_when_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "FREE", 0)
    monkeypatch.setattr(failures, "MAX_WAITING", 1)
    monkeypatch.setattr(failures, "DELAY", 0.01)
    known = Failures()
    assert await asyncio.gather(*(known.fail("192.0.2.1") for _ in range(3))) == [
        True,
        False,
        False,
    ]
    assert await known.fail("192.0.2.1")
