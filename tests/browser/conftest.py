"""One browser, one gateway, and for each test a worker under a name of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Gateway, Launcher, launching
from tests.browser.browser import DRIVER, Browser
from tests.support.tools import needed


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A launcher for what all tests use."""
    with launching(tmp_path_factory.mktemp("shared")) as launcher:
        yield launcher


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launcher]:
    """A launcher for what one test uses."""
    with launching(tmp_path) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def gateway(shared: Launcher) -> Gateway:
    """`prack serve` on free ports."""
    return shared.gateway()


@pytest.fixture(scope="module")
def chromium(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser."""
    needed(DRIVER, "chromium-driver")
    browser = Browser(shared, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.driver.quit()


Serve = Callable[..., str]


@pytest.fixture
def serve(gateway: Gateway, tmp_path: Path) -> Iterator[Serve]:
    """Starts a worker with one of the apps, and tells the address of its site."""
    with launching(tmp_path) as launcher:

        def serve(app: str, over: str = "prack") -> str:
            module, _, _ = app.partition(":")
            host = f"{module}-{over}.localhost".replace("_", "-")
            app = f"tests.browser.apps.{app}"
            launcher.worker(gateway, over, "--route", f"{host}/", app=app)
            return f"http://{host}:{gateway.port}"

        yield serve


@pytest.fixture
def browser(chromium: Browser, serve: Serve) -> Iterator[Browser]:
    """The browser with one empty tab. Its console must stay silent.

    It asks for `serve` in order to leave the pages before their workers go.
    """
    yield chromium
    chromium.leave()
    assert chromium.complaints() == []
