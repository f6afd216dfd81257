"""One look as plain text, for pipes and files."""

from prack_grpc.cli.terminal import say, say_table
from prack_grpc.cli.top.figures import count
from prack_grpc.cli.top.page import PERCENTILES, Page
from prack_grpc.cli.top.tables import Table


def show(page: Page) -> None:
    """Print it."""
    say(f"{page.about}; {page.at}")
    for level, text in page.verdict:
        say(f"{level}: {text}" if level else text)
    say("")
    used, total = page.slots
    slots = ("slots", f"{count(used)} of {count(total)} used")
    for name, text in (*page.traffic, *page.figures, slots):
        say(f"{name:<10} {text}")
    say("")
    say_table(("", *PERCENTILES), page.waits)
    for table in page.tables:
        _show_table(table)


def _show_table(table: Table) -> None:
    first = len(table.lines)
    say("")
    say(f"{table.title}: " + (f"{first} of " if first < table.total else "") + count(table.total))
    if table.lines:
        say_table([column.title for column in table.columns], table.lines)
