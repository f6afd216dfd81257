"""An application to play."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scripted import Scripted, scripted


@pytest.fixture
async def application() -> AsyncIterator[Scripted]:
    """One that listens."""
    async with scripted() as found:
        yield found
