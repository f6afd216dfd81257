"""Neither an application nor its clients can tell that Prack is between them."""

import re
from pathlib import Path

import pytest

from tests.differential.apps import BESIDE, WAYS, carrier
from tests.differential.comparison import Comparison
from tests.differential.differences import DIFFERENCES
from tests.differential.row import Row
from tests.differential.rows import ROWS
from tests.differential.socket_row import SocketRow

DOCS = Path(__file__).resolve().parents[2] / "docs/differences.md"


# Beside a server it is a matter of chance whether gunicorn's 100, which comes whether the
# application reads or not, is there before the answer; and whether the end of an answer comes with
# the rest of it: then there is a length also for HTTP/1.0, to which uvicorn sends chunks.
CHANCE = {
    ("wsgi", "100-continue that nobody reads", BESIDE),
    ("asgi", "HTTP/1.0 without a length", BESIDE),
    ("asgi", "HTTP/1.0 pieces", BESIDE),
    ("asgi", "HTTP/1.0 pieces keep-alive", BESIDE),
}
PAIRS = [
    (row, way)
    for way in WAYS
    for row in ROWS
    if carrier(way) in row.over and (row.app, row.name, way) not in CHANCE
]


@pytest.mark.parametrize(
    ("row", "over"), PAIRS, ids=[f"{over} {row.app} {row.name}" for row, over in PAIRS]
)
async def test_a_request_is_answered_as_without_prack(
    comparison: Comparison, row: Row | SocketRow, over: str
) -> None:
    found = await comparison.of(row, over)
    assert not [str(deviation) for deviation, difference in found if difference is None]


async def test_each_difference_is_needed(comparison: Comparison) -> None:
    found = [await comparison.of(row, over) for row, over in PAIRS]
    needed = {difference for deviations in found for _, difference in deviations}
    assert not [str(difference) for difference in DIFFERENCES if difference not in needed]


def test_the_docs_list_each_difference() -> None:
    rows = re.findall(r"^\| `.*", DOCS.read_text(), re.MULTILINE)
    assert rows == [str(difference) for difference in DIFFERENCES]
