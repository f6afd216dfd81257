"""The forms of lines, and whose request they belong to."""

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any

import pytest
from fake_gateway import FakeGateway
from serving import running

from prack_worker import (
    AsgiApplication,
    JsonFormatter,
    RequestIdFilter,
    WsgiApplication,
    request_id,
)
from prack_worker.logs.lines import TextFormatter
from prack_worker.logs.request_id import current
from prack_worker.testing import FakeExchange


def a_record(message: str = "hello", **extra: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.WARNING, "", 0, message, None, None)
    vars(record).update(extra)
    return record


def test_text_does_not_obey_what_others_have_said() -> None:
    assert TextFormatter().format(a_record("a\x1b[2Jb\nc")).endswith("WARNING a\\x1b[2Jb\\nc")


def test_json_is_one_object_a_line() -> None:
    try:
        raise OSError("disk")
    except OSError as error:
        record = a_record("two\nlines", order=7)
        record.exc_info = (OSError, error, error.__traceback__)
    record.created = 1.5
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert line.pop("traceback").endswith("OSError: disk")
    assert line == {
        "time": "1970-01-01T00:00:01.500+00:00",
        "level": "warning",
        "logger": "shop",
        "message": "two\nlines",
        "order": 7,
    }


def test_json_has_the_traceback_of_another_process() -> None:
    record = a_record(exc_text="Traceback\nno database")
    assert json.loads(JsonFormatter().format(record))["traceback"] == "Traceback\nno database"


async def test_json_has_the_id_of_the_request() -> None:
    current.set(FakeExchange(headers=[(b"x-request-id", b"order-7")]).request)
    assert json.loads(JsonFormatter().format(a_record()))["request_id"] == "order-7"
    own = json.loads(JsonFormatter().format(a_record(request_id="other")))
    assert own["request_id"] == "other"


def test_the_filter_serves_formats_outside_of_requests_too() -> None:
    handler = logging.Handler()
    handler.setFormatter(logging.Formatter("[%(request_id)s] %(message)s"))
    handler.addFilter(RequestIdFilter())
    record = a_record()
    assert handler.filter(record)
    assert handler.format(record) == "[-] hello"


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
async def test_an_application_finds_the_id_of_its_request(gateway: FakeGateway, kind: str) -> None:
    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        seen = f"{request_id.get()} {await asyncio.to_thread(request_id.get)}"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": seen.encode()})

    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        asked = environ.get("HTTP_X_REQUEST_ID", environ["prack.request_id"])
        return [f"{request_id.get()} {asked}".encode()]

    app = AsgiApplication(asgi) if kind == "asgi" else WsgiApplication(wsgi, threads=1)
    async with running(app, gateway.transport()):
        stream = await gateway.welcomed()
        for known_as, expected in ((b"order-7", b"order-7 order-7"), (b"", b"r2 r2")):
            await stream.request(headers=[b"x-request-id", known_as] if known_as else [])
            frame = await stream.frame()
            assert frame is not None
            assert frame.heads[0].body == expected
    assert request_id.get() == ""
