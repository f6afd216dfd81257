"""`prack top` on a terminal, beside a real gateway."""

import re
import signal
import termios

import pytest

from tests.acceptance.processes import PYTHON, Gateway, Launcher, free_ports
from tests.acceptance.screens import ENTER, LEAVE, on_screen

COLOUR = re.compile(r"\x1b\[(\d+;)*[349]\d")
KEYS = "q quit"


def top(port: int, *options: str) -> tuple[str, ...]:
    """The command, with looks in quick succession."""
    command = (PYTHON, "-m", "prack_grpc", "top", "--interval", "0.1")
    return (*command, "--admin-port", str(port), *options)


def test_keys_choose_what_is_shown(launch: Launcher, gateway: Gateway) -> None:
    launch.worker(gateway, "prack", "--slots", "3", "--service", "web", "--app-version", "v1")
    with on_screen(*top(gateway.admin_port)) as screen:
        text = screen.until(lambda text: "0/3" in text)
        assert "All is well" in text
        assert ENTER in screen.written
        assert "routes:" in text
        screen.press("w")
        assert "web v1" in screen.until(lambda text: "workers, sorted by worker: 1" in text)
        screen.press("s")
        screen.until(lambda text: "workers, sorted by requests" in text)
        screen.press("v")
        screen.until(lambda text: "versions: 1" in text)
        screen.press("x")
        screen.until(lambda text: "in flight, slowest first: 0" in text)
        screen.press("?")
        screen.until(lambda text: "back to the figures" in text)
        screen.press("p")
        screen.until(lambda text: "PAUSED" in text)
        screen.press("q")
        assert screen.wait() == 0
        assert screen.written.endswith(LEAVE)
        assert termios.tcgetattr(screen.slave) == screen.before


def test_it_is_as_large_as_the_terminal(gateway: Gateway) -> None:
    with on_screen(*top(gateway.admin_port), columns=80, lines=24) as screen:
        text = screen.until(lambda text: KEYS in text)
        assert "EXPECTED" not in text
        assert len(screen.shown()) == 24
        screen.resize(140, 40)
        screen.until(lambda text: "EXPECTED" in text)
        assert len(screen.shown()) == 40


@pytest.mark.parametrize(
    ("end", "status"), [("\x03", 0), (signal.SIGINT, 0), (signal.SIGTERM, 143)]
)
def test_the_terminal_is_restored_however_it_ends(
    gateway: Gateway, end: str | signal.Signals, status: int
) -> None:
    with on_screen(*top(gateway.admin_port)) as screen:
        screen.until(lambda text: KEYS in text)
        if isinstance(end, str):
            screen.press(end)
        else:
            screen.popen.send_signal(end)
        assert screen.wait() == status
        assert screen.written.endswith(LEAVE)
        assert termios.tcgetattr(screen.slave) == screen.before


def test_colours_are_left_out_where_nobody_wants_them(gateway: Gateway) -> None:
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with on_screen(*top(gateway.admin_port), env=env) as screen:
            screen.until(lambda text: KEYS in text)
            assert bool(COLOUR.search(screen.written)) is coloured


def test_a_gateway_that_is_gone_is_missed_until_there_is_one(launch: Launcher) -> None:
    port = free_ports(1)[0]
    gateway = launch.gateway("--admin-port", str(port))
    with on_screen(*top(port)) as screen:
        screen.until(lambda text: KEYS in text and "NO ANSWER" not in text)
        gateway.kill()
        text = screen.until(lambda text: "NO ANSWER" in text and "Connection refused" in text)
        assert "The figures below are those of" in text
        launch.gateway("--admin-port", str(port))
        screen.until(lambda text: "NO ANSWER" not in text)


def test_a_gateway_that_does_not_answer_holds_up_no_key(launch: Launcher) -> None:
    gateway = launch.gateway()
    with on_screen(*top(gateway.admin_port)) as screen:
        screen.until(lambda text: KEYS in text)
        gateway.send(signal.SIGSTOP)
        screen.until(lambda text: "NO ANSWER for " in text)
        screen.press("?")
        screen.until(lambda text: "back to the figures" in text)
        screen.press("q")
        assert screen.wait() == 0


def test_without_rich_it_says_how_to_install_it(gateway: Gateway) -> None:
    program = "import sys; sys.modules['rich'] = None; from prack_grpc.cli.main import main"
    command = (PYTHON, "-c", f"{program}; sys.exit(main())", *top(gateway.admin_port)[3:])
    with on_screen(*command) as screen:
        assert screen.wait() == 2
        assert "pip install 'prack[top]'" in screen.written
    with on_screen(*command, "--once") as screen:
        assert screen.wait() == 0
        assert "routes: " in screen.written
        assert "\x1b" not in screen.written
