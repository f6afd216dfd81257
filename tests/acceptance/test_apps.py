"""Real applications, unchanged, as workers: what the client gets is what it gets without Prack."""

import hashlib
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.acceptance.compared import seen, seen_beside
from tests.acceptance.forms import form_token
from tests.acceptance.processes import (
    OVER,
    PYTHON,
    SECONDS,
    STREAMS,
    Gateway,
    Launcher,
    Process,
)

MIB = 1024 * 1024


@dataclass(frozen=True)
class App:
    """An application, and how to serve it without Prack on a free port."""

    name: str
    direct: tuple[str, ...]


APPS = {
    "django": App(
        "examples.django_site:application",
        ("examples.django_site", "runserver", "--noreload", "127.0.0.1:0"),
    ),
    "flask": App("examples.flask_app:app", ("flask", "--app=examples.flask_app", "run", "-p0")),
    "fastapi": App("examples.fastapi_app:app", ("uvicorn", "examples.fastapi_app:app", "--port=0")),
    "starlette": App(
        "examples.starlette_stream:app", ("uvicorn", "examples.starlette_stream:app", "--port=0")
    ),
}


@dataclass
class Site:
    """One application that is served twice: through Prack, and without it."""

    worker: Process
    client: httpx2.Client
    direct: httpx2.Client


Sites = dict[tuple[str, str], Site]


@pytest.fixture(scope="module")
def sites(shared: Launcher) -> Iterator[Sites]:
    """All applications over all transports, behind one gateway that tells them by their host."""
    gateway = shared.gateway()

    def start(app: str) -> Sites:
        direct = shared.process(PYTHON, "-m", *APPS[app].direct)
        found = {}
        for over in OVER:
            host = f"{app}-{over}.localhost"
            worker = shared.worker(gateway, over, "--route", f"{host}/", app=APPS[app].name)
            port = int(direct.line(r"http://127\.0\.0\.1:(\d+)")[1])
            found[app, over] = Site(worker, client(gateway.port, host), client(port, host))
        return found

    with ThreadPoolExecutor() as pool:
        sites = {key: site for found in pool.map(start, APPS) for key, site in found.items()}
    yield sites
    for site in sites.values():
        site.client.close()
        site.direct.close()


def client(port: int, host: str) -> httpx2.Client:
    """A client that keeps cookies, and shows redirects."""
    url = f"http://127.0.0.1:{port}"
    return httpx2.Client(base_url=url, headers={"host": host}, timeout=SECONDS, verify=False)


@pytest.fixture(params=OVER)
def over(request: pytest.FixtureRequest) -> str:
    """How the worker dials in."""
    way: str = request.param
    return way


def upload(client: httpx2.Client, app: str, name: str, body: bytes) -> httpx2.Response:
    """Send a file as the application wants it."""
    if app == "starlette":
        return client.put(f"/files/{name}", content=body)
    fields = form_token(client) if app == "django" else {}
    path = "/files/" if app == "django" else "/files"
    return client.post(path, data=fields, files={"file": (name, body)})


@pytest.mark.parametrize("app", APPS)
def test_ten_mebibytes_arrive_as_they_were_sent(sites: Sites, app: str, over: str) -> None:
    site = sites[app, over]
    body = random.Random(app).randbytes(10 * MIB)
    sent = upload(site.client, app, "large.bin", body)
    assert sent.status_code in (201, 302, 303, 307), sent.text
    got = site.client.get("/files/large.bin")
    assert got.status_code == 200
    assert hashlib.sha256(got.content).digest() == hashlib.sha256(body).digest()


