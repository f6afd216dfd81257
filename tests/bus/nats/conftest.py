"""Real servers for these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Launcher, launching
from tests.support.nats_servers import NatsServers


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launcher]:
    """Starts programs, which are gone when the test is over."""
    with launching(tmp_path) as launcher:
        yield launcher


@pytest.fixture
def server(launch: Launcher, tmp_path: Path) -> NatsServers:
    """One NATS server."""
    return NatsServers(launch, tmp_path, 1)
