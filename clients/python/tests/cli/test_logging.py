"""What reaches the terminal of a worker, or the pipe that it writes to."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from commands import command, outcome
from fake_gateway import FakeGateway, PlainGateway

APPS = """
import logging, os, sys
from flask import Flask

if os.environ.get("BASIC"):
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
app = Flask(__name__)

@app.get("/")
def hello():
    print("printed")
    print("to errors", file=sys.stderr)
    logging.getLogger("shop").info("an info of the shop")
    logging.getLogger("shop").warning("a warning of the shop")
    app.logger.warning("a warning of Flask")
    return os.environ.get("GREETING", "hello")

@app.get("/broken")
def broken():
    1 / 0
"""
DJANGO = """
import os
from django.conf import settings

settings.configure(DEBUG=True, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], LOGGING={
    "version": 1,
    "filters": {"request_id": {"()": "prack_worker.RequestIdFilter"}},
    "formatters": {"own": {"format": "own [%(request_id)s] %(message)s"}},
    "handlers": {"console": {
        "class": "logging.StreamHandler", "formatter": "own", "filters": ["request_id"],
    }},
    "root": {"handlers": ["console"], "level": "INFO"},
})
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
import logging

def hello(request):
    logging.getLogger("shop").info("in a view")
    return HttpResponse("hello")

