"""The commands for whoever runs a gateway, against one that is up."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from prack_grpc.cli.commands import OPERATING
from prack_grpc.cli.main import main
from tests.conftest import Gateway, Start
from tests.support.scripted_worker import ScriptedWorker, connect

TOKEN = "a-token-that-is-long-enough"
Prack = Callable[[str], Awaitable[tuple[int, str]]]


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


async def a_worker(worker: ScriptedWorker, version: str, slots: int = 2) -> None:
    await worker.hello(f"w-{version}", slots, service="web", version=version)


async def test_an_idle_gateway(prack: Prack) -> None:
    assert await prack("workers") == (0, "none\n")
    assert await prack("versions") == (0, "none\n")
    code, shown = await prack("queue")
    assert code == 0
    assert "waiting    0 (0 bytes)" in shown
    assert "no service is split: any free worker" in (await prack("traffic"))[1]


async def test_a_rolling_deploy(gateway: Gateway, prack: Prack) -> None:
    """The story of docs/deploying.md, command by command."""
    client = await gateway.client()
    async with connect(gateway.grpc_port) as old, connect(gateway.grpc_port) as new:
        await a_worker(old, "v1")
        assert await prack("traffic web v2=10 v1=90") == (0, "web: v2 10 %, v1 90 %\n")
        await client.get(b"/")
        request = await old.event("requests")
        await a_worker(new, "v2")
        assert "w-v2    web      v2       active  2      0" in (await prack("workers"))[1]
        assert "web/v1" in (await prack("routes"))[1]

        assert await prack("traffic web v2=1 v1=0") == (0, "web: v2 100 %, v1 0 %\n")
        shown = (await prack("versions"))[1].splitlines()
        assert shown[1].split() == "web v1 draining 1 2 1 0".split()
        assert shown[2].split() == "web v2 active 1 2 0 1".split()
        assert await prack("drain web v1") == (0, "web v1: draining, holds 1\n")
        await old.answer(request)
        assert (await client.response()).status == 200
        assert await prack("drain web v1 --wait 5") == (0, "web v1: drained, safe to stop\n")
        assert "drained, safe to stop" in (await prack("versions"))[1]
        await client.get(b"/new")
        await new.answer(await new.event("requests"))
        assert (await client.response()).status == 200

        assert await prack("resume web v1") == (0, "web v1: takes new requests again\n")
        assert await prack("traffic web --off") == (0, "web: not split\n")


async def test_waiting_for_a_drain_ends(gateway: Gateway, prack: Prack) -> None:
    client = await gateway.client()
    async with connect(gateway.grpc_port) as worker:
        await a_worker(worker, "v1")
        await client.get(b"/")
        await worker.event("requests")
        code, shown = await prack("drain w-v1 --wait 0.1")
        assert (code, shown.splitlines()[-1]) == (1, "w-v1: holds 1")
        assert "w-v1: draining, holds 1" in shown


async def test_nobody_of_this_name(prack: Prack) -> None:
    code, shown = await prack("drain wbe v1")
    assert code == 0
    assert "no such worker is connected" in shown


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("traffic web", "expected weights"),
        ("traffic web v1=1 --off", "expected weights"),
        ("traffic web v1", "expected VERSION=WEIGHT"),
        ("traffic web v1=1 v1=2", "each version once"),
        ("traffic web v1=-1", "expected VERSION=WEIGHT"),
        ("drain a b c", "expected WORKER, or SERVICE VERSION"),
        ("drain", "NAME"),
        ("workers --sticky x", "--sticky"),
    ],
)
def test_bad_command_lines_are_explained(
    line: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(line.split())
    assert exit_.value.code == 2
    assert hint in capsys.readouterr().err


async def test_what_the_gateway_refuses_is_told(prack: Prack) -> None:
    code, shown = await prack("traffic web v1=0")
    assert (code, "at least one version" in shown) == (1, True)
    code, shown = await prack("traffic web v1=1 --sticky moon")
    assert (code, "expected cookie:NAME or header:NAME" in shown) == (1, True)


async def test_a_token_is_asked_for_and_shown(
    start: Start, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prack = runner(await start(token=TOKEN), capsys)
    code, shown = await prack("queue")
    assert (code, "the gateway requires a token: set PRACK_TOKEN" in shown) == (1, True)
    monkeypatch.setenv("PRACK_TOKEN", TOKEN)
    assert (await prack("queue"))[0] == 0


@pytest.mark.parametrize("token", ["an-old-token\na-new-one", "a-token-with-\u20ac"])
def test_a_token_that_cannot_be_sent_is_not_shown(
    token: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "token"
    path.write_text(token, encoding="utf-8")
    assert main(["workers", "--api-port", "9", "--token-file", str(path)]) == 1
    said = capsys.readouterr().err
    assert "must be one line of visible ASCII: see PRACK_TOKEN or --token-file" in said
    assert not any(line in said for line in token.splitlines())


def test_no_gateway(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workers", "--api-port", "9"]) == 1
    assert "is `prack serve` running there?" in capsys.readouterr().err


@pytest.mark.parametrize("command", OPERATING)
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert "--api-port" in capsys.readouterr().out
