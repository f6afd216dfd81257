"""A line for each request: what is in it, and what no client can make of it."""

import logging
from contextlib import AbstractAsyncContextManager, nullcontext

import pytest
from serving import App

from prack_worker.exchange import Exchange
from prack_worker.logs.access import Accounted
from prack_worker.testing import FakeExchange


async def hello(exchange: Exchange) -> None:
    await exchange.send_head(200, [])
    await exchange.send_body(b"hel")
    await exchange.send_body(b"lo", end=True)


async def the_line(caplog: pytest.LogCaptureFixture, exchange: FakeExchange) -> logging.LogRecord:
    with caplog.at_level(logging.INFO, "prack_worker.access"):
        await Accounted(App(hello)).handle(exchange)
    (record,) = caplog.records
    return record


async def test_what_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    record = await the_line(caplog, FakeExchange("POST", b"/a?b=c"))
    before, _, after = record.getMessage().partition(" 200 5 ")
    assert before == '192.0.2.7 "POST /a?b=c"'
    assert after.endswith(" ms r1")
    assert float(after.split()[0]) >= 0
    fields = vars(record)
    assert fields["duration_ms"] >= 0
    assert {name: fields[name] for name in ("client", "method", "target", "status", "bytes")} == {
        "client": "192.0.2.7", "method": "POST", "target": "/a?b=c", "status": 200, "bytes": 5
    }  # fmt: skip
    assert (fields["action"], fields["request_id"]) == ("request", "r1")
    assert "exchange" not in fields


async def test_it_has_the_id_that_clients_know(caplog: pytest.LogCaptureFixture) -> None:
    record = await the_line(caplog, FakeExchange(headers=[(b"x-request-id", b"order-7")]))
    assert record.getMessage().endswith(" ms order-7")
    assert (vars(record)["request_id"], vars(record)["exchange"]) == ("order-7", "r1")


async def test_a_target_stays_in_its_place(caplog: pytest.LogCaptureFixture) -> None:
    record = await the_line(caplog, FakeExchange(target=b'/\x1b[2J\x9b\n" 200 1', client=None))
    assert record.getMessage().startswith('- "GET /\\x1b[2J\\x9b\\n\\" 200 1" 200 5 ')


async def test_one_without_an_answer_has_a_line_too(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(exchange: Exchange) -> None:
        raise ZeroDivisionError

    with (
        caplog.at_level(logging.INFO, "prack_worker.access"),
        pytest.raises(ZeroDivisionError),
    ):
        await Accounted(App(fail)).handle(FakeExchange())
    (record,) = caplog.records
    assert '"GET /" - 0 ' in record.getMessage()
    assert vars(record)["status"] == 0


async def test_it_is_what_the_application_is() -> None:
    entered = nullcontext()

    class Tunnels(App):
        interruptible = False
        tunnels = True

        def running(self) -> AbstractAsyncContextManager[None]:
            return entered

    found = Accounted(Tunnels(hello))
    assert (found.interruptible, found.websockets, found.tunnels) == (False, False, True)
    assert found.running() is entered
