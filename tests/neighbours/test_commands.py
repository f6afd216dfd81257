"""The commands of operators, where there are several gateways."""

import asyncio

import pytest

from prack_grpc.cli.main import main
from prack_grpc.neighbours import asking
from tests.neighbours.conftest import Member, Pair
from tests.rest.conftest import SECONDS


async def prack(member: Member, line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and what a command line prints."""
    ports = "--api-port", str(member.gateway.api_port)
    admin = "--admin-port", str(member.gateway.admin_port)
    words = [*line.split(), *(admin if line.startswith("top") else ports)]
    code = await asyncio.to_thread(main, words)
    printed = capsys.readouterr()
    return code, printed.out + printed.err


async def test_workers_are_listed_with_their_gateway(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    await pair.there.join("w2", service="shop", version="v1")
    code, shown = await prack(pair.here, "workers", capsys)
    head, row = shown.splitlines()
    assert (code, head.split()[-1], row.split()[-1]) == (0, "GATEWAYS", pair.there.id)


async def test_gateways_are_listed_with_their_links(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asyncio.timeout(SECONDS):
        shown = ""
        while " ms " not in shown:  # the first round trip has been measured
            code, shown = await prack(pair.here, "gateways", capsys)
    head, own, other = shown.splitlines()
    assert code == 0
    assert head.split() == "GATEWAY LINK ROUND_TRIP LENT BORROWED WANTED_BY WANTED_OF".split()
    assert own.split() == [pair.here.id, "this", "gateway", "-", "-", "-", "-", "-"]
    name, link, _, unit, *loans = other.split()
    assert (name, link, unit, loans) == (pair.there.id, "up", "ms", ["0"] * 4)


async def test_top_says_that_it_is_one_of_several(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = await prack(pair.here, "top --once", capsys)
    assert code == 0
    assert "one of 2 gateways" in shown.splitlines()[0]


async def test_nothing_is_safe_to_stop_while_a_gateway_is_silent(
    pair: Pair, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SECONDS", 0)
    await pair.here.join("w1", service="shop", version="v1")
    silent = f"gateway {pair.there.id} did not answer"
    for line in ("drain w1", "resume w1", "traffic shop v1=1"):
        code, shown = await prack(pair.here, line, capsys)
        assert code == 1
        assert silent in shown
        assert "safe to stop" not in shown
    code, shown = await prack(pair.here, "workers", capsys)
    assert (code, silent in shown) == (0, True)
    monkeypatch.undo()
    drained = await prack(pair.here, "drain w1 --wait 5", capsys)
    assert drained == (0, "w1: drained, safe to stop\n")
