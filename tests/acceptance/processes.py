"""Starts the project's commands as processes, and waits for what they say.

Every wait ends with a line, an answer or the end of a process, or fails at its deadline.
"""

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from prack_worker.proxy.address import free_port
from tests.support.client import RawClient

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
# For machines that are busy with other work; a healthy run waits for a small part of it.
SECONDS = 20.0
# What a gateway never has to say, whatever clients and workers do.
BAD = re.compile(r'"level": "error"|[Tt]raceback')
PROBE = "tests.acceptance.probe:app"
# How many processes each gateway has. With `apart`, clients come to the second of two, and workers
# to the first.
PROCESSES = os.environ.get("ACCEPTANCE_PROCESSES", "1")
APART = "tests.acceptance.apart"
# The ways in which a worker dials in: two carriers of streams, and REST.
STREAMS = ("prack", "grpc")
OVER = (*STREAMS, "rest")


class Process:
    """One process and the lines that it has written.

    Args:
        command: program and arguments.
        env: variables beside those of this process, whose own PRACK_* variables are left out.
        fds: descriptors that it inherits.
    """

    def __init__(
        self, *command: str, env: Mapping[str, str] | None = None, fds: Sequence[int] = ()
    ) -> None:
        self.command = command
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self.popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(env),
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # a Ctrl-C at the tests' terminal is not one for it
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout
        with self.popen.stdout as stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def line(self, pattern: str, number: int = 1, seconds: float = SECONDS) -> re.Match[str]:
        """Wait for a line that this regular expression is found in, or for the second such ..."""
        compiled, seen, found = re.compile(pattern), 0, 0
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if match := compiled.search(line):
                        found += 1
                        if found == number:
                            return match
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(f"no line with {pattern!r} from {self}")
                self._changed.wait(left)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def wait(self, seconds: float = SECONDS) -> int:
        """Wait for its end; its exit status as a shell would tell it."""
        code = self.popen.wait(seconds)
        self._reader.join(seconds)
        return code if code >= 0 else 128 - code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and wait."""
        self.send(number)
        return self.wait()

    def kill(self) -> None:
        """Kill -9, and everything that it has started."""
        if self.popen.poll() is None:
            started = psutil.Process(self.popen.pid).children(recursive=True)
            self.popen.kill()
            for process in started:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.wait()

    def cpu(self) -> float:
        """Seconds of CPU that it has had, which do not depend on what else the machine does."""
        times = psutil.Process(self.popen.pid).cpu_times()
        return float(times.user + times.system)

    def __str__(self) -> str:
        return "\n".join([" ".join(self.command), *self.lines[-40:]])


class Gateway(Process):
    """`prack serve`, ready. Its ports are free ones unless `ports` names them.

    Another `program` takes the same command line. `processes` are how many, or `apart`; it has
    `count`.
    """

    def __init__(
        self,
        *flags: str,
        ports: Sequence[int] = (0, 0, 0),
        env: Mapping[str, str] | None = None,
        program: str = "prack_grpc",
        processes: str = PROCESSES,
    ) -> None:
        public, api, grpc = map(str, ports)
        count, program = ("2", APART) if processes == "apart" else (processes, program)
        self.count = int(count)
        super().__init__(
            *(PYTHON, "-m", program, "serve", "--host", "127.0.0.1", "--port", public),
            *("--api-port", api, "--grpc-port", grpc, "--admin-port", "0"),
            *(() if count == "1" else ("--processes", count)),
            *flags,
            env=env,
        )
        try:
            # The last one says where clients are to come, once they may.
            self.port = self._announced("Public port", self.count)
            if count != "1":
                self.line(f'"{count} processes serve"')
        except AssertionError:
            self.kill()
            raise
        self.api_port = self._announced("REST worker API")
        self.grpc_port = self._announced("gRPC worker API")
        self.admin_port = self._announced("Admin port")
        self.is_secure = bool(re.search(r"REST worker API on https:", "\n".join(self.lines)))

    @property
    def ports(self) -> tuple[int, int, int]:
        """Public, REST, gRPC."""
        return self.port, self.api_port, self.grpc_port

    def url(self, over: str) -> str:
        """What a worker dials, `over` one of OVER."""
        scheme = ("http" if over == "rest" else over) + "s" * self.is_secure
        return f"{scheme}://127.0.0.1:{self.grpc_port if over == 'grpc' else self.api_port}"

    @property
    def children(self) -> list[psutil.Process]:
        """Its processes, in the order in which they were started, if it has several."""
        return sorted(psutil.Process(self.popen.pid).children(), key=psutil.Process.create_time)

    def _announced(self, what: str, number: int = 1) -> int:
        return int(self.line(rf'"{what} on \w+://[\d.]+:(\d+)"', number)[1])

    def records(self, action: str = "request") -> list[dict[str, Any]]:
        """The log lines of this action, as data."""
        found = map(json.loads, list(self.lines))
        return [record for record in found if record.get("action") == action]


def environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """This process's variables without PRACK_* ones, and these."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PRACK_")}
    # Two processes of one application list the members of a set in the same order.
    fixed = {"PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0", "PRACK_ADMIN_PORT": "0"}
    return own | fixed | dict(extra or {})


