"""One set of servers for the whole folder."""

from collections.abc import Iterator

import pytest

from tests.acceptance.processes import launching
from tests.differential.apps import Servers, serve
from tests.differential.comparison import Comparison


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All applications, with and without Prack."""
    with launching(tmp_path_factory.mktemp("differential")) as launcher:
        yield serve(launcher)


@pytest.fixture(scope="session")
def comparison(servers: Servers) -> Comparison:
    """What was found out with them."""
    return Comparison(servers)
