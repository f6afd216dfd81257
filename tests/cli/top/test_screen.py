"""What is on the screen of `prack top`, and what keys change."""

import pytest
from rich.cells import cell_len

from prack_grpc.cli.gateway import Trouble
from prack_grpc.cli.top.keys import keys
from prack_grpc.cli.top.page import Page
from prack_grpc.cli.top.screen import KEYS
from prack_grpc.cli.top.tables import MOST_ROWS, ORDERS, TABLES, Table
from prack_grpc.cli.top.view import View
from tests.cli.top.conftest import drawn


def a_view(
    rows: int = 3, verdict: tuple[tuple[str, str], ...] = (("", "All is well"),), most: int = 200
) -> View:
    """A gateway with so many workers, of which no more than `most` were fetched."""
    lines = tuple((f"worker-{i}", "東京" * 9, *["-"] * 10) for i in range(min(rows, most)))
    table = Table("workers", rows, TABLES["workers"], lines)
    page = Page("prack", "12:34:56", verdict, (), (), (), (1, 4), (table,))
    return View(page, 100.0, 1.0, ORDERS[0])


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 12), (10, 3), (1, 1)])
def test_it_fits(size: tuple[int, int]) -> None:
    columns, lines = size
    view = a_view(1000, (("CRITICAL", "much waits " * 12),) * 5)
    view.hear(Trouble("no gateway " * 20), 101.0)
    shown = drawn(view, 101.0, columns, lines)
    assert len(shown) == lines
    assert max(map(cell_len, shown)) <= columns
    if columns >= 80:
        assert shown[-1].startswith(KEYS)
        assert "worker-0" in "\n".join(shown)


def test_narrow_terminals_leave_out_what_matters_less() -> None:
    narrow, wide = ("\n".join(drawn(a_view(), 100.0, width, 24)) for width in (80, 140))
    assert "P95" in narrow
    assert "ADDRESS" not in narrow
    assert "ADDRESS" in wide


def test_rows_are_scrolled_through() -> None:
    view = a_view(1000)
    assert "workers: 1 to " in "\n".join(drawn(view, 100.0, 80, 24))
    for key in "jj k":
        view.press(key)
    text = "\n".join(drawn(view, 100.0, 80, 24))
    assert "workers: 12 to " in text
    assert "worker-11 " in text
    assert "worker-10 " not in text
    view.press("b")
    view.press("b")
    assert "workers: 1 to " in "\n".join(drawn(view, 100.0, 80, 24))


def test_more_rows_are_fetched_before_they_are_reached() -> None:
    view = a_view(1000)
    for first in range(10, 1000, 10):
        view.press(" ")
        assert view.first == first
        view.hear(a_view(1000, most=view.wish().most).page, 101.0)
    view.press(" ")
    assert view.first == 999
    assert view.wish().most == MOST_ROWS


def test_a_table_that_has_shrunk_is_not_empty() -> None:
    view = a_view(50)
    view.first = 49
    view.hear(a_view(2).page, 101.0)
    assert "worker-1" in "\n".join(drawn(view, 101.0, 80, 24))


def test_old_figures_are_never_shown_as_new() -> None:
    view = a_view()
    assert "NO ANSWER" not in "\n".join(drawn(view, 102.9, 80, 24))
    late = "\n".join(drawn(view, 103.1, 80, 24))
    assert "NO ANSWER for 3 s" in late
    assert "The figures below are those of 12:34:56" in late
    view.hear(Trouble("it is gone"), 104.0)
    assert "it is gone" in "\n".join(drawn(view, 104.0, 80, 24))
    view.hear(a_view().page, 105.0)
    assert "NO ANSWER" not in "\n".join(drawn(view, 105.0, 80, 24))


def test_a_pause_keeps_the_figures() -> None:
    view = a_view(3)
    view.press("p")
    view.hear(a_view(7).page, 101.0)
    text = "\n".join(drawn(view, 101.0, 80, 24))
    assert "PAUSED at 12:34:56" in text
    assert "workers: 3" in text
    view.press("p")
    view.hear(a_view(7).page, 102.0)
    assert "workers: 7" in "\n".join(drawn(view, 102.0, 80, 24))


def test_another_table_ends_a_pause() -> None:
    view = a_view()
    for key, name in (("p", "routes"), ("x", "exchanges"), ("s", "workers")):
        view.press(key)
        assert view.wish().names == (name,)
    assert (view.paused, view.wish().order) == (False, "requests")


def test_help_is_on_the_screen_until_the_next_key() -> None:
    view = a_view()
    view.press("?")
    assert "Ctrl-C" in "\n".join(drawn(view, 100.0, 80, 24))
    view.press("j")
    assert "Ctrl-C" not in "\n".join(drawn(view, 100.0, 80, 24))


def test_keys_without_a_letter_have_one() -> None:
    assert list(keys("wq")) == ["w", "q"]
    assert list(keys("\x1b[A\x1bOB\x1b[5~\x1b[6~x")) == ["k", "j", "b", " ", "x"]
    assert list(keys("\x1b[15~\x1b[Cv")) == ["v"]
