"""The page of an application that does not run, in a real browser."""

from pathlib import Path

from selenium.webdriver.common.by import By

from tests.acceptance.processes import Gateway, Launcher
from tests.browser.browser import Browser

MENDED = """
def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/html")])
    return [b"It runs"]
"""


def test_it_can_be_read_until_it_is_mended(
    chromium: Browser, gateway: Gateway, launch: Launcher, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    main = tmp_path / "site" / "main.py"
    main.write_text("x = '<script>alert(1)</script>'; 1 / 0\n")
    host = "reload.localhost"
    flags = "--reload", "--app-dir", str(main.parent), "--route", f"{host}/"
    worker = launch.worker(gateway, "prack", *flags, app="main:app")
    chromium.driver.get(f"http://{host}:{gateway.port}/")
    chromium.see("<script>alert(1)</script>", "pre")
    chromium.see("ZeroDivisionError", "pre")
    # Its own style is let through by its policy.
    page = chromium.driver.find_element(By.TAG_NAME, "pre")
    assert page.value_of_css_property("white-space") == "pre-wrap"
    main.write_text(MENDED)
    worker.line("Running main:app")
    chromium.driver.refresh()
    chromium.see("It runs")
