"""Stores of each kind, to which the same tests apply."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from prack_grpc.deferred.sqlite import SqliteStore
from prack_grpc.deferred.store import Store
from tests.deferred.building import MIB


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store without jobs, whose jobs this process takes."""
    made = SqliteStore(tmp_path / "store.db", 4 * MIB)
    assert await made.lead()
    yield made
    await made.close()
