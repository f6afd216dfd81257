"""Dash: a page whose callbacks run on the server."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By

from tests.acceptance.processes import Launcher
from tests.browser.browser import Browser
from tests.sites.served import Site, Visitor, compared, serving, used

CALL = {
    "output": "greeting.children",
    "outputs": {"id": "greeting", "property": "children"},
    "inputs": [{"id": "name", "property": "value", "value": "Grace"}],
    "changedPropIds": ["name.value"],
}


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("dash"), "Dash") as site:
        yield site


def test_answers_are_the_same(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        page = visitor.ask("GET", "/", 200).text
        visitor.ask("GET", "/_dash-layout", 200)
        visitor.ask("GET", "/_dash-dependencies", 200)
        script = page.split('src="')[1].split('"')[0]
        visitor.ask("GET", script, 200)
        visitor.ask("POST", "/_dash-update-component", 200, json=CALL)

    compared(site, visit, (r'"end_id":"[^"]+"',))


def test_a_callback_answers_what_is_typed(site: Site, chromium: Browser) -> None:
    def use(url: str) -> None:
        chromium.driver.get(url)
        chromium.wait().until(lambda driver: driver.find_elements(By.ID, "name"))
        chromium.driver.find_element(By.ID, "name").send_keys("Grace")
        chromium.see("Hello Grace", "#greeting")
        chromium.wait().until(lambda driver: driver.find_elements(By.CSS_SELECTOR, "#graph svg"))

    used(site, chromium, use)
