"""Gradio: results that come piece by piece, files, and its page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from selenium.webdriver.common.by import By

from tests.acceptance.processes import SECONDS, Launcher
from tests.browser.browser import Browser
from tests.sites.served import Site, Visitor, compared, serving, used

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("gradio"), "Gradio") as site:
        yield site


def results(url: str, file: Path) -> list[object]:
    """What its own client gets."""
    client = Client(url, verbose=False, analytics_enabled=False)
    try:
        spelling = client.submit("Käse", api_name="/spell")
        spelled = spelling.result(SECONDS)
        weighed = client.predict(handle_file(str(file)), api_name="/weigh")
        return [spelled, spelling.outputs(), weighed]
    finally:
        client.close()


def test_its_client_gets_the_same(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(5 * 1024 * 1024))
    for url in site.both:
        spelled, pieces, weighed = results(url, file)
        assert (spelled, weighed) == ("Käse", 5 * 1024 * 1024)
        assert pieces == ["K", "Kä", "Käs", "Käse"]


def test_answers_are_the_same(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        visitor.ask("GET", "/config", 200)
        visitor.ask("GET", "/gradio_api/info", 200)
        visitor.ask("GET", "/gradio_api/none", 404)

    compared(site, visit, (r'"app_id": ?\d+', r"^content-length: \d+"))


def test_its_page(site: Site, chromium: Browser) -> None:
    def use(url: str) -> None:
        chromium.driver.get(url)
        chromium.see("Submit")
        chromium.driver.find_element(By.TAG_NAME, "textarea").send_keys("Brot")
        chromium.press("Submit")
        shown = "return [...document.querySelectorAll('textarea')].map((one) => one.value)"
        chromium.wait().until(lambda driver: driver.execute_script(shown)[:2] == ["Brot", "Brot"])

    used(site, chromium, use)
