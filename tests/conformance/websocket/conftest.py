"""The echo application, served directly and through Prack."""

from collections.abc import Iterator

import pytest

from tests.acceptance.processes import PYTHON, Launcher, launching

APP = "tests.conformance.websocket.echo:app"
UVICORN = ("uvicorn", "--port=0", "--http=httptools", "--ws=websockets-sansio", "--lifespan=off")


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts what all tests here use."""
    with launching(tmp_path_factory.mktemp("websocket")) as launcher:
        yield launcher


@pytest.fixture(scope="session")
def ports(launcher: Launcher) -> dict[str, int]:
    """The public port of each server."""
    uvicorn = launcher.process(PYTHON, "-m", *UVICORN, "--no-access-log", APP)
    gateway = launcher.gateway("--no-access-log")
    launcher.worker(gateway, app=APP)
    return {"uvicorn": int(uvicorn.line(r"http://127\.0\.0\.1:(\d+)")[1]), "prack": gateway.port}
