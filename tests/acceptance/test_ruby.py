"""Rack applications through the gateway: `rackup -s prack` (clients/ruby)."""

import signal

import pytest

from tests.acceptance.processes import Gateway, Launcher, Process, connected, fetch
from tests.support.tools import needed

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SLOTS = 3


APP = "clients/ruby/examples/sinatra.ru"


def rackup(launch: Launcher, gateway: Gateway, *options: str, **variables: str) -> Process:
    """A worker that is connected, with Sinatra."""
    program = needed("rackup", "ruby-rack")
    command = (program, "-I", "clients/ruby/lib", "-s", "prack", *options, APP)
    worker = launch.process(*command, env={"PRACK_GATEWAY": gateway.url("rest"), **variables})
    worker.line("Connected to")
    return worker


@pytest.fixture(scope="module")
def site(shared: Launcher, gateway: Gateway) -> Gateway:
    """In development, Rack::Lint checks what both sides say."""
    rackup(shared, gateway, "-O", f"threads={SLOTS}", "-E", "development")
    return gateway


def test_forms_sessions_and_redirects(site: Gateway) -> None:
    posted = fetch(site.port, "/notes", "POST", b"text=bread+%26+milk", FORM)
    assert (posted.status, posted.header("location")) == (303, f"http://127.0.0.1:{site.port}/last")
    cookie = posted.header("set-cookie").partition(";")[0]
    assert fetch(site.port, "/last", headers={"Cookie": cookie}).body == b"Last: bread & milk\n"


def test_errors_of_the_application(site: Gateway) -> None:
    assert fetch(site.port, "/nothing").status == 404
    assert fetch(site.port, "/notes", "POST", b"", FORM).status == 500


def test_large_uploads_in_chunks(site: Gateway) -> None:
    pieces = (bytes(65536) for _ in range(100))
    assert fetch(site.port, "/files", "PUT", pieces).body == b"6553600\n"


async def test_a_stop_finishes_a_stream_that_goes_on(launch: Launcher) -> None:
    gateway = launch.gateway()
    # Without the middleware of an environment, of which Rack::ContentLength would wait for the end.
    worker = rackup(launch, gateway, "-E", "none")
    async with connected(gateway.port) as client:
        await client.get(b"/events")
        assert (await client.head()).status == 200
        assert await client.reader.readuntil(b"\n\n\r\n") == b"9\r\ndata: 0\n\n\r\n"
        worker.send(signal.SIGTERM)
        assert (await client.reader.readuntil(b"0\r\n\r\n")).count(b"data:") == 2
    assert worker.wait() == 0
    worker.line(r"Stopping: 1 requests in progress, waiting up to 30 s \(PRACK_GRACE\)")
    worker.line("INFO Stopped")


def test_wrong_settings_are_told_and_end_with_1(launch: Launcher) -> None:
    command = (needed("rackup", "ruby-rack"), "-I", "clients/ruby/lib", "-s", "prack")
    worker = launch.process(*command, "-O", "tier=10", APP, env={"PRACK_SLOTS": "no"})
    assert worker.wait() == 1
    worker.line(r'prack: PRACK_SLOTS "no": expected 1 to 1000')
    worker.line(r'prack: tier "10": expected 0 to 9')
