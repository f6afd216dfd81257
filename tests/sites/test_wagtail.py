"""Wagtail: a page is written in the editor, published and read; an image is uploaded."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By

from tests.acceptance.forms import VARYING, form_token
from tests.acceptance.processes import Launcher
from tests.browser.browser import Browser
from tests.sites.served import Site, Visitor, compared, serving, used

LOGIN = "/admin/login/"
# A white pixel.
GIF = bytes.fromhex("47494638396101000100800000ffffff0000002c00000000010001000002024401003b")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("wagtail"), "Wagtail") as site:
        yield site


def test_pages_and_an_upload_are_the_same(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        visitor.ask("GET", "/", 200)
        visitor.ask("GET", "/none/", 404)
        visitor.ask("GET", "/search/?query=welcome", 200)
        visitor.ask("GET", "/admin/", 302)
        fields = {"username": "ada", "password": "secret", **form_token(visitor.client, LOGIN)}
        visitor.ask("POST", LOGIN, 302, data=fields)
        visitor.ask("GET", "/static/wagtailadmin/css/core.css", 200)
        fields = {"title": "Pixel", **form_token(visitor.client, "/admin/images/add/")}
        file = {"file": ("pixel.gif", GIF, "image/gif")}
        visitor.ask("POST", "/admin/images/add/", 302, data=fields, files=file)
        assert visitor.ask("GET", "/media/original_images/pixel.gif", 200).content == GIF
        assert "Pixel" in visitor.client.get("/admin/images/").text

    compared(site, visit, VARYING)


def test_a_page_is_written_and_published(site: Site, chromium: Browser) -> None:
    driver = chromium.driver

    def use(url: str) -> None:
        driver.get(f"{url}/admin/")
        chromium.fill(username="ada", password="secret")
        driver.find_element(By.CSS_SELECTOR, "form [type=submit]").click()
        chromium.see("Site summary")
        driver.get(f"{url}/admin/pages/add/home/homepage/3/")
        chromium.fill(title="Käse und Brot")
        slug = driver.find_element(By.NAME, "slug")
        chromium.wait().until(lambda _: slug.get_attribute("value") == "käse-und-brot")
        driver.find_element(By.CSS_SELECTOR, "footer [data-w-dropdown-target=toggle]").click()
        chromium.wait().until(
            lambda _: driver.find_element(By.NAME, "action-publish").is_displayed()
        )
        driver.find_element(By.NAME, "action-publish").click()
        chromium.see("created and published")
        driver.get(f"{url}/käse-und-brot/")
        assert driver.title == "Käse und Brot"

    used(site, chromium, use)
