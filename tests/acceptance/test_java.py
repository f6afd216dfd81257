"""A servlet through the gateway (clients/java), over HttpClient with its offer of h2c."""

import signal
from collections.abc import Mapping

import pytest

from tests.acceptance.processes import ROOT, Gateway, Launcher, Process, connected, fetch
from tests.support.tools import needed

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BUILT = ROOT / "clients" / "java" / "target"


def java(launch: Launcher, variables: Mapping[str, str]) -> Process:
    """A servlet with a filter; `make test-java` has compiled it."""
    program = needed("java", "openjdk-17-jdk-headless")
    places = [BUILT / "classes", BUILT / "test-classes", BUILT / "lib" / "*"]
    command = (program, "-XX:TieredStopAtLevel=1", "-cp", ":".join(map(str, places)))
    return launch.process(*command, "prack.worker.examples.Notes", env=variables)


def servlet(launch: Launcher, gateway: Gateway, **variables: str) -> Process:
    """One that is connected."""
    started = java(launch, {"PRACK_GATEWAY": gateway.url("rest"), **variables})
    started.line("Connected to")
    return started


@pytest.fixture(scope="module")
def site(shared: Launcher, gateway: Gateway) -> Gateway:
    """A gateway with such a worker."""
    servlet(shared, gateway)
    return gateway


def test_a_servlet_has_forms_cookies_and_redirects(site: Gateway) -> None:
    posted = fetch(site.port, "/notes", "POST", b"text=bread", FORM)
    assert (posted.status, posted.header("location")) == (302, "/last")
    cookie = posted.header("set-cookie")
    assert cookie.startswith("last=bread; ")
    assert "HttpOnly" in cookie
    last = fetch(site.port, "/last", headers={"Cookie": cookie.partition(";")[0]})
    assert (last.body, last.header("x-path")) == (b"Last: bread\n", "/last")


def test_errors_of_a_servlet(site: Gateway) -> None:
    missing = fetch(site.port, "/no%20thing")
    assert (missing.status, missing.body) == (404, b"no such note: /no thing")
    assert fetch(site.port, "/session").status == 500


def test_large_uploads_in_chunks(site: Gateway) -> None:
    pieces = (bytes(65536) for _ in range(100))
    assert fetch(site.port, "/files", "PUT", pieces).body == b"6553600\n"


async def test_a_stop_finishes_a_stream_that_goes_on(launch: Launcher) -> None:
    gateway = launch.gateway()
    started = servlet(launch, gateway)
    async with connected(gateway.port) as client:
        await client.get(b"/events")
        assert (await client.head()).status == 200
        assert await client.reader.readuntil(b"\n\n\r\n") == b"9\r\ndata: 0\n\n\r\n"
        started.send(signal.SIGTERM)
        assert (await client.reader.readuntil(b"0\r\n\r\n")).count(b"data:") == 2
    assert started.wait() == 0
    started.line(r"Stopping: 1 requests in progress, waiting up to 30 s \(PRACK_GRACE\)")
    started.line("INFO Stopped")


def test_wrong_settings_are_told_and_end_with_1(launch: Launcher) -> None:
    started = java(launch, {"PRACK_SLOTS": "no", "PRACK_TIER": "10"})
    assert started.wait() == 1
    started.line('PRACK_TIER "10": expected 0 to 9')
