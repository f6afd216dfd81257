"""The page when there are a thousand workers, and ten thousand requests wait."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
from selenium.webdriver.common.by import By

from prack.v1 import worker_pb2 as pb
from tests.acceptance.processes import Gateway, Launcher
from tests.browser.browser import Browser
from tests.browser.page import Page
from tests.support import plain_worker
from tests.support.client import RawClient
from tests.support.open_files import open_files

WORKERS, WAITING = 1000, 10_000
AT_ONCE = 100  # connections that are opened at the same time
FILES = WORKERS + WAITING + 200
LATE = 2.0  # seconds until a change is seen
FRAMES = """
const [section, done] = arguments;
const times = [];
function frame(now) {
    times.push(now);
    scrollBy(0, 40);
    document.querySelector(`#${section} .rows`).scrollBy(0, 40);
    if (times.length < 60) requestAnimationFrame(frame);
    else done(Math.max(...times.slice(1).map((time, index) => time - times[index])));
}
requestAnimationFrame(frame);
"""


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """Let this process, and those that it starts, open as many files as they need."""
    with open_files(FILES):
        yield


@asynccontextmanager
async def workers(gateway: Gateway) -> AsyncIterator[None]:
    """A thousand idle workers, of ten versions."""
    async with AsyncExitStack() as stack:
        for number in range(WORKERS):
            worker = await stack.enter_async_context(plain_worker.connect(gateway.api_port))
            labels = {"service": "crowd", "version": f"v{number % 10}"}
            routes = [pb.Route(host="crowd.example")]
            await worker.hello(f"worker-{number:04}", 4, routes=routes, **labels)
        yield


@asynccontextmanager
async def clients(gateway: Gateway) -> AsyncIterator[list[RawClient]]:
    """Ten thousand clients, whose requests wait for somebody who serves them."""
    found: list[RawClient] = []

    async def ask(number: int) -> RawClient:
        client = await RawClient.connect(gateway.port)
        await client.get(b"/%d" % number)
        return client

    for start in range(0, WAITING, AT_ONCE):
        found += await asyncio.gather(*map(ask, range(start, start + AT_ONCE)))
    try:
        yield found
    finally:
        await asyncio.gather(*(client.close() for client in found))


@pytest.mark.timeout(240)
async def test_a_crowd_is_seen(chromium: Browser, launch: Launcher) -> None:
    limits = (
        "--route-share",
        "1",
        "--max-silence",
        "120",
        "--max-connections-per-client",
        str(WAITING),
    )
    gateway = await asyncio.to_thread(launch.gateway, *limits, "--no-access-log")
    async with workers(gateway), clients(gateway) as waiting:
        loop = asyncio.get_running_loop()
        leave = partial(loop.call_soon_threadsafe, waiting[0].reset)
        await asyncio.to_thread(look, chromium, gateway, leave)
    await asyncio.to_thread(chromium.leave)
    assert chromium.complaints() == []


def look(chromium: Browser, gateway: Gateway, leave: Callable[[], object]) -> None:
    """What somebody does who is called in the night; one client gives up with `leave`."""
    page = Page(chromium, gateway)
    page.until(lambda: page.figures()["queue.waiting"] == "10,000", "they are not seen to wait")
    assert page.figures()["workers.active"] == "1,000"
    assert len(page.until(lambda: page.rows("workers"), "there is no worker")) == 100
    chromium.see("100 of 1,000 shown; filter to see others.", "#workers .count")
    chromium.driver.find_element(By.CSS_SELECTOR, "#exchanges [value=live]").click()
    page.row("exchanges", "waiting")
    chromium.see("100 of 10,000 shown; filter to see others.", "#exchanges .count")
    for section in ("workers", "exchanges"):
        page.rows(section)
        longest = chromium.driver.execute_async_script(FRAMES, section)
        assert longest < 1000 * LATE, (
            f"{section} stands still for {longest} ms while it is scrolled"
        )
    search = chromium.driver.find_element(By.CSS_SELECTOR, "#workers input[name=text]")
    search.send_keys("worker-0777")
    page.until(lambda: len(page.rows("workers")) == 1, "the filter finds more than one")
    left = time.monotonic()
    leave()
    page.until(lambda: page.figures()["queue.waiting"] == "9,999", "nobody is seen to leave")
    assert time.monotonic() - left < LATE
