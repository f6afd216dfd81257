"""Load in turns: everybody gets its part, and nothing goes on."""

from pathlib import Path

import psutil

from bench.closed_loop import load, turns
from bench.contender import Setup
from bench.contenders import started
from tests.support.tools import needed

NAMES = ("prack-blind", "prack")


def test_all_have_their_turns(tmp_path: Path) -> None:
    needed("wrk", "wrk")
    with started(NAMES, Setup(), tmp_path) as found:
        records = turns(found, 4, 1.0)
    assert [one["errors"] for one in records] == [0, 0]
    assert all(one["rate"] > 0 and one["front_cpu"] > 0 for one in records)
    assert [one for one in psutil.Process().children() if one.name() == "wrk"] == []


def test_who_thinks_asks_less_often(tmp_path: Path) -> None:
    needed("wrk", "wrk")
    with started(["uvicorn"], Setup(), tmp_path) as found:
        record = load(found[0], 20, 1, think=50)
    assert record["errors"] == 0
    assert 20 < record["rate"] < 1000  # 400 if an answer took no time; 20,000 without a thought
