"""`prack dead`, against a gateway that is up."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from prack_grpc.cli.main import main
from prack_grpc.rest import dead
from tests.conftest import Gateway, Start
from tests.support.answers import answer, fields
from tests.support.scripted_worker import ScriptedWorker, connect

Prack = Callable[[str], Awaitable[tuple[int, str]]]


@pytest.fixture
async def gateway(start: Start, tmp_path: Path) -> Gateway:
    """A gateway that keeps requests, and tries them once."""
    return await start(async_store=str(tmp_path / "store.db"), async_attempts=1)


@pytest.fixture
def prack(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> Prack:
    """Runs a command line; gives the exit code and what was printed."""
    return runner(gateway, capsys)


def runner(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> Prack:
    async def run(line: str) -> tuple[int, str]:
        words = [*line.split(), "--api-port", str(gateway.api_port)]
        code = await asyncio.to_thread(main, words)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


async def a_dead_letter(gateway: Gateway, worker: ScriptedWorker, prack: Prack) -> str:
    """One that a worker has answered with 500; its name."""
    client = await gateway.client()
    await client.post(b"hello\n", b"/hook", b"prefer: respond-async", b"x-field: value")
    location = (await client.response()).header(b"location")
    assert location is not None
    await answer(worker, await worker.event("requests"), 500, b"broken\n", b"x-why", b"bug")
    name = location.decode().rpartition("/")[2]
    async with asyncio.timeout(30):
        while name not in (await prack("dead"))[1]:  # noqa: ASYNC110 - there is no event for what tests ask
            await asyncio.sleep(0.01)
    return name


async def test_none(prack: Prack) -> None:
    assert await prack("dead") == (0, "waiting 0, dead 0\n")


async def test_it_is_listed_shown_sent_again_and_dropped(gateway: Gateway, prack: Prack) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        name = await a_dead_letter(gateway, worker, prack)
        _, listed = await prack("dead list")
        assert listed.startswith("waiting 0, dead 1\nID ")
        assert "POST" in listed
        assert "http://test/hook" in listed
        assert "a worker answered 500" in listed
        code, shown = await prack(f"dead show {name}")
        assert code == 0
        for part in ("POST http://test/hook", "x-field: value", "hello", "x-why: bug", "broken"):
            assert part in shown
        assert json.loads((await prack("dead --json"))[1])["letters"][0]["id"] == name
        assert await prack(f"dead again {name}") == (0, f"{name}: sent again\n")
        request = await worker.event("requests")
        assert fields(request)[b"prack-attempt"] == b"1"
        await worker.answer(request)
        assert (await prack("dead"))[1].endswith("dead 0\n")
        other = await a_dead_letter(gateway, worker, prack)
        assert await prack("dead drop --all") == (0, f"{other}: dropped\n")
        assert (await prack("dead"))[1] == "waiting 0, dead 0\n"


@pytest.mark.parametrize("name", ["f" * 32, "%", "\u00e4"])
@pytest.mark.parametrize("action", ["show", "again", "drop"])
async def test_one_that_is_none_is_not_found(prack: Prack, action: str, name: str) -> None:
    code, shown = await prack(f"dead {action} {name}")
    assert code == 1
    assert "there is no dead letter of this name (see `prack dead`)" in shown


async def test_all_are_more_than_a_list_has(
    gateway: Gateway, prack: Prack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead, "MOST", 1)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        first, second = [await a_dead_letter(gateway, worker, prack) for _ in range(2)]
    left = "prack: 1 more are there: run it again\n"
    assert await prack("dead drop --all") == (1, f"{second}: dropped\n{left}")
    assert await prack("dead drop --all") == (0, f"{first}: dropped\n")


async def test_without_a_store_it_says_what_is_missing(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = await runner(await start(), capsys)("dead")
    assert code == 1
    assert "does the gateway have --async-store?" in shown


@pytest.mark.parametrize("line", ["dead again", "dead drop", "dead again x --all", "dead show"])
def test_a_wrong_line_is_explained(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "expected the name" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["dead list x", "dead list --all", "dead --all"])
def test_a_list_is_of_all(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "list: expected no names, and no --all" in capsys.readouterr().err
