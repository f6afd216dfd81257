"""One set of servers for the whole folder."""

from collections.abc import Iterator

import pytest

from tests.acceptance.processes import launching
from tests.differential.apps import serve
from tests.differential.comparison import Comparison


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comparison]:
    """All applications, with and without Prack."""
    with launching(tmp_path_factory.mktemp("differential")) as launcher:
        yield Comparison(serve(launcher))
