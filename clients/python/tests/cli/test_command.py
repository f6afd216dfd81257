"""The command as a process: its messages, exit statuses and signals."""

import os
import signal
import sys
from pathlib import Path

import pytest
from commands import command, outcome
from fake_gateway import FakeGateway
from fake_rest import FakeRest, entry

from prack.v1 import worker_pb2 as pb

APPS = """
import asyncio
async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/slow":
        await asyncio.sleep(0.05)
    if scope["path"] == "/stuck":
        await asyncio.Event().wait()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

async def unwilling(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})

def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "apps.py").write_text(APPS)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    return tmp_path


async def test_wrong_settings_come_all_at_once(folder: Path) -> None:
    status, said = await outcome(folder, "apps:app", "--slots", "0", "--gateway", "ftp://x")
    assert status == 2
    assert [line.split(" ")[1] for line in said.splitlines()] == ["--gateway", "--slots"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere:app", 'prack-worker: no module "nowhere": it is neither in {folder} (--app-dir)'),
        ("apps:nothing", 'prack-worker: "apps" has no attribute "nothing"'),
        (
            "broken:app",
            'prack-worker: "broken" cannot be imported: ZeroDivisionError: division by zero'
            " at {folder}/broken.py:1",
        ),
        ("apps:asyncio", "prack-worker: the application is a module, which is not callable"),
    ],
)
async def test_an_application_that_cannot_be_used_is_one_line(
    folder: Path, name: str, said: str
) -> None:
    status, lines = await outcome(folder, name)
    assert status == 1
    assert lines.startswith(said.format(folder=folder))
    assert lines.count("\n") == 1


async def test_a_failed_startup_exits_with_3(folder: Path) -> None:
    status, said = await outcome(folder, "apps:unwilling")
    assert status == 3
    assert said.splitlines()[-1] == ("prack-worker: the application failed to start: no database")


async def test_help_has_examples(folder: Path) -> None:
    async with command(folder, "--help") as process:
        stdout, _ = await process.communicate()
        assert process.returncode == 0
        assert b"prack-worker mysite.wsgi:application" in stdout
        assert b"\nprocesses of an application in Python:\n  --processes N" in stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "expected an application: MODULE:ATTRIBUTE such as main:app, or --proxy URL, or a"),
        (("apps:app", "--", "true"), "expected either MODULE:ATTRIBUTE, or --proxy URL and"),
        (("apps:app", "--proxy", "http://a:1"), "expected either MODULE:ATTRIBUTE, or --proxy"),
        (("--proxy", "http://a:1", "--restart"), "--restart: expected a command after --"),
        (("apps:app", "--ready", "/"), "--ready: expected --proxy URL, or a command after --"),
        (("--reload", "--", "true"), "--reload: only with MODULE:ATTRIBUTE, not with --proxy"),
        (
            ("apps:app", "--reload-dir", "."),
            "--reload-dir and --reload-include: only with --reload",
        ),
        (("--interface", "wsgi", "--", "true"), "--interface: only with MODULE:ATTRIBUTE, not"),
        (("--proxy", "http://a:1", "--factory"), "--factory: only with MODULE:ATTRIBUTE, not"),
        (("--root-path", "/a", "--factory", "--", "true"), "--factory, --root-path: only with"),
        (("--processes", "2", "--", "true"), "--processes: only with MODULE:ATTRIBUTE, not with"),
        (("apps:app", "--max-requests-jitter", "5"), "--max-requests-jitter: expected --max-req"),
        (("--proxy", "a:1"), '--proxy "a:1": expected http://host:port or unix:/path/of/a/socket'),
        (("--ready", "x", "--", "true"), '--ready "x": expected a path such as /healthz'),
    ],
)
async def test_what_does_not_go_together_is_wrong_usage(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    status, lines = await outcome(folder, *arguments)
    assert status == 2
    assert lines.startswith(f"prack-worker: {said}")


async def test_a_proxy_without_its_parser_says_what_to_install(folder: Path) -> None:
    (folder / "httptools.py").write_text("raise ImportError(name='httptools')\n")
    first = {**os.environ, "PYTHONPATH": str(folder)}
    status, lines = await outcome(folder, "--proxy", "http://127.0.0.1:1", env=first)
    assert status == 2
    assert lines == (
        "prack-worker: httptools is not installed: pip install 'prack-worker[proxy]'\n"
    )


async def test_it_ends_as_its_command_does(folder: Path) -> None:
    status, lines = await outcome(folder, "--", "sh", "-c", "exit 7")
    assert status == 7
    assert lines.splitlines()[-1] == ("prack-worker: the command ended by itself, with status 7")


async def test_a_command_that_ends_may_be_started_again(folder: Path) -> None:
    once = "echo started; [ -e once ] && exec sleep 60; touch once; exit 7"
    async with command(folder, "--restart", "--", "sh", "-c", once) as process:
        assert process.stdout is not None
        assert [await process.stdout.readline() for _ in range(2)] == [b"started\n"] * 2
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_a_command_that_is_gone_is_not_started_again(folder: Path) -> None:
    (folder / "app").write_text("#!/bin/sh\nrm app\n")
    (folder / "app").chmod(0o755)
    status, lines = await outcome(folder, "--restart", "--", "./app")
    assert status == 1
    assert lines.splitlines()[-1].startswith('prack-worker: "./app" cannot be run: No such file')


async def test_the_command_of_an_application_is_served(folder: Path, gateway: FakeGateway) -> None:
    (folder / "index.txt").write_text("hello")
    served = ("sh", "-c", f"exec {sys.executable} -m http.server --bind 127.0.0.1 $PORT")
    async with command(folder, "--gateway", gateway.url, "--", *served) as process:
        stream = await gateway.welcomed()
        number = await stream.request(b"/index.txt", headers=[b"host", b"a"])
        frame = await stream.frame()
        assert frame is not None
        assert (frame.heads[0].id, frame.heads[0].status) == (number, 200)
        process.send_signal(signal.SIGTERM)
        while (frame := await stream.frame()) is not None and not frame.HasField("drain"):
            pass
        await stream.send(goaway=pb.Goaway(drain_ack=True, last_id=1))
        assert await process.wait() == 0


async def test_sigterm_finishes_what_is_held(folder: Path, gateway: FakeGateway) -> None:
    async with command(folder, "apps:app", "--gateway", gateway.url) as process:
        stream = await gateway.welcomed()
        await stream.request(b"/slow")
        await stream.request(b"/")
        assert await stream.frame()  # the fast one, so the slow one is in its hands
        process.send_signal(signal.SIGTERM)
        frame = await stream.frame()
        assert frame is not None
        assert frame.HasField("drain")
        await stream.send(goaway=pb.Goaway(drain_ack=True, last_id=2))
        frame = await stream.frame()
        assert frame is not None
        assert frame.heads[0].id == 1
        assert await stream.frame() is None
        _, stderr = await process.communicate()
        assert process.returncode == 0
        assert b"Connected to" in stderr
        assert b"Stopped" in stderr


async def test_a_second_ctrl_c_stops_at_once(folder: Path, gateway: FakeGateway) -> None:
    async with command(folder, "apps:app", "--gateway", gateway.url) as process:
        stream = await gateway.welcomed()
        await stream.request(b"/stuck")
        await stream.request(b"/")
        await stream.frame()
        process.send_signal(signal.SIGINT)
        await stream.frame()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130


async def test_a_gateway_that_refuses_for_good_is_one_line(
    folder: Path, gateway: FakeGateway
) -> None:
    async with command(folder, "apps:wsgi", "--gateway", gateway.url) as process:
        stream = await gateway.stream()
        await stream.send(error=pb.StreamError(code="bad_hello", message="no such route"))
        _, stderr = await process.communicate()
        assert process.returncode == 1
        assert stderr.decode().splitlines()[-1] == "prack-worker: bad_hello: no such route"


async def test_wsgi_over_rest(folder: Path, rest: FakeRest) -> None:
    async with command(folder, "apps:wsgi", "--gateway", rest.url, "--slots", "3") as process:
        first = await rest.poll()
        assert ("max", "3") in first.query
        first.answer(requests=[entry("a")])
        assert (await rest.post()).accept()[0]["body"] == "aGVsbG8="
        parked = await rest.poll()
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        while b"Stopping" not in await process.stderr.readline():
            pass
        parked.answer(requests=[])
        assert await process.wait() == 0
