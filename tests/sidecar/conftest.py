"""A gateway for each test, and the ways to it."""

import pytest

from tests.acceptance.conftest import launch, shared
from tests.acceptance.processes import OVER, Gateway, Launcher

__all__ = ["launch", "shared"]


@pytest.fixture
def gateway(launch: Launcher) -> Gateway:
    """A gateway that a test may do with as it likes."""
    return launch.gateway()


@pytest.fixture(params=OVER)
def over(request: pytest.FixtureRequest) -> str:
    """How the worker dials in."""
    way: str = request.param
    return way
