"""What the commands say when they are used wrongly: the exit status, and what to change."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

import prack_grpc
from prack_grpc.settings.loading import flag
from prack_grpc.settings.settings import SECRETS, Settings
from tests.acceptance.processes import (
    PYTHON,
    ROOT,
    SECONDS,
    Gateway,
    Launcher,
    environment,
    fetch,
)


def run(*command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [PYTHON, "-m", *command],
        cwd=ROOT,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


@dataclass
class Wrong:
    """A command line with mistakes, and for each of them words of one line about it."""

    options: str
    said: list[tuple[str, ...]]
    env: Mapping[str, str] = field(default_factory=dict)


# The rows of the bad inputs' table: one run lists all its mistakes, if none hides another.
WRONG = {
    "C1 C2 C5 C12": Wrong(
        "serve --queue-timeot 5 --queue-time 5 -x --port=-1 --api-port 70000 --grpc-port abc "
        "--queue-timeout 0 --head-timeout=-1 --idle-timeout nan --grace 1e309 "
        "--rest-body 10apples --queue-bytes=-1 --rate-limit lots --client-share 0 "
        "--request-buffer 1MiB;2MiB",
        [
            ("--queue-timeot:", "did you mean --queue-timeout?"),
            ("--queue-time:", "did you mean --queue-timeout?"),
            ("-x:",),
            ("--port:", "'-1'"),
            ("--api-port:", "65535", "'70000'"),
            ("--grpc-port:", "'abc'"),
            ("--queue-timeout:", "greater than 0", "'0'"),
            ("--head-timeout:", "greater than 0", "'-1'"),
            ("--idle-timeout:", "finite", "'nan'"),
            ("--grace:", "finite", "'1e309'"),
            ("--rest-body:", "KiB", "'10apples'"),
            ("--queue-bytes:", "'-1'"),
            ("--rate-limit:", "100/s burst 200", "'lots'"),
            ("--client-share:", "greater than 0", "'0'"),
            ("--request-buffer:", "one size for each route"),
            ("PRACK_QUEUE_REQUESTS:", "'many'"),
            ("PRACK_PROT:", "did you mean PRACK_PORT?"),
            ("PRACK_NAME:",),
        ],
        {"PRACK_QUEUE_REQUESTS": "many", "PRACK_PROT": "1", "PRACK_NAME": "x"},
    ),
    "C4 C6 C7": Wrong(
        "--port 4242 --grpc-port 4242 --rest-body 1GiB --api-host 0.0.0.0 --grpc-host :: "
        "--proxy-protocol",
        [
            ("--api-port:", "--port", "4242"),
            ("--grpc-port:", "--port", "4242"),
            ("--grpc-port:", "--api-port", "4242"),
            ("--rest-body:", "--queue-bytes"),
            ("--proxy-protocol:", "--trusted-proxies"),
            ("--api-host:", "0.0.0.0", "--token-file", "--insecure-worker-api"),
            ("--grpc-host:", "::", "--token-file", "--insecure-worker-api"),
        ],
    ),
    "C8": Wrong(
        "--token-file /nowhere/token",
        [("--token-file:", "/nowhere/token"), ("token", "22")],
        {"PRACK_TOKEN": "secret-one"},
    ),
    "command": Wrong("sevre", [("'sevre'", "did you mean serve?")]),
    "value": Wrong("serve --port", [("--port", "expected one argument")]),
}


@pytest.mark.parametrize("name", WRONG)
def test_gateway_lists_all_that_is_wrong(name: str) -> None:
    wrong = WRONG[name]
    made = run("prack_grpc", *wrong.options.split(), env=wrong.env)
    assert (made.returncode, made.stdout) == (2, "")
    lines = made.stderr.splitlines()
    assert all(line.startswith("prack: ") for line in lines)
    for words in wrong.said:
        assert any(all(word in line for word in words) for line in lines), (words, lines)
    assert len(lines) == len(wrong.said) + 1, "and where help is"
    assert "secret-one" not in made.stderr


@pytest.mark.parametrize("setting", ["port", "api_port", "grpc_port"])
def test_a_port_in_use_is_named_with_its_flag(setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        made = run("prack_grpc", *free("127.0.0.1"), flag(setting), str(port))
    assert made.returncode == 3
    complaint = f"cannot listen on 127.0.0.1:{port}: Address already in use; "
    complaint += f"choose another with {flag(setting)}"
    assert complaint in made.stderr
    assert "Traceback" not in made.stderr


@pytest.mark.parametrize("setting", ["host", "grpc_host"])
def test_an_address_of_another_machine_is_named_with_its_flag(setting: str) -> None:
    # A documentation address (RFC 5737) is nobody's.
    options = (flag(setting), "192.0.2.1", "--insecure-worker-api")
    made = run("prack_grpc", *free("127.0.0.1"), *options)
    assert made.returncode == 3
    assert "cannot listen on 192.0.2.1:0: " in made.stderr
    assert f"; choose another with {flag(setting)}" in made.stderr
    assert "Traceback" not in made.stderr


def free(host: str) -> tuple[str, ...]:
    """A command line that clashes with nothing; what follows it counts more."""
    return ("serve", "--host", host, "--port", "0", "--api-port", "0", "--grpc-port", "0")


def test_help_lists_every_setting() -> None:
    made = run("prack_grpc", "serve", "--help")
    assert made.returncode == 0
    words = re.findall(r"--?[a-z-]+|PRACK_\w+", made.stdout)
    # A token on the command line could be read by all users of the machine.
    known = [flag(name) for name in Settings.model_fields if name not in SECRETS]
    assert not [name for name in [*known, "-h", "-p", "PRACK_TOKEN"] if name not in words]


@pytest.mark.parametrize("command", [["--help"], ["serve", "--help"], ["--version"]])
def test_help_and_version_are_no_mistakes(command: list[str]) -> None:
    made = run("prack_grpc", *command)
    assert (made.returncode, made.stderr) == (0, "")
    assert "prack" in made.stdout.lower()


def test_a_program_says_whether_it_is_compiled() -> None:
    how = "compiled" if "TEST_COMPILED" in os.environ else "interpreted"
    assert run("prack_grpc", "version").stdout == f"prack {prack_grpc.__version__} ({how})\n"


def test_command_line_of_the_original(launch: Launcher) -> None:
    flags = ("-h", "127.0.0.1", "-p", "0", "--api-host", "127.0.0.1", "--api-port", "0")
    gateway = launch.process(PYTHON, "-m", "prack_grpc", *flags, "--grpc-port", "0")
    api = int(gateway.line(r"REST worker API on http://127\.0\.0\.1:(\d+)")[1])
    gateway.line(r"Public port on http://127\.0\.0\.1:\d+")
    assert fetch(api, "/readyz").status == 200
    assert gateway.stop(signal.SIGINT) == 0
    assert "Traceback" not in str(gateway)


WORKER_WRONG = {
    "": (2, ["MODULE:ATTRIBUTE"]),
    "nowhere:app": (1, ['"nowhere"']),
    "examples.demo:nothing": (1, ['"nothing"']),
    "examples.demo:PAGE": (1, ["bytes"]),
    "examples.demo:app --slot 3": (2, ["--slot"]),
    "examples.demo:app --slots 0 --gateway localhost --grace y": (
        2,
        ['--slots "0"', '--gateway "localhost"', '--grace "y"'],
    ),
}


@pytest.mark.parametrize("options", WORKER_WRONG)
def test_worker_says_what_is_wrong(options: str) -> None:
    status, said = WORKER_WRONG[options]
    made = run("prack_worker", *options.split())
    assert made.returncode == status, made.stderr
    assert not [word for word in said if word not in made.stderr], made.stderr
    assert "Traceback" not in made.stderr


def test_worker_waits_for_a_gateway_that_is_not_there_yet(launch: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    dial = f"prack://127.0.0.1:{port}"
    worker = launch.process(PYTHON, "-m", "prack_worker", "examples.demo:app", "--gateway", dial)
    worker.line("is `prack serve` running there")
    gateway = launch.gateway(ports=(0, port, 0))
    worker.line("Connected to")
    assert fetch(gateway.port, "/hello").status == 200
    assert worker.stop() == 0


# What is dialled, at which port of a gateway, and what the worker says then.
WRONG_PORTS = [
    ("prack", "grpc_port", "prack:// connects to the REST port"),
    ("grpc", "api_port", "HTTP/1.1, not gRPC .*4243 by default"),
    ("grpc", "port", "HTTP/1.1, not gRPC"),
    ("http", "grpc_port", "http:// connects to the REST port"),
    ("https", "api_port", "speaks no TLS"),
]


@pytest.mark.parametrize(("scheme", "port", "said"), WRONG_PORTS)
def test_a_wrong_port_is_told(
    launch: Launcher, gateway: Gateway, scheme: str, port: str, said: str
) -> None:
    dial = f"{scheme}://127.0.0.1:{getattr(gateway, port)}"
    worker = launch.process(PYTHON, "-m", "prack_worker", "examples.demo:app", "--gateway", dial)
    worker.line(f"No gateway at .*: .*{said}")


@pytest.mark.parametrize("command", ["workers", "dead", "healthcheck"])
def test_a_command_that_waits_ends_with_ctrl_c_and_no_word(launch: Launcher, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(SECONDS)
        port = str(silent.getsockname()[1])
        waiting = launch.process(PYTHON, "-m", "prack_grpc", command, "--api-port", port)
        with silent.accept()[0]:
            assert waiting.stop(signal.SIGINT) == 130
        assert waiting.lines == []
