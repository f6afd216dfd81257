"""What a person sees of applications in a real browser, with Prack in between."""

import hashlib
import random
from pathlib import Path

import pytest

from tests.browser.browser import Browser
from tests.browser.conftest import Serve

MIB = 1024 * 1024
both = pytest.mark.parametrize("over", ["prack", "rest"])


@both
def test_django_admin_from_login_to_logout(browser: Browser, serve: Serve, over: str) -> None:
    browser.driver.get(serve("admin_site:application", over) + "/admin/")
    browser.fill(username="ada", password="lovelace")
    browser.press("Log in")
    # The style sheet has made capitals of it.
    browser.see("WELCOME, ADA")
    browser.press("Groups")
    browser.see("0 groups")
    browser.press("Add group")
    # Only the admin's scripts make this list.
    browser.see("Available permissions")
    browser.fill(name="Éditeurs")
    browser.press("Save")
    browser.see("“Éditeurs” was added successfully")
    browser.see("Éditeurs", "#result_list")
    browser.press("Log out")
    browser.see("Thanks for spending some quality time")
    browser.press("Log in again")
    browser.see("Password:")


@both
def test_a_file_goes_up_and_comes_down(
    browser: Browser, serve: Serve, over: str, tmp_path: Path
) -> None:
    body = random.Random(over).randbytes(5 * MIB)
    file = tmp_path / f"Über {over}.bin"
    file.write_bytes(body)
    browser.driver.get(serve("upload_form:app", over))
    browser.fill(file=str(file))
    browser.press("Upload")
    browser.see(f"{file.name} has {5 * MIB} bytes, SHA-256 {hashlib.sha256(body).hexdigest()}")
    browser.press(file.name)
    browser.downloaded(file.name, body)


def test_two_people_chat_until_one_leaves(browser: Browser, serve: Serve) -> None:
    room, driver = serve("chat:app"), browser.driver
    ada = driver.current_window_handle
    driver.get(f"{room}/?name=Ada")
    browser.see("Ada came")
    driver.switch_to.new_window("tab")
    grace = driver.current_window_handle
    driver.get(f"{room}/?name=Grace")
    browser.see("Grace came")
    browser.fill(words="Café?")
    browser.press("Send")
    driver.switch_to.window(ada)
    browser.see("Grace: Café?")
    browser.fill(words="At three ☕")
    browser.press("Send")
    driver.switch_to.window(grace)
    browser.see("Ada: At three ☕")
    driver.close()
    driver.switch_to.window(ada)
    browser.see("Grace left")


def test_server_sent_events_come_one_by_one(browser: Browser, serve: Serve) -> None:
    browser.driver.get(serve("numbers:app"))
    browser.see("1 2 3 4 5 6")


def test_the_console_tells_of_failed_requests(browser: Browser, serve: Serve) -> None:
    browser.driver.get(serve("upload_form:app"))
    browser.driver.execute_script("return fetch('/nothing').then(({status}) => status)")
    [complaint] = browser.wait().until(lambda _: browser.complaints(), "the console is silent")
    assert "404" in complaint
