"""Makes the pictures of docs/operations.md with real gateways, workers and a browser, in four
minutes: python -m scripts.screenshots [empty|healthy|canary|waiting ...].
"""

import base64
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.processes import ROOT, Gateway, Launcher, fetch, launching
from tests.browser.browser import Browser
from tests.browser.page import Page

FOLDER = ROOT / "docs/screenshots"
SHOP = "tests.browser.apps.shop"
PATHS = ("/", "/cart", "/items/7?page=2", "/search?q=tea", "/static/shop.css")
HOST = {"Host": "shop.example.com"}


@contextmanager
def load(gateway: Gateway, clients: int, pause: float) -> Iterator[None]:
    """So many clients, each of which waits so many seconds between two requests."""
    done = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
        number = 0
        while not done.wait(pause):
            number += 1
            connection.request("GET", PATHS[number % len(PATHS)], headers=HOST)
            connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


class Studio:
    """A browser of one size that takes pictures of one gateway's page."""

    def __init__(
        self, launch: Launcher, folder: Path, width: int, height: int, scheme: str
    ) -> None:
        self._launch = launch
        self.gateway = launch.gateway()
        self._browser = Browser(launch, folder)
        self._size = {"width": width, "height": height}
        self._scheme = scheme

    def worker(self, app: str, version: str, slots: int) -> None:
        """A worker of the shop."""
        labels = ("--service", "shop", "--app-version", version, "--slots", str(slots))
        route = ("--route", HOST["Host"])
        self._launch.worker(self.gateway, "prack", *labels, *route, app=f"{SHOP}:{app}")

    def watch(self, seconds: float) -> None:
        """Let the curves grow."""
        call = self._browser.driver.execute_cdp_cmd
        screen = {"deviceScaleFactor": 1, "mobile": self._size["width"] < 640}
        call("Emulation.setDeviceMetricsOverride", {**self._size, **screen})
        call("Emulation.setScrollbarsHidden", {"hidden": True})
        scheme = {"name": "prefers-color-scheme", "value": self._scheme}
        call("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._page = Page(self._browser, self.gateway)
        time.sleep(seconds)

    def take(self, name: str, section: str = "") -> None:
        """A picture of the page from its top, or from a section on."""
        if section:
            # What is above grows when it is seen first.
            self._page.rows(section)
            time.sleep(2)
            self._page.rows(section)
        shot = self._browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        (FOLDER / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
        self._browser.driver.quit()


@contextmanager
def studio(width: int, height: int, scheme: str = "light") -> Iterator[Studio]:
    """A studio, gone at the end with all that it has started."""
    with tempfile.TemporaryDirectory() as folder, launching(Path(folder)) as launch:
        yield Studio(launch, Path(folder), width, height, scheme)


def empty() -> None:
    """No worker yet."""
    with studio(1240, 780) as scene:
        scene.watch(5)
        scene.take("empty")


def healthy() -> None:
    """Three workers that have little to do."""
    with studio(1240, 900, "dark") as scene:
        for _ in range(3):
            scene.worker("well", "v1", 8)
        with load(scene.gateway, 20, 0.2):
            scene.watch(70)
            scene.take("healthy")


def canary() -> None:
    """One request in five goes to a version that fails."""
    with studio(1240, 820) as scene:
        scene.worker("well", "v1", 8)
        scene.worker("well", "v1", 8)
        with load(scene.gateway, 20, 0.2):
            scene.watch(30)
            scene.worker("failing", "v2", 8)
            split = json.dumps({"service": "shop", "weights": {"v1": 4, "v2": 1}}).encode()
            fetch(scene.gateway.api_port, "/api/v1/traffic", "PUT", split)
            time.sleep(40)
            scene.take("canary", "versions")


def waiting() -> None:
    """Workers that are too slow for their clients."""
    with studio(390, 844) as scene:
        scene.worker("slow", "v1", 8)
        with load(scene.gateway, 60, 0.1):
            scene.watch(30)
            scene.take("waiting")


STATES = {state.__name__: state for state in (empty, healthy, canary, waiting)}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or STATES:
        STATES[name]()