Request = tuple[str, str, dict[str, Any], int]
FORM = {"content": b"theme=dark&language=en"}
FORM_TYPE = {"headers": {"content-type": "application/x-www-form-urlencoded"}}
# Method, target, what goes with it, and the status that it must get.
COMPARED: dict[str, list[Request]] = {
    "django": [
        ("GET", "/squares/3/", {}, 200),
        ("HEAD", "/squares/3/", {}, 200),
        ("GET", "/squares/3", {}, 301),
        ("GET", "/squares/many/", {}, 404),
        ("GET", "/nothing/%C3%A4/%2F?q=%20+", {}, 404),
        ("POST", "/", {"data": {"name": "x"}}, 403),
        ("DELETE", "/squares/3/", {}, 403),
        ("GET", "/files/small.txt", {}, 200),
    ],
    "flask": [
        ("GET", "/", {}, 200),
        ("GET", "/?name=%C3%84nne+%3Cb%3E&name=2", {}, 200),
        ("HEAD", "/", {}, 200),
        ("OPTIONS", "/settings", {}, 200),
        ("GET", "/count/5", {}, 200),
        ("GET", "/count/five", {}, 404),
        ("DELETE", "/", {}, 405),
        ("PUT", "/settings", FORM | FORM_TYPE, 204),
        ("GET", "/settings", {"headers": {"cookie": "theme=a; language=b"}}, 200),
        ("GET", "/files/none", {}, 404),
        ("GET", "/files/small.txt", {}, 200),
        ("GET", "/files/small.txt", {"headers": {"range": "bytes=3-6"}}, 206),
        ("GET", "/files/small.txt", {"headers": {"range": "bytes=99-"}}, 416),
    ],
    "fastapi": [
        ("GET", "/items?below=-1", {}, 422),
        ("GET", "/items/1", {}, 200),
        ("GET", "/items/2", {}, 404),
        ("GET", "/items/first", {}, 422),
        ("PUT", "/items/7", {"json": {"name": "Käse", "cents": 450}}, 201),
        ("PUT", "/items/7", {"json": {"name": "", "cents": "free"}}, 422),
        ("PUT", "/items/7", {"content": b'{"name": '}, 422),
        ("GET", "/items/7", {}, 200),
        ("GET", "/items?below=5000", {}, 200),
        ("GET", "/items/", {}, 307),
        ("PURGE", "/items", {}, 405),
        ("GET", "/docs", {}, 200),
        ("GET", "/openapi.json", {}, 200),
        ("GET", "/files/small.txt", {"headers": {"range": "bytes=3-6"}}, 206),
    ],
    "starlette": [
        ("GET", "/ticks/2", {}, 200),
        ("POST", "/digest", {"content": b"quiet"}, 200),
        ("POST", "/digest", {"content": [b"in ", b"three ", b"chunks"]}, 200),
        ("POST", "/digest", {"content": b""}, 200),
        ("GET", "/digest", {}, 405),
        ("GET", "/files/none", {}, 404),
        ("GET", "/files/small.txt", {}, 200),
        ("HEAD", "/files/small.txt", {}, 200),
    ],
}


def masked(app: str, response: httpx2.Response) -> bytes:
    """The body; the tokens of Django's error page differ each time."""
    return response.content if app != "django" else re.sub(rb"\w{32,}", b"...", response.content)


@pytest.mark.parametrize("app", APPS)
def test_responses_are_those_of_the_application(sites: Sites, app: str, over: str) -> None:
    site = sites[app, over]
    for client in (site.client, site.direct):
        upload(client, app, "small.txt", b"0123456789")
        client.cookies.clear()
    for method, target, options, status in COMPARED[app]:
        wanted = site.direct.request(method, target, **options)
        got = site.client.request(method, target, **options)
        assert (got.status_code, wanted.status_code) == (status, status), (target, got.text)
        assert seen_beside(got, wanted) == seen(wanted), (method, target)
        assert masked(app, got) == masked(app, wanted), (method, target)


def test_django_forms_sessions_and_redirects(sites: Sites, over: str) -> None:
    client = sites["django", over].client
    client.cookies.clear()
    for name in ("Ada", "<Grace>"):
        signed = client.post("/", data={"name": name, **form_token(client)})
        assert (signed.status_code, signed.headers["location"]) == (302, "/")
    page = client.get("/")
    assert "You signed 2 times." in page.text
    assert "<li>Ada<li>&lt;Grace&gt;" in page.text
    invalid = client.post("/", data={"name": "", **form_token(client)})
    assert invalid.status_code == 422
    assert "This field is required." in invalid.text


def test_flask_sets_two_cookies(sites: Sites, over: str) -> None:
    client = sites["flask", over].client
    client.cookies.clear()
    reply = client.put("/settings", data={"theme": "dark", "language": "en"})
    assert reply.status_code == 204
    assert reply.headers.get_list("set-cookie") == [
        "theme=dark; HttpOnly; Path=/; SameSite=Lax",
        "language=en; HttpOnly; Path=/; SameSite=Lax",
    ]
    assert client.get("/settings").json() == {"theme": "dark", "language": "en"}


def test_a_browser_that_has_a_file_is_not_sent_it_again(sites: Sites, over: str) -> None:
    client = sites["flask", over].client
    upload(client, "flask", "cached.txt", b"0123456789")
    first = client.get("/files/cached.txt")
    again = client.get("/files/cached.txt", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_starlette_background_task_runs_after_the_answer(sites: Sites, over: str) -> None:
    site = sites["starlette", over]
    assert site.client.put("/files/poem.txt", content=b"one\ntwo\n").json()["bytes"] == 8
    site.worker.line("poem.txt has 2 lines")


@pytest.mark.parametrize("over", STREAMS)  # over REST a response is one piece
def test_starlette_streams_while_the_client_waits(sites: Sites, over: str) -> None:
    with sites["starlette", over].client.stream("GET", "/ticks/100") as response:
        first = next(response.iter_text())
    assert first.startswith("id: 1\ndata: tick\n\n")
    assert "id: 50" not in first


def test_fastapi_lifespan_ends_with_the_worker(launch: Launcher, gateway: Gateway) -> None:
    worker = launch.worker(gateway, app="examples.fastapi_app:app")
    worker.line("the shop is open")
    assert worker.stop() == 0
    worker.line("the shop is closed")
