"""What an application says reaches the terminal as it does under gunicorn."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from commands import command
from fake_gateway import PlainGateway

from prack.v1 import worker_pb2 as pb

SAYING = """
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.getLogger("shop").info("an info of the shop")
    logging.getLogger("shop").warning("a warning of the shop")
"""
FLASK = f"""
import logging, sys
from flask import Flask

app = Flask(__name__)

@app.get("/")
def hello():
    {SAYING}
    app.logger.info("an info of Flask")
    app.logger.error("an error of Flask")
    1 / 0
"""
PLAIN = f"""
import logging, sys

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")

def app(environ, start_response):
    {SAYING}
    print("to errors", file=environ["wsgi.errors"])
    logging.info("an info of nobody")
    start_response("200 OK", [])
    return [b"hello"]
"""
# With Django's own LOGGING; it says more in the terminal with DEBUG.
DJANGO = f"""
import logging, sys
from django.conf import settings

settings.configure(DEBUG=True, SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
from django.core.wsgi import get_wsgi_application
from django.urls import path

def hello(request):
    {SAYING}
    logging.getLogger("django.shop").info("an info below Django")
    1 / 0

urlpatterns = [path("", hello)]
app = get_wsgi_application()
"""
APPS = {
    "Flask": FLASK,
    "plain": PLAIN,
    "Django": DJANGO,
    "Django without DEBUG": DJANGO.replace("DEBUG=True", "DEBUG=False"),
}
OWN = re.compile(r"\[[^]]+\] \[\d+\] \[\w+\] |\d\d:\d\d:\d\d (INFO|WARNING|ERROR) ")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}")
PIPED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("name", APPS)
async def test_it_is_as_under_gunicorn(tmp_path: Path, name: str) -> None:
    (tmp_path / "apps.py").write_text(APPS[name])
    beside = of_application(await under_gunicorn(tmp_path))
    ours = of_application(await under_prack(tmp_path))
    assert ours == beside
    assert any("a warning of the shop" in line for line in ours)


def of_application(output: bytes) -> list[str]:
    """The lines that are not the server's. stdout and stderr have no order among each other."""
    lines = [line for line in output.decode().splitlines() if not OWN.match(line)]
    return sorted(TIME.sub("TIME", line) for line in lines)


async def under_gunicorn(folder: Path) -> bytes:
    """What it writes from its start to its end, with one request meanwhile."""
    words = ("apps:app", "--bind", "127.0.0.1:0", "--no-control-socket")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gunicorn", *words, cwd=folder, stdout=PIPE, stderr=STDOUT, env=PIPED
    )
    try:
        assert process.stdout is not None
        output, port = b"", 0
        async for line in process.stdout:
            output += line
            if found := re.search(rb"Listening at: http://127\.0\.0\.1:(\d+)", line):
                port = int(found[1])
            if b"Booting worker" in line:
                await ask(port)
                process.send_signal(signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    return output


async def ask(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()


async def under_prack(folder: Path) -> bytes:
    """The same of `prack-worker`."""
    async with (
        PlainGateway.running() as gateway,
        command(folder, "apps:app", "--gateway", gateway.url, env=PIPED) as process,
    ):
        stream = await gateway.welcomed()
        await stream.request()
        assert await stream.frame()
        process.send_signal(signal.SIGTERM)
        assert await stream.frame()
        await stream.send(goaway=pb.Goaway(drain_ack=True, last_id=1))
        stdout, stderr = await process.communicate()
    return stdout + stderr
