"""What `prack top` tells of a gateway that is up, and of what is none."""

import asyncio
import json
from typing import Any, get_args

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.cli.gateway import Gateway as Asked
from prack_grpc.cli.gateway import Trouble
from prack_grpc.cli.main import main
from prack_grpc.cli.top import tables
from prack_grpc.cli.top.page import look
from prack_grpc.cli.top.tables import ORDERS, TABLES, Wish
from prack_grpc.cli.top.view import View
from prack_grpc.cli.trust import Trust
from prack_grpc.dashboard import app
from prack_grpc.dashboard.rows import WorkerOrder
from prack_grpc.settings.settings import Settings
from tests.cli.conftest import Answer
from tests.cli.test_terminal import HOSTILE
from tests.cli.top.conftest import drawn
from tests.conftest import Gateway, Start
from tests.support.scripted_worker import connect

TOKEN = "a-token-that-is-long-enough"


async def top(gateway: Gateway, capsys: pytest.CaptureFixture[str], options: str = "") -> str:
    """What the command prints, without a terminal."""
    words = ["top", "--admin-port", str(gateway.admin_port), *options.split()]
    await asyncio.to_thread(main, words)
    printed = capsys.readouterr()
    return printed.out + printed.err


def asked(port: int) -> Asked:
    """What answers at this port."""
    return Asked(
        f"http://127.0.0.1:{port}", None, "", "", Trust(Settings.model_validate({}), {}, {})
    )


async def test_an_idle_gateway(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    shown = await top(gateway, capsys)
    assert "ready, since " in shown
    assert "NOTE: no worker is connected\n" in shown
    assert "slots      0 of 0 used\n" in shown
    assert "workers    none\n" in shown
    assert "wait     -    -    -\n" in shown
    assert "routes: 0\n" in shown


async def test_what_is_going_on(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    client, other = await gateway.client(), await gateway.client()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello("w1", 1, service="web", version="v1", routes=[pb.Route(path="/shop")])
        await client.get(b"/shop/1")
        await worker.event("requests")
        await other.get(b"/shop/2")
        # The gateway looks once a second who is there.
        while "by held: 1\n" not in (shown := await top(gateway, capsys, "--sort held")):
            continue
    lines = [line.split() for line in shown.splitlines()]
    assert any(line[:3] == ["waiting", "1,", "oldest"] for line in lines)
    assert "in flight  2 on 2 connections\n" in shown
    assert "slots      1 of 1 used\n" in shown
    assert "workers    1 active\n" in shown
    assert "workers, sorted by held: 1\n" in shown
    assert "in flight, slowest first: 2\n" in shown
    assert any(line[:2] == ["*/shop", "1"] for line in lines)
    assert any(line[:5] == ["w1", "web", "v1", "active", "1/1"] for line in lines)
    assert any(line[:5] == ["web", "v1", "active", "1", "1/1"] for line in lines)
    states = {line[1][-2:]: line[2] for line in lines if line and line[0] == "GET"}
    assert states == {"/1": "answering", "/2": "waiting"}
    assert all(c.isprintable() or c == "\n" for c in shown)


async def test_a_list_that_is_cut_says_so(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello("w1", 1, routes=[pb.Route(path=path) for path in ("/a", "/b")])
        wish = Wish(("routes",), ORDERS[0], 1)
        page = await asyncio.to_thread(look, asked(gateway.admin_port), wish)
    assert len(page.tables[0].lines) == 1
    assert page.tables[0].total == 2


async def test_a_token_is_asked_for_and_shown(
    start: Start, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await start(admin_token=TOKEN)
    assert "requires a token: set PRACK_ADMIN_TOKEN or --token-file" in await top(gateway, capsys)
    monkeypatch.setenv("PRACK_ADMIN_TOKEN", TOKEN)
    assert "routes: 0\n" in await top(gateway, capsys)


async def test_a_port_without_figures_is_told(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "or the gateway runs with --no-metrics" in await top(await start(metrics=False), capsys)


def test_no_gateway(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--admin-port", "9"]) == 1
    assert "set its address with --admin-host and --admin-port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("--interval 0", "expected seconds from 0.1 to 3600 (got '0')"),
        ("--interval nan", "expected seconds from 0.1 to 3600 (got 'nan')"),
        ("--interval soon", "expected seconds from 0.1 to 3600 (got 'soon')"),
        ("--sort name", "'worker'"),
        ("--onc", "--onc"),
    ],
)
def test_bad_command_lines_are_explained(
    line: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["top", *line.split()])
    assert exit_.value.code == 2
    assert hint in capsys.readouterr().err


def test_it_asks_for_what_the_admin_port_has() -> None:
    assert get_args(WorkerOrder) == ORDERS
    assert tables.MOST_ROWS == app.MOST_ROWS


# ---------------------------------------------------------------- what is no gateway


def hostile(value: Any) -> Any:
    """The same with other words, where words are free."""
    if isinstance(value, dict):
        fixed = {"level": value.get("level")} if "level" in value else {}
        return {name: hostile(one) for name, one in value.items()} | fixed
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return HOSTILE if isinstance(value, str) else value


async def all_told(gateway: Gateway) -> dict[str, Any]:
    """What a gateway with a request in flight tells at each path that is asked for."""
    port = asked(gateway.admin_port)
    told: dict[str, Any] = {}
    client = await gateway.client()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello("w1", 1, service="web", version="v1")
        await client.get(b"/")
        await worker.event("requests")
        # The gateway looks once a second who is there.
        while not told.get("workers", {}).get("workers"):
            for name in ("overview", *TABLES):
                told[name] = await asyncio.to_thread(port.ask, "GET", f"{name}?state=live")
    return told


async def test_escapes_are_shown_not_obeyed(
    gateway: Gateway, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all that a gateway tells, whatever it is."""
    told = await all_told(gateway)
    told["overview"]["sentences"] = [{"level": "critical", "route": "", "text": ""}]
    bodies = {f"/api/v1/{name}": json.dumps(hostile(one)).encode() for name, one in told.items()}
    server = answer(bodies)
    await asyncio.to_thread(main, ["top", "--admin-port", str(server)])
    shown = capsys.readouterr().out
    assert shown.count(r"\x1b[2J") > 10
    assert all(c.isprintable() or c == "\n" for c in shown)

    for name in TABLES:
        page = await asyncio.to_thread(look, asked(server), Wish((name,), ORDERS[0], 100))
        view = View(page, 0.0, 1.0, ORDERS[0])
        view.hear(Trouble(HOSTILE), 1.0)
        text = "\n".join(drawn(view, 1.0, 200, 40))
        assert page.tables[0].lines
        assert r"\x1b[2J" in text
        assert all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"{}", b'{"gateway": 5}', b'{"gateway": {"now": 1e400}}']
)
def test_what_is_no_gateway_is_said_so(
    answer: Answer, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", "--admin-port", str(answer(body))]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("prack: ")
    assert "Traceback" not in shown.err