urlpatterns = [path("", hello)]
app = get_wsgi_application()
"""
PIPED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    """Lines do not depend on the carrier."""
    async with PlainGateway.running() as gateway:
        yield gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "apps.py").write_text(APPS)
    (tmp_path / "site_of_django.py").write_text(DJANGO)
    return tmp_path


class Terminal:
    """What a worker has written while it answered one request."""

    def __init__(self, lines: list[str], body: bytes) -> None:
        self.lines = lines
        self.body = body

    def data(self, logger: str) -> list[dict[str, object]]:
        """The lines of JSON of this logger."""
        found = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [line for line in found if line["logger"] == logger]


async def written(
    folder: Path, gateway: FakeGateway, *words: str, until: str, target: bytes = b"/", **env: str
) -> Terminal:
    """What was written, from the start until a line that holds `until`; the worker goes on."""
    lines: list[str] = []
    seen = asyncio.Event()
    async with command(folder, *words, "--gateway", gateway.url, env=PIPED | env) as process:

        async def read(stream: asyncio.StreamReader | None) -> None:
            assert stream is not None
            async for line in stream:
                lines.append(line.decode().rstrip("\n"))
                if until in lines[-1]:
                    seen.set()

        readers = [asyncio.create_task(read(one)) for one in (process.stdout, process.stderr)]
        try:
            stream = await gateway.welcomed()
            await stream.request(target)
            frame = await stream.frame()
            assert frame is not None
            async with asyncio.timeout(20):
                await seen.wait()
        finally:
            process.kill()
            gateway.end_all()  # or a process whose supervisor has gone would wait for its goodbye
            await asyncio.wait(readers)
    return Terminal(lines, frame.heads[0].body)


async def test_what_an_application_says_comes_at_once_as_it_is(
    folder: Path, gateway: FakeGateway
) -> None:
    found = await written(folder, gateway, "apps:app", until="printed")
    assert {"printed", "to errors", "a warning of the shop"} <= set(found.lines)
    assert any(line.endswith("WARNING in apps: a warning of Flask") for line in found.lines)
    assert not any("an info of the shop" in line for line in found.lines)
    assert any(line.endswith(" INFO Running apps:app (WSGI) with 8 slots") for line in found.lines)
    assert not any("GET" in line for line in found.lines)


async def test_what_an_application_configures_is_as_it_wants_it(
    folder: Path, gateway: FakeGateway
) -> None:
    found = await written(folder, gateway, "apps:app", until="a warning of Flask", BASIC="1")
    expected = {"shop: an info of the shop", "shop: a warning of the shop"}
    assert expected <= set(found.lines)
    assert found.lines.count("apps: a warning of Flask") == 1
    assert not any(line.startswith("prack_worker: ") for line in found.lines)


async def test_the_logging_of_django_has_the_request(folder: Path, gateway: FakeGateway) -> None:
    found = await written(folder, gateway, "site_of_django:app", until="in a view")
    assert "own [r1] in a view" in found.lines
    assert any(" INFO Running site_of_django:app" in line for line in found.lines)


async def test_lines_of_json(folder: Path, gateway: FakeGateway) -> None:
    words = ("apps:app", "--log-format", "json", "--access-log")
    found = await written(folder, gateway, *words, until="prack_worker.access")
    (line,) = found.data("shop")
    assert (line["level"], line["message"]) == ("warning", "a warning of the shop")
    assert line["request_id"] == "r1"
    (line,) = found.data("prack_worker.access")
    assert (line["target"], line["status"], line["bytes"]) == ("/", 200, 5)
    assert line["request_id"] == "r1"
    assert found.data("prack_worker")[0]["message"] == "Running apps:app (WSGI) with 8 slots"
    assert "request_id" not in found.data("prack_worker")[0]


async def test_a_line_for_each_request(folder: Path, gateway: FakeGateway) -> None:
    words = ("apps:app", "--access-log", "--log-level", "warning")
    until, target = '"GET /a%20?b"', b"/a%20?b"
    found = await written(folder, gateway, *words, until=until, target=target)
    (line,) = (line for line in found.lines if "GET " in line)
    assert re.fullmatch(r'[\d:]{8} INFO - "GET /a%20\?b" 404 \d+ \d+\.\d ms r1', line)


async def test_a_file_says_where_own_lines_go(folder: Path, gateway: FakeGateway) -> None:
    config = {
        "formatters": {"own": {"format": "own [%(request_id)s] %(message)s"}},
        "filters": {"request_id": {"()": "prack_worker.RequestIdFilter"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "own",
                "filters": ["request_id"],
            }
        },
        "root": {"handlers": ["console"], "level": "WARNING"},
    }
    (folder / "log.json").write_text(json.dumps(config))
    words = ("apps:app", "--access-log", "--log-config", "log.json")
    found = await written(folder, gateway, *words, until='"GET /"')
    assert "own [-] Running apps:app (WSGI) with 8 slots" in found.lines
    assert "own [r1] a warning of the shop" in found.lines
    assert any(line.startswith("own [r1] ") and '"GET /" 200' in line for line in found.lines)


async def test_a_file_may_leave_own_lines_alone(folder: Path, gateway: FakeGateway) -> None:
    (folder / "log.json").write_text(json.dumps({"loggers": {"shop": {"level": "ERROR"}}}))
    words = ("apps:app", "--log-config", "log.json")
    found = await written(folder, gateway, *words, until="printed", BASIC="1")
    assert any(" INFO Running apps:app" in line for line in found.lines)
    assert "shop: a warning of the shop" not in found.lines


async def test_a_wrong_file_is_wrong_usage(folder: Path) -> None:
    (folder / "log.json").write_text('{"handlers": []}')
    status, said = await outcome(folder, "apps:app", "--log-config", "log.json")
    assert status == 2
    assert said == (
        f"prack-worker: --log-config {folder}/log.json: handlers: expected an object, whose keys "
        "are names\n"
    )


async def test_env_files_are_there_before_the_application(
    folder: Path, gateway: FakeGateway
) -> None:
    (folder / ".env").write_text("GREETING='good day'\nBASIC=1\nPRACK_SLOTS=3\n")
    words = ("apps:app", "--env-file", ".env")
    found = await written(folder, gateway, *words, until="shop: an info", GREETING="")
    assert found.body == b""
    assert any("with 3 slots" in line for line in found.lines)


async def test_a_command_beside_gets_the_env_files_too(folder: Path) -> None:
    (folder / ".env").write_text("GREETING='good day'\nPRACK_TOKEN=secret\n")
    show = 'echo "$GREETING $PRACK_TOKEN."'
    words = ("--env-file", ".env", "--", "sh", "-c", show)
    async with command(folder, *words) as process:
        stdout, _ = await process.communicate()
    assert stdout == b"good day .\n"


@pytest.mark.parametrize("words", [("--processes", "1"), ("--preload",)])
async def test_processes_of_a_supervisor_are_no_different(
    folder: Path, gateway: FakeGateway, words: tuple[str, ...]
) -> None:
    (folder / ".env").write_text("GREETING='good day'\nBASIC=1\n")
    words = ("apps:app", "--env-file", ".env", "--log-format", "json", "--access-log", *words)
    found = await written(folder, gateway, *words, until="prack_worker.access")
    assert found.body == b"good day"
    messages = [line["message"] for line in found.data("prack_worker")]
    assert "apps-1: Running apps:app (WSGI) with 8 slots" in messages
    (line,) = found.data("prack_worker.access")
    assert str(line["message"]).startswith('apps-1: - "GET /" 200 8 ')
    assert found.lines.count("shop: a warning of the shop") == 1
