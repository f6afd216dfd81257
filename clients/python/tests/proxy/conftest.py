"""An application to play."""

from collections.abc import AsyncIterator

import pytest
from scripted_app import Scripted, scripted


@pytest.fixture
async def application() -> AsyncIterator[Scripted]:
    """One that listens."""
    async with scripted() as found:
        yield found