P = TypeVar("P", bound=Process)


class Launcher:
    """Starts processes; all of them are gone when the test is over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[Process] = []
        self._adopted: list[psutil.Process] = []

    def process(
        self, *command: str, env: Mapping[str, str] | None = None, fds: Sequence[int] = ()
    ) -> Process:
        """Any program."""
        return self._add(Process(*command, env=env, fds=fds))

    def gateway(
        self,
        *flags: str,
        ports: Sequence[int] = (0, 0, 0),
        env: Mapping[str, str] | None = None,
        program: str = "prack_grpc",
        processes: str = PROCESSES,
    ) -> Gateway:
        """A gateway that is ready."""
        made = Gateway(*flags, ports=ports, env=env, program=program, processes=processes)
        return self._add(made)

    def worker(
        self, gateway: Gateway, over: str = "prack", *flags: str, app: str = PROBE
    ) -> Process:
        """A `prack-worker` that is connected."""
        command = (PYTHON, "-m", "prack_worker", app, "--gateway", gateway.url(over), *flags)
        worker = self.process(*command, env={"PROBE_DIR": str(self._folder)})
        worker.line("Connected to")
        return worker

    def failing(self, *words: str) -> tuple[int, str]:
        """How a gateway with these flags ends, which does not start: exit status and log."""
        process = self.process(PYTHON, "-m", "prack_grpc", "serve", "--port", "0", *words)
        return process.wait(), "\n".join(process.lines)

    def adopt(self, number: int) -> psutil.Process:
        """What a process of ours has started, and left: it is gone at the end as well."""
        self._adopted.append(psutil.Process(number))
        return self._adopted[-1]

    def release(self, name: str) -> None:
        """Let the probe answer what it holds under this name."""
        (self._folder / name).touch()

    def end(self) -> None:
        """End all. A gateway must have had nothing to be ashamed of."""
        for adopted in self._adopted:
            with suppress(psutil.NoSuchProcess):
                adopted.kill()
        for process in reversed(self._processes):
            process.kill()
        for process in self._processes:
            if isinstance(process, Gateway):
                bad = [n for n, line in enumerate(process.lines) if BAD.search(line)]
                assert not bad, "\n".join(process.lines[bad[0] : bad[0] + 40])

    def _add(self, process: P) -> P:
        self._processes.append(process)
        return process


@contextmanager
def launching(folder: Path) -> Iterator[Launcher]:
    """A launcher, and the end of all that it has started."""
    launcher = Launcher(folder)
    try:
        yield launcher
    finally:
        launcher.end()


@dataclass
class Reply:
    """A response: status, header list (lower-case names, in order), body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The values of this name, with commas between."""
        return ", ".join(value for key, value in self.headers if key == name)


def fetch(
    port: int,
    target: str,
    method: str = "GET",
    body: bytes | Iterator[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """One request on a connection of its own; a body that is an iterator goes out in chunks."""
    connection = connection_to(port, tls, seconds)
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        fields = [(name.lower(), value) for name, value in response.getheaders()]
        return Reply(response.status, fields, response.read())
    finally:
        connection.close()


def connection_to(
    port: int, tls: ssl.SSLContext | None = None, seconds: float = SECONDS
) -> http.client.HTTPConnection:
    """A connection that is opened by its first request."""
    if tls is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=seconds, context=tls)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    return [free_port() for _ in range(count)]


def until_answered(port: int, target: str, seconds: float = SECONDS) -> Reply:
    """Ask again until somebody listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return fetch(port, target)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@asynccontextmanager
async def connected(port: int, address: str = "127.0.0.1") -> AsyncIterator[RawClient]:
    """A client that keeps its connection from this address, closed at the end."""
    client = await RawClient.connect(port, address)
    try:
        yield client
    finally:
        await client.close()
