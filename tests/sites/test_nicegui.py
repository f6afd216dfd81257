"""NiceGUI: a page that lives on a WebSocket, which keeps its state on the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.acceptance.processes import Launcher
from tests.browser.browser import Browser
from tests.sites.served import Site, serving, used


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("nicegui"), "NiceGUI") as site:
        yield site


def test_a_counter_that_the_server_keeps(site: Site, chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "poem.txt"
    file.write_text("one\ntwo\n")

    def use(url: str) -> None:
        chromium.driver.get(url)
        chromium.see("Counted 0 times")
        for count in (1, 2, 3):
            chromium.driver.find_element(By.CSS_SELECTOR, "button").click()
            chromium.see(f"Counted {count} times")
        chromium.driver.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(file))
        chromium.see("Got poem.txt")
        chromium.driver.refresh()
        chromium.see("Counted 3 times")

    used(site, chromium, use)
