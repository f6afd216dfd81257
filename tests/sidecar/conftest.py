"""A gateway, and workers beside applications, as processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import OVER, Gateway, Launcher, launching


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A launcher for what all tests of a module use."""
    with launching(tmp_path_factory.mktemp("shared")) as launcher:
        yield launcher


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launcher]:
    """A launcher for one test."""
    with launching(tmp_path) as launcher:
        yield launcher


@pytest.fixture
def gateway(launch: Launcher) -> Gateway:
    """A gateway for one test."""
    return launch.gateway()


@pytest.fixture(params=OVER)
def over(request: pytest.FixtureRequest) -> str:
    """How the worker dials in."""
    way: str = request.param
    return way
