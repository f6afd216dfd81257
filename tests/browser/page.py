"""The page of the admin port, as a person at a browser uses it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.acceptance.processes import Gateway, fetch
from tests.browser.browser import Browser

ROWS = """
const rows = document.querySelectorAll(`#${arguments[0]} tbody tr`);
return [...rows].map((row) => Object.fromEntries(
    [...row.cells].map((cell) => [cell.dataset.title, cell.innerText]),
));
"""
FIGURES = """
const places = document.querySelectorAll("[data-figure]");
return Object.fromEntries([...places].map((place) => [place.dataset.figure, place.textContent]));
"""
# What the figures of this overview would be; the page says which format each of them has.
EXPECTED = """
const [overview] = arguments;
return import("/static/elements/format.js").then((format) => Object.fromEntries(
    [...document.querySelectorAll("[data-figure]")].map(({ dataset: { figure, as } }) => {
        const value = figure.split(".").reduce((part, name) => part[name], overview);
        return [figure, as ? format[as](value, overview.gateway.now) : value];
    }),
));
"""
FORMAT = """
const [name, ...values] = arguments;
return import("/static/elements/format.js").then((format) => format[name](...values));
"""
WIDTH = "return document.documentElement.scrollWidth"
TABS = 200  # more than there are places to tab to


class Page:
    """The page of one gateway, opened."""

    def __init__(self, browser: Browser, gateway: Gateway, login: str = "") -> None:
        self.browser, self.driver = browser, browser.driver
        self._port = gateway.admin_port
        self.driver.get(f"http://127.0.0.1:{gateway.admin_port}/")
        if login:
            self.dialog().find_element(By.NAME, "token").send_keys(login)
            self.press("Log in")
        self.until(lambda: self.figures()["gateway.version"], "no update comes")

    def until(self, true: Callable[[], Any], otherwise: str) -> Any:
        """Wait until something is so, and return it."""
        return self.browser.wait().until(lambda _: true(), otherwise)

    def api(self, path: str) -> Any:
        """What the API says."""
        reply = fetch(self._port, f"/api/v1/{path}")
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def verdict(self) -> str:
        """The first line."""
        return self.driver.find_element(By.CSS_SELECTOR, "#verdict h1").text

    def figures(self) -> dict[str, str]:
        """The figures of the moment, by their path in the overview."""
        shown: dict[str, str] = self.driver.execute_script(FIGURES)
        return shown

    def expected(self, overview: Mapping[str, Any]) -> dict[str, str]:
        """The figures that belong to this overview."""
        expected: dict[str, str] = self.driver.execute_script(EXPECTED, overview)
        return expected

    def format(self, name: str, *values: Any) -> str:
        """A value as the page writes it."""
        text: str = self.driver.execute_script(FORMAT, name, *values)
        return text

    def rows(self, section: str) -> list[dict[str, str]]:
        """The rows of a section's table, which only has them when it can be seen."""
        part = self.driver.find_element(By.ID, section)
        self.driver.execute_script("arguments[0].scrollIntoView()", part)
        rows: list[dict[str, str]] = self.driver.execute_script(ROWS, section)
        return rows

    def row(self, section: str, text: str) -> WebElement:
        """The row in which this text is, once it is there."""

        def found() -> list[WebElement]:
            self.rows(section)
            rows = self.driver.find_elements(By.CSS_SELECTOR, f"#{section} tbody tr")
            return [row for row in rows if text in row.text]

        row: WebElement = self.until(found, f"{text!r} is not in {section}")[0]
        return row

    def press(self, label: str, inside: WebElement | None = None) -> None:
        """Press the button of this label in a row, or in the open dialog."""
        place = inside or self.dialog()
        place.find_element(By.XPATH, f".//button[normalize-space()='{label}']").click()

    def dialog(self) -> WebElement:
        """The open dialog, once there is one."""
        find = self.driver.find_elements
        found: list[WebElement] = self.until(
            lambda: find(By.CSS_SELECTOR, "dialog[open]"), "no dialog opens"
        )
        return found[0]

    def no_dialog(self) -> None:
        """Wait until none is open."""
        find = self.driver.find_elements
        self.until(lambda: not find(By.CSS_SELECTOR, "dialog[open]"), "a dialog is still open")

    def tab_to(self, label: str) -> WebElement:
        """Press the tab key until this has the focus; it must be seen to have it."""
        for _ in range(TABS):
            self.type(Keys.TAB)
            focused = self.driver.switch_to.active_element
            if label in (focused.text, focused.get_attribute("aria-label")):
                assert focused.value_of_css_property("outline-style") == "solid"
                return focused
        raise AssertionError(f"the tab key does not reach {label!r}")

    def type(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def narrow(self, width: int) -> None:
        """Be as wide as a phone."""
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def width(self) -> int:
        """Of all that the page holds, in pixels."""
        width: int = self.driver.execute_script(WIDTH)
        return width
