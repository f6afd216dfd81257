"""A body in chunks is the same to an application, whatever packets it came in."""

import asyncio
from typing import Any

import pytest

from prack_worker.testing import FakeExchange
from prack_worker.wsgi.application import WsgiApplication

BODY = b"a=1&b=" + b"x" * 20
FORM = [(b"content-type", b"application/x-www-form-urlencoded"), (b"host", b"example.com")]
# Whole with the head; after it; in two; byte by byte; the end in a packet of its own.
CUTS = [None, [], [9], list(range(1, len(BODY))), [len(BODY)]]


async def answer(app: Any, cuts: list[int] | None, whole: bool, body: bytes = BODY) -> bytes:
    """What the application says to a body that was cut at these places."""
    exchange = FakeExchange("POST", b"/x/", FORM, body if cuts is None else None)
    application = WsgiApplication(app, threads=1, whole=whole)
    async with application.running():
        handling = asyncio.create_task(application.handle(exchange))
        if cuts is not None:
            for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
                await asyncio.sleep(0)
                if start < end:
                    exchange.body.feed(body[start:end])
            await asyncio.sleep(0)
            exchange.body.finish()
        await asyncio.wait_for(handling, 5)
    return exchange.content


def raw(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    said = environ.get("CONTENT_LENGTH", "-"), environ["wsgi.input_terminated"]
    return [b"%s %s " % tuple(str(one).encode() for one in said), environ["wsgi.input"].read()]


def flask() -> Any:
    module = pytest.importorskip("flask")
    app = module.Flask("app")
    app.add_url_rule("/x/", view_func=lambda: module.request.form["b"], methods=["POST"])
    return app


def django() -> Any:
    pytest.importorskip("django")
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import path

    if not settings.configured:
        settings.configure()
    settings.ROOT_URLCONF = (path("x/", lambda request: HttpResponse(request.POST.get("b"))),)
    settings.ALLOWED_HOSTS = ["*"]
    return WSGIHandler()


@pytest.mark.parametrize("cuts", CUTS)
async def test_a_raw_application_has_no_length_and_an_end(cuts: list[int] | None) -> None:
    assert await answer(raw, cuts, whole=False) == b"- True " + BODY


@pytest.mark.parametrize("cuts", CUTS)
async def test_flask_reads_to_the_end(cuts: list[int] | None) -> None:
    assert await answer(flask(), cuts, whole=False) == b"x" * 20


@pytest.mark.parametrize("cuts", CUTS)
async def test_django_is_told_the_length(cuts: list[int] | None) -> None:
    assert await answer(django(), cuts, whole=True) == b"x" * 20


async def test_a_whole_body_may_be_larger_than_what_is_kept_in_memory() -> None:
    body = b"x" * (3 * 1024 * 1024)
    assert await answer(raw, [5], True, body) == b"%d True " % len(body) + body
