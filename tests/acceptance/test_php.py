"""PHP applications through the gateway: PSR-15, and a front controller (clients/php)."""

import signal

import pytest

from tests.acceptance.processes import Gateway, Launcher, Process, connected, fetch
from tests.support.tools import needed

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UPLOAD = {"Content-Type": "multipart/form-data; boundary=b"}
FILE = (
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    b"hello\r\n--b--\r\n"
)
PSR15 = "clients/php/examples/psr15.php"


def php(launch: Launcher, gateway: Gateway, *command: str, **variables: str) -> Process:
    """A worker that is connected."""
    env = {"PRACK_GATEWAY": gateway.url("rest"), "PRACK_SLOTS": "2", **variables}
    worker = launch.process(needed("php", "php-cli"), *command, env=env)
    worker.line("Connected to")
    return worker


def psr15(launch: Launcher, gateway: Gateway, **variables: str) -> Process:
    """A handler with middleware."""
    return php(launch, gateway, PSR15, **variables)


def slim(launch: Launcher, gateway: Gateway) -> Process:
    """Slim behind its front controller."""
    needed("php-cgi", "php-cgi")
    return php(launch, gateway, "clients/php/bin/prack-php", "clients/php/examples/slim/index.php")


@pytest.fixture(scope="module")
def legacy(shared: Launcher) -> Gateway:
    """Slim, as under PHP-FPM."""
    gateway = shared.gateway()
    slim(shared, gateway)
    return gateway


@pytest.fixture(scope="module")
def psr(shared: Launcher, gateway: Gateway) -> Process:
    """It, for tests that do not stop it."""
    return psr15(shared, gateway)


def test_a_front_controller_has_forms_sessions_and_redirects(legacy: Gateway) -> None:
    posted = fetch(legacy.port, "/notes", "POST", b"text=bread+%26+milk", FORM)
    assert (posted.status, posted.header("location")) == (303, "/last")
    cookie = posted.header("set-cookie").partition(";")[0]
    last = fetch(legacy.port, "/last", headers={"Cookie": cookie})
    assert (last.status, last.body) == (200, b"Last: bread & milk\n")


def test_a_front_controller_has_uploads(legacy: Gateway) -> None:
    assert fetch(legacy.port, "/files", "POST", FILE, UPLOAD).body == b"a.txt: 5\n"
    pieces = (bytes(65536) for _ in range(40))
    assert fetch(legacy.port, "/raw", "PUT", pieces).body == b"2621440\n"


def test_a_front_controller_fails_with_its_own_page(legacy: Gateway) -> None:
    failed = fetch(legacy.port, "/fail")
    assert (failed.status, b"Slim Application Error" in failed.body) == (500, True)
    assert fetch(legacy.port, "/nothing").status == 404


async def test_a_stop_finishes_a_stream_that_goes_on(launch: Launcher) -> None:
    gateway = launch.gateway()
    worker = slim(launch, gateway)
    async with connected(gateway.port) as client:
        await client.get(b"/events")
        assert (await client.head()).status == 200
        assert await client.reader.readuntil(b"\n\n\r\n") == b"9\r\ndata: 0\n\n\r\n"
        worker.send(signal.SIGTERM)
        assert (await client.reader.readuntil(b"0\r\n\r\n")).count(b"data:") == 2
    assert worker.wait() == 0
    worker.line(r"Stopping: 1 requests in progress, waiting up to 30 s \(PRACK_GRACE\)")
    worker.line("INFO Stopped")


def test_a_handler_and_its_middleware(gateway: Gateway, psr: Process) -> None:
    hello = fetch(gateway.port, "/?name=you")
    assert (hello.body, hello.header("x-route")) == (b"Hello you\n", "/")
    assert fetch(gateway.port, "/", headers={"Cookie": "name=J%C3%B6"}).body == b"Hello J\xc3\xb6\n"
    assert fetch(gateway.port, "/notes", "POST", b"text=a%26b", FORM).body == b"a&b\n"
    pieces = (bytes(65536) for _ in range(40))
    assert fetch(gateway.port, "/files", "PUT", pieces).body == b"2621440\n"


def test_an_application_that_ends_its_process_costs_one_request(
    gateway: Gateway, psr: Process
) -> None:
    assert fetch(gateway.port, "/exit").status == 500
    psr.line(r"ERROR GET /exit \(\w+\) failed: the application has ended the process")
    assert fetch(gateway.port, "/crash").status == 502
    psr.line(r"ERROR A process has ended with signal 9 GET /crash")
    assert fetch(gateway.port, "/").status == 200


def test_processes_are_replaced_after_some_requests(launch: Launcher) -> None:
    gateway = launch.gateway()
    replaced = {"PRACK_SLOTS": "1", "PRACK_RESTART_AFTER": "2"}
    worker = psr15(launch, gateway, **replaced)
    for _ in range(5):
        assert fetch(gateway.port, "/").status == 200
    worker.line("Connected to", number=3)
    assert worker.stop() == 0


def test_wrong_settings_are_told_and_end_with_1(launch: Launcher) -> None:
    program = (needed("php", "php-cli"), "clients/php/bin/prack-php")
    assert launch.process(*program).wait() == 1
    worker = launch.process(*program, "clients/php/README.md", env={"PRACK_SLOTS": "no"})
    assert worker.wait() == 1
    worker.line(r'prack: PRACK_SLOTS "no": expected 1 to 1000')
    missing = launch.process(*program, "no/such.php")
    assert missing.wait() == 1
    missing.line("prack: no/such.php: there is no such script")
