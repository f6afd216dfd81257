"""The page of the admin port in a real browser: what it tells, and what can be done there."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.acceptance.processes import Gateway, Launcher, fetch
from tests.browser.browser import Browser
from tests.browser.page import Page
from tests.support.credentials import Credentials, secret

SLOTS, WAITING = 4, 3
SHOP = "tests.browser.apps.shop"
FORMATS: list[tuple[str, list[Any], str]] = [
    ("seconds", [None], "\N{EN DASH}"),
    ("seconds", [0], "0 ms"),
    ("seconds", [0.00042], "0.42 ms"),
    ("seconds", [0.0999], "99.9 ms"),
    ("seconds", [0.9996], "1.00 s"),
    ("seconds", [12.345], "12.3 s"),
    ("seconds", [72.9], "1 min 12 s"),
    ("seconds", [3600], "1 h"),
    ("seconds", [200000], "2 d 7 h"),
    ("count", [1234567], "1,234,567"),
    ("rate", [0.04], "0.04/s"),
    ("rate", [120.4], "120/s"),
    ("bytes", [0], "0 B"),
    ("bytes", [1023], "1,023 B"),
    ("bytes", [1536], "1.50 KiB"),
    ("bytes", [256 * 1024**2], "256 MiB"),
    ("share", [0], "0 %"),
    ("share", [0.0004], "<0.1 %"),
    ("share", [0.021], "2.1 %"),
    ("share", [0.9999], ">99.9 %"),
    ("share", [1], "100 %"),
    ("failed", [{"gateway": 0.01, "worker": 0.02, "client_gone": 0.5}], "3 %"),
    ("ago", [100, 100.2], "now"),
    ("ago", [100, 163], "1 min 3 s ago"),
    ("of", [100, 1000], "100 of 1,000"),
]

# Updates that came before the history they belong behind, and one that was missed.
HISTORY = """
return import("/static/gateway/history.js").then(({ History }) => {
    const history = new History();
    const mark = (at, text) => ({ at, kind: "joined", text });
    history.add({ at: 102, waiting: 2 }, [mark(101.5, "known")]);
    history.add({ at: 103, waiting: 3 }, [mark(102.5, "new")]);
    const series = { waiting: [1, 2] };
    history.load({ start: 101, step: 1, series, marks: [mark(101.5, "known")] });
    history.add({ at: 103, waiting: 33 }, []);
    history.add({ at: 105, waiting: 5 }, []);
    const [times, waiting] = history.columns(["waiting"]);
    return [times, waiting, history.marks.map(({ text }) => text)];
});
"""
LONG = """
return import("/static/gateway/history.js").then(({ History }) => {
    const history = new History();
    for (let at = 1; at <= 1000; at++) history.add({ at, waiting: at }, []);
    const [times, waiting] = history.columns(["waiting"]);
    return [times.length, waiting.length, waiting[0], waiting.at(-1)];
});
"""


@pytest.fixture
def seen(chromium: Browser, launch: Launcher) -> Iterator[Browser]:
    """The browser, which leaves the page before its gateway goes. Its console must stay silent."""
    chromium.complaints()
    yield chromium
    chromium.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.leave()
    assert chromium.complaints() == []


@contextmanager
def held(gateway: Gateway, launch: Launcher, requests: int) -> Iterator[None]:
    """So many requests that wait or are held by a worker, until the end; then they are answered."""
    with ThreadPoolExecutor(requests) as pool:
        asked = [pool.submit(fetch, gateway.port, f"/hold/{n}") for n in range(requests)]
        yield
        for number in range(requests):
            launch.release(str(number))
        assert {reply.result().status for reply in asked} == {200}


def workers(page: Page) -> list[dict[str, Any]]:
    """The workers, once the API tells of some."""
    found: list[dict[str, Any]] = page.until(
        lambda: page.api("workers")["workers"], "there is no worker"
    )
    return found


def test_numbers_have_units_and_nothing_is_more_exact_than_it_is(
    seen: Browser, launch: Launcher
) -> None:
    page = Page(seen, launch.gateway())
    assert [page.format(name, *values) for name, values, _ in FORMATS] == [
        text for _, _, text in FORMATS
    ]


def test_curves_have_no_gap_where_the_page_was_slow(seen: Browser, launch: Launcher) -> None:
    page = Page(seen, launch.gateway())
    times, waiting, marks = page.driver.execute_script(HISTORY)
    assert times == [101, 102, 103, 104, 105]
    assert waiting == [1, 2, 33, None, 5]
    assert marks == ["known", "new"]


def test_curves_show_a_quarter_of_an_hour(seen: Browser, launch: Launcher) -> None:
    page = Page(seen, launch.gateway())
    assert page.driver.execute_script(LONG) == [900, 900, 101, 1000]


def test_an_empty_gateway_teaches_how_to_start_a_worker(seen: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    page = Page(seen, gateway)
    assert page.verdict() == "● Note: no worker is connected"
    commands = seen.driver.find_elements(By.CSS_SELECTOR, "#first-worker pre code")
    assert [command.text for command in commands] == [
        "pip install ./clients/python",
        f"prack-worker main:app --gateway prack://127.0.0.1:{gateway.api_port}",
        f"curl http://127.0.0.1:{gateway.port}/hello",
    ]
    launch.worker(gateway)
    first = seen.driver.find_element(By.ID, "first-worker")
    page.until(lambda: not first.is_displayed(), "the commands stay, though there is a worker")
    page.until(lambda: "All is well" in page.verdict(), "the verdict stays")


def test_numbers_are_those_of_the_api(seen: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, "prack", "--slots", str(SLOTS), "--service", "web", "--app-version", "1")
    page = Page(seen, gateway)
    with held(gateway, launch, SLOTS + WAITING):
        now = {
            "queue.waiting": f"{WAITING}",
            "queue.in_flight": f"{SLOTS + WAITING}",
            "slots.used": f"{SLOTS}",
            "slots.total": f"{SLOTS}",
            "workers.active": "1",
        }
        page.until(lambda: now.items() <= page.figures().items(), f"the figures are not {now}")
        line = page.row("routes", "3 waiting, 0 of 4 slots free")
        assert "0 of 4" in line.find_element(By.CSS_SELECTOR, ".bar").text
    page.until(
        lambda: page.figures() == page.expected(page.api("overview")),
        "the figures are not those of the overview",
    )
    # What has ended does not change any more, but for its age.
    said = {row["target"]: ended(page, row) for row in page.api("exchanges")["exchanges"]}
    assert len(said) == SLOTS + WAITING
    page.until(lambda: shown(page) == said, "the requests are not those of the API")
    compare(page, "workers", "Worker", "worker")
    compare(page, "versions", "Version", "version")


def ended(page: Page, row: dict[str, Any]) -> tuple[str, ...]:
    """How an exchange of the API is to be seen on the page."""
    times = [row["duration"], row["queue"], row["worker_time"], row["gateway"]]
    sent = page.format("bytes", row["bytes_out"])
    return (f"✓ {row['status']}", *(page.format("seconds", time) for time in times), sent)


def shown(page: Page) -> dict[str, tuple[str, ...]]:
    """The requests on the page, by their target."""
    titles = ("Result", "Duration", "Queue", "At the worker", "Gateway", "Sent")
    rows = page.rows("exchanges")
    return {
        row["Request"].split("\n")[0].removeprefix("GET "): tuple(row[title] for title in titles)
        for row in rows
    }


def compare(page: Page, section: str, title: str, name: str) -> None:
    """Rates and percentiles of these rows are those of the API."""

    def pairs() -> bool:
        rows = {row[title].split("\n")[0]: row for row in page.rows(section)}
        said = {row[name]: row for row in page.api(section)[section]}
        return rows.keys() == said.keys() and all(
            (rows[key]["Requests"], rows[key]["p50"], rows[key]["p95"], rows[key]["Errors"])
            == (
                page.format("rate", row["requests_per_second"]),
                page.format("seconds", row["p50"]),
                page.format("seconds", row["p95"]),
                page.format("failed", row["errors"]),
            )
            for key, row in said.items()
        )

    page.until(pairs, f"the {section} are not those of the API")


def test_a_worker_is_drained_and_works_again(seen: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway)
    page = Page(seen, gateway)
    [worker] = workers(page)
    page.press("Drain", page.row("workers", worker["worker"]))
    assert "No other worker is active" in page.dialog().text
    page.press("Cancel")
    page.no_dialog()
    page.press("Drain", page.row("workers", worker["worker"]))
    page.press(f"Drain {worker['worker']}")
    page.no_dialog()
    page.row("workers", "drained")
    [worker] = workers(page)
    assert worker["state"] == "drained"
    gateway.line(rf'"action": "drained".*"{worker["worker"]}"')
    page.press("Resume", page.row("workers", worker["worker"]))
    page.row("workers", "● active")
    assert [row["state"] for row in workers(page)] == ["active"]


def test_who_logs_in_sees_and_who_may_only_look_is_told_so(
    seen: Browser, launch: Launcher, tmp_path: Path
) -> None:
    file = Credentials.of(tmp_path / "credentials").path
    gateway = launch.gateway("--credentials", str(file))
    page = Page(seen, gateway, login=secret("eye"))
    assert "eye, looking only" in page.driver.find_element(By.ID, "who").text
    act = 'return import("/static/gateway/api.js").then(({ act }) => act("POST", "api/v1/drain", '
    said = page.driver.execute_script(act + '{ worker: "w" }).catch(({ message }) => message))')
    assert "allow to look only" in said
    seen.press("Log out")
    assert "Log in" in page.dialog().text
    refused = ("401", "403")
    assert all(any(status in one for status in refused) for one in seen.complaints())


def test_the_weight_of_a_canary_is_changed(seen: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    for version in ("v1", "v2"):
        launch.worker(gateway, "prack", "--service", "web", "--app-version", version)
    split = {"service": "web", "weights": {"v1": 1, "v0": 1}, "sticky": "cookie:session"}
    before = json.dumps(split).encode()
    assert fetch(gateway.api_port, "/api/v1/traffic", "PUT", before).status == 200
    page = Page(seen, gateway)
    page.row("versions", "v1")
    page.press("Weights", page.row("versions", "v2"))
    assert "Traffic of web" in page.dialog().text
    fill(page, v0="0", v1="0", v2="0")
    page.press("Set the weights")
    # The API's own words, and a dialog that stays.
    page.until(lambda: "weights" in alert(page), "the error is not shown")
    fill(page, v0="", v1="95", v2="5")
    assert "5 % of requests" in page.dialog().text
    page.press("Set the weights")
    page.no_dialog()
    page.until(
        lambda: (
            {row["Version"].split("\n")[0]: row["Weight"] for row in page.rows("versions")}
            == {"v1": "95", "v2": "5"}
        ),
        "the weights are not on the page",
    )
    [split] = json.loads(fetch(gateway.api_port, "/api/v1/traffic").body)["traffic"]
    # What was not changed stays.
    assert split == {"service": "web", "weights": {"v1": 95, "v2": 5}, "sticky": "cookie:session"}
    assert seen.complaints()  # of the refused call


def fill(page: Page, **weights: str) -> None:
    """Type other weights."""
    for version, weight in weights.items():
        page.driver.find_element(By.NAME, version).clear()
        page.browser.fill(**{version: weight})


def alert(page: Page) -> str:
    """The error in the open dialog."""
    return page.dialog().find_element(By.CSS_SELECTOR, "[role=alert]").text


def test_a_request_tells_its_steps_and_its_id(seen: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, "prack", "--service", "web", "--app-version", "v1", app=f"{SHOP}:well")
    assert fetch(gateway.port, "/cart?item=7").status == 200
    page = Page(seen, gateway)
    page.press("GET /cart?item=7", page.row("exchanges", "/cart?item=7"))
    text = page.dialog().text
    [record] = gateway.records()
    [worker] = workers(page)
    steps = ("received", f"handed out to {worker['worker']} (web v1)", "first byte", "ended: ✓ 200")
    assert record["request_id"] in text
    assert [step for step in steps if step not in text] == []
    page.press("Close")
    page.no_dialog()


def test_a_second_hand_out_is_seen(seen: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    first = launch.worker(gateway)
    page = Page(seen, gateway)
    with held(gateway, launch, 1):
        first.line("holds 0")
        first.kill()
        launch.worker(gateway).line("holds 0")
    page.press("GET /hold/0", page.row("exchanges", "handed out 2 times"))
    steps = [step.text for step in page.dialog().find_elements(By.CSS_SELECTOR, "li > span")]
    assert [step.split(" ")[0] for step in steps] == [
        "received",
        "handed",
        "handed",
        "first",
        "ended:",
    ]
    assert steps[2].endswith("hand-out 2")
    page.until(lambda: "was lost" in seen.driver.find_element(By.ID, "marks").text, "no mark")


def test_the_keyboard_is_enough(seen: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway)
    page = Page(seen, gateway)
    [worker] = workers(page)
    page.row("workers", worker["worker"])
    page.tab_to("Skip to the routes").send_keys(Keys.ENTER)
    page.tab_to("p95").send_keys(Keys.ENTER)
    sorted_by = "#workers th[aria-sort='other'] button"
    assert seen.driver.find_element(By.CSS_SELECTOR, sorted_by).text == "p95"
    page.tab_to("Drain").send_keys(Keys.ENTER)
    assert worker["worker"] in page.dialog().text
    page.type(Keys.ESCAPE)
    page.no_dialog()
    # The focus is where it was.
    assert seen.driver.switch_to.active_element.text == "Drain"
    page.type(Keys.ENTER)
    page.tab_to(f"Drain {worker['worker']}").send_keys(Keys.ENTER)
    page.no_dialog()
    page.row("workers", "drained")


def test_a_phone_needs_no_scrolling_to_the_side(seen: Browser, launch: Launcher) -> None:
    gateway = launch.gateway()
    host, path = f"{'long-name.' * 12}example", "/run/a/very/long/path/of/a/route"
    launch.worker(
        gateway, "prack", "--service", "s" * 60, "--app-version", "v" * 60, "--route", host + path
    )
    assert fetch(gateway.port, f"{path}/{'x' * 300}", headers={"Host": host}).status == 200
    page = Page(seen, gateway)
    page.narrow(390)
    for section in ("figures", "curves", "routes", "versions", "workers", "exchanges"):
        page.rows(section)
        assert page.width() == 390, section
    page.press("Weights", page.row("versions", "v" * 60))
    assert page.dialog().size["width"] <= 390
    assert page.width() == 390


def test_figures_of_a_gateway_that_is_gone_are_not_shown_as_if_they_were_now(
    chromium: Browser, launch: Launcher
) -> None:
    gateway = launch.gateway()
    launch.worker(gateway)
    page = Page(chromium, gateway)
    gateway.kill()
    page.until(lambda: "Connection lost, trying again" in page.verdict(), "it is not said")
    figures = chromium.driver.find_element(By.ID, "figures")
    page.until(lambda: float(figures.value_of_css_property("opacity")) < 0.5, "they are not grey")
    launch.gateway("--admin-port", str(gateway.admin_port))
    page.until(lambda: "no worker is connected" in page.verdict(), "the page does not come back")
    page.until(lambda: figures.value_of_css_property("opacity") == "1", "they stay grey")
    chromium.leave()
    # Nothing else was complained of than that nobody answered.
    assert [one for one in chromium.complaints() if "net::ERR_" not in one] == []
