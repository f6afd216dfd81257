"""Processes of the tests, gone when the test (or the module) is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Gateway, Launcher, launching


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launcher]:
    """Starts gateways, workers and other programs."""
    with launching(tmp_path) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A launcher for what all tests of a module use."""
    with launching(tmp_path_factory.mktemp("shared")) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def gateway(shared: Launcher) -> Gateway:
    """`prack serve` on free ports, for tests that do not stop it."""
    return shared.gateway()
