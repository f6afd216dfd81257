"""Pages of strangers in a real browser on the gateway's machine, whose worker port has no token."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.acceptance.processes import Gateway, Launcher, fetch
from tests.browser.browser import STRANGER, Browser

# What a page can send without being asked first, and what it can read of the answer.
CALL = """
const [url, options] = arguments;
return fetch(url, options).then(
    async (reply) => [reply.type, reply.status, await reply.text()],
    (error) => [String(error), 0, ""],
)
"""
SOCKET = """
const [url] = arguments;
return new Promise((resolve) => {
    const socket = new WebSocket(url, "prack.v1");
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
})
"""
BLIND: dict[str, Any] = {"mode": "no-cors", "referrerPolicy": "no-referrer"}
POST = {**BLIND, "method": "POST", "body": "{}"}
DRAIN = '{"service": "web", "version": "v1"}'
TAKES = (
    ("/api/v1/request?wait=1", BLIND),
    ("/api/v1/request?wait=1&route=stolen.example/", BLIND),
    ("/api/v1/requests/next?wait=1", BLIND),
    ("/api/v1/exchange", POST),
    ("/api/v1/drain", {**POST, "body": DRAIN}),
)
NAMES = (STRANGER, "localhost", "127.0.0.1")


class Page(BaseHTTPRequestHandler):
    """The stranger's page; its scripts are the test's."""

    timeout = 0.5  # of a connection that the browser has opened in advance

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Kittens</title>Kittens")

    def log_message(self, format: str, *args: object) -> None:
        """Not on the test's terminal."""


class PageServer(ThreadingHTTPServer):
    """At its end no connection is left that the browser could use for who comes next."""

    daemon_threads = False


@contextmanager
def page() -> Iterator[int]:
    """A web server of the stranger; its port."""
    with PageServer(("127.0.0.1", 0), Page) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


def untouched(gateway: Gateway) -> None:
    """No request was handed out, and no route was taken."""
    assert sum(json.loads(fetch(gateway.api_port, "/api/v1/queue").body)["leases"].values()) == 0
    routes = json.loads(fetch(gateway.api_port, "/api/v1/routes").body)["routes"]
    assert "stolen.example" not in json.dumps(routes)


@contextmanager
def waiting(gateway: Gateway) -> Iterator[None]:
    """A client's request is there to be taken; a worker answers it at the end."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(fetch, gateway.port, "/")
        yield
        taken = json.loads(fetch(gateway.api_port, "/api/v1/request?wait=20").body)
        answer = {"identifier": taken["identifier"], "code": 200, "headers": {}, "body": "aGk="}
        assert fetch(gateway.api_port, "/api/v1/response", "POST", json.dumps(answer)).status == 200  # type: ignore[arg-type]
        assert asked.result().body == b"hi"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_a_stranger_takes_no_request_blindly(
    chromium: Browser, launch: Launcher, name: str
) -> None:
    gateway = launch.gateway()
    with page() as port, waiting(gateway):
        chromium.driver.get(f"http://{STRANGER}:{port}/")
        for target, options in TAKES:
            url = f"http://{name}:{gateway.api_port}{target}"
            kind, status, text = chromium.driver.execute_script(CALL, url, options)
            assert (status, text) == (0, ""), kind
        url = f"ws://{name}:{gateway.api_port}/api/v1/stream"
        assert chromium.driver.execute_script(SOCKET, url) == "refused"
        untouched(gateway)
    chromium.leave()
    chromium.complaints()


def test_a_page_whose_name_is_pointed_at_the_port_reads_and_changes_nothing(
    chromium: Browser, launch: Launcher
) -> None:
    """DNS rebinding: the same name, another server behind it. The page is of the same origin."""
    with page() as port:
        chromium.driver.get(f"http://{STRANGER}:{port}/")
    gateway = launch.gateway(ports=(0, port, 0))
    with waiting(gateway):
        calls = [
            ("/api/v1/request?wait=1", {}),
            ("/api/v1/request?wait=1&route=stolen.example/", {}),
            ("/api/v1/workers", {}),
            ("/docs", {}),
            ("/api/v1/response", {"method": "POST", "body": "[]"}),
            ("/api/v1/traffic", {"method": "PUT", "body": '{"service": "w", "weights": {"v": 1}}'}),
        ]
        for target, options in calls:
            _, status, text = chromium.driver.execute_script(CALL, target, options)
            assert (status, json.loads(text)["code"]) == (403, "unknown_host"), target
        untouched(gateway)
    chromium.leave()
    chromium.complaints()


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_a_stranger_steers_nothing_on_the_admin_port(
    chromium: Browser, launch: Launcher, name: str
) -> None:
    gateway = launch.gateway()
    with page() as port:
        chromium.driver.get(f"http://{STRANGER}:{port}/")
        for target in ("/api/v1/drain", "/api/v1/traffic", "/api/v1/login", "/api/v1/logout"):
            url = f"http://{name}:{gateway.admin_port}{target}"
            kind, status, text = chromium.driver.execute_script(CALL, url, {**POST, "body": DRAIN})
            assert (status, text) == (0, ""), kind
            # With the field that such calls need, a browser asks first, and is refused.
            named = {"method": "POST", "body": DRAIN, "headers": {"X-Prack-Request": "1"}}
            assert chromium.driver.execute_script(CALL, url, named)[1:] == [0, ""]
        for target in ("/api/v1/overview", "/metrics"):
            url = f"http://{name}:{gateway.admin_port}{target}"
            assert chromium.driver.execute_script(CALL, url, {})[1:] == [0, ""]
    assert not gateway.records("drained") + gateway.records("traffic")
    chromium.leave()
    chromium.complaints()


def test_a_page_whose_name_is_pointed_at_the_admin_port_reads_nothing(
    chromium: Browser, launch: Launcher
) -> None:
    with page() as port:
        chromium.driver.get(f"http://{STRANGER}:{port}/")
    launch.gateway("--admin-port", str(port))
    for target in ("/", "/metrics", "/api/v1/overview", "/api/v1/exchanges"):
        _, status, text = chromium.driver.execute_script(CALL, target, {})
        assert (status, json.loads(text)["code"]) == (403, "unknown_host"), target
    chromium.leave()
    chromium.complaints()


def test_the_description_is_for_people(chromium: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    chromium.complaints()
    chromium.driver.get(f"http://127.0.0.1:{gateway.api_port}/docs")
    chromium.see("GET /api/v1/request")
    style = "return getComputedStyle(document.querySelector('pre')).overflowX"
    assert chromium.driver.execute_script(style) == "auto", "the style is not what its policy says"
    chromium.leave()
    assert [one for one in chromium.complaints() if "favicon" not in one] == []
