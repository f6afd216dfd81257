"""Django's admin and Channels: pages, and WebSockets that know who has logged in."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from websockets.sync.client import ClientConnection, connect

from tests.acceptance.forms import VARYING, form_token
from tests.acceptance.processes import SECONDS, Launcher
from tests.browser.browser import Browser
from tests.sites.served import Site, Visitor, compared, serving, used

LOGIN = "/admin/login/?next=/admin/"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("channels"), "Channels") as site:
        yield site


def log_in(visitor: Visitor) -> None:
    """As the administrator that the docs make."""
    fields = {"username": "ada", "password": "secret", **form_token(visitor.client, LOGIN)}
    visitor.ask("POST", LOGIN, 302, data=fields)


def test_the_admin_is_the_same(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        visitor.ask("GET", "/admin/", 302)
        log_in(visitor)
        visitor.ask("GET", "/admin/", 200)
        permissions = {"name": "editors", "permissions": ["1", "2"]}
        group = permissions | form_token(visitor.client, "/admin/auth/group/add/")
        visitor.ask("POST", "/admin/auth/group/add/", 302, data=group)
        assert "editors" in visitor.ask("GET", "/admin/auth/group/?q=edit", 200).text
        visitor.ask("POST", "/admin/auth/group/add/", 403, data={"name": "no token"})
        visitor.ask("GET", "/static/admin/css/base.css", 200)
        visitor.ask("GET", "/static/admin/none.css", 404)
        visitor.ask("POST", "/admin/logout/", 200, data=form_token(visitor.client, "/admin/"))

    compared(site, visit, VARYING)


def chat(url: str, cookie: str = "") -> ClientConnection:
    """A WebSocket of the chat, as a page of this site would open it."""
    fields = {"Cookie": cookie} if cookie else {}
    return connect(
        f"{url.replace('http', 'ws', 1)}/chat/", additional_headers=fields, open_timeout=SECONDS
    )


def talked(url: str) -> list[Any]:
    """What two clients hear of each other, one of whom has logged in."""
    visitor = Visitor(url)
    with visitor.client:
        log_in(visitor)
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items())
    heard = []
    with chat(url) as stranger, chat(url, cookie) as ada:
        for sender in (ada, stranger):
            sender.send(json.dumps({"text": "Käse"}))
            heard += [json.loads(one.recv(SECONDS)) for one in (ada, stranger)]
    return heard


def test_a_websocket_knows_who_has_logged_in(site: Site) -> None:
    through, direct = map(talked, site.both)
    assert [line["by"] for line in through] == ["ada", "ada", "AnonymousUser", "AnonymousUser"]
    assert through == direct


def test_the_admin_in_a_browser(site: Site, chromium: Browser) -> None:
    def use(url: str) -> None:
        chromium.driver.get(f"{url}/admin/")
        chromium.fill(username="ada", password="secret")
        chromium.press("Log in")
        chromium.see("Site administration")
        chromium.driver.get(f"{url}/admin/auth/user/1/change/")
        chosen = (By.CSS_SELECTOR, ".selector-chosen")  # what a script has made of a list
        chromium.wait().until(lambda driver: driver.find_elements(*chosen))
        name = chromium.driver.find_element(By.NAME, "first_name")
        name.clear()
        name.send_keys("Grace")
        chromium.press("Save")
        chromium.see("was changed successfully")

    used(site, chromium, use)
