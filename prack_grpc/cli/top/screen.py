"""Draws a view with rich, as large as the terminal is."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.styled import Styled
from rich.table import Table as Grid
from rich.text import Text

from prack_grpc.cli.top.figures import count, span
from prack_grpc.cli.top.page import PERCENTILES, Page
from prack_grpc.cli.top.tables import Table
from prack_grpc.cli.top.view import View
from prack_wire.terminal import visible

STYLES = {"CRITICAL": "bold red", "WARNING": "bold yellow", "NOTE": "bold cyan", "": "green"}
MOST_SENTENCES = 3
BAR = 12  # columns
BESIDE = 72  # columns that the numbers of now take beside the waits
KEYS = "r routes  w workers  v versions  x requests  s sort  p pause  ? help  q quit"
HELP = """\
r  routes, the one in most need first     j, down        scroll by one
w  workers                                k, up
v  versions, side by side                 space, page down   by ten
x  requests in flight, slowest first      b, page up
s  next order of the workers              q, Ctrl-C      quit
p  pause, and go on                       ?  back to the figures

Waits are those for the first byte of responses: in the queue, for the worker,
and what the gateway itself took. Errors are those of the gateway and workers."""


class Drawing:
    """A view, now (seconds of a monotonic clock)."""

    def __init__(self, view: View, now: float) -> None:
        self._view = view
        self._now = now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines of all parts; the table has the room that the others leave."""
        options = options.update(height=None)
        head = console.render_lines(Group(*self._head(options.max_width)), options, pad=False)
        foot = console.render_lines(_line(KEYS, "dim"), options, pad=False)
        room = max(0, options.max_height - len(head) - len(foot))
        body = console.render_lines(self._body(room, options.max_width), options, pad=False)[:room]
        empty: list[list[Segment]] = [[]] * (room - len(body))
        for line in [*head, *body, *empty, *foot][: options.max_height]:
            yield from line
            yield Segment.line()

    def _head(self, width: int) -> Iterator[RenderableType]:
        view, page = self._view, self._view.page
        silence = view.silence(self._now)
        if silence:
            yield Text(f"NO ANSWER for {span(round(silence))}, trying again", "bold red")
            if view.trouble:
                yield Text(visible(view.trouble))
            yield Text(f"The figures below are those of {page.at}", "bold")
        elif view.paused:
            yield Text(f"PAUSED at {page.at}, p goes on", "bold reverse")
        figures = Group(
            _about(page), *_verdict(page), Text(), *_traffic(page), _numbers(page, width), Text()
        )
        yield Styled(figures, "dim") if silence else figures

    def _body(self, room: int, width: int) -> RenderableType:
        view = self._view
        if view.helping:
            return Text(HELP, no_wrap=True, overflow="ellipsis")
        table = _table(view.page.tables[0], view.first, room, width)
        return Styled(table, "dim") if view.silence(self._now) else table


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _about(page: Page) -> RenderableType:
    grid = Grid.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right")
    grid.add_row(_line(page.about, "bold"), _line(page.at))
    return grid


def _verdict(page: Page) -> Iterator[Text]:
    for level, text in page.verdict[:MOST_SENTENCES]:
        style = STYLES[level]
        yield Text.assemble((f"{level}: ", style), text) if level else Text(text, style)
    if (more := len(page.verdict) - MOST_SENTENCES) > 0:
        yield Text(f"and {more} more", "dim")


def _traffic(page: Page) -> Iterator[Text]:
    for name, text in page.traffic:
        line = Text.assemble((f"{name:<10}", "bold"), text)
        line.no_wrap, line.overflow = True, "ellipsis"
        yield line


def _numbers(page: Page, width: int) -> RenderableType:
    """The waits, and beside or below them what is there now."""
    waits = Grid.grid(padding=(0, 2))
    waits.add_column(style="bold")
    for _ in PERCENTILES:
        waits.add_column(justify="right", min_width=7)
    waits.add_row("", *PERCENTILES, style="bold")
    for line in page.waits:
        waits.add_row(*line)
    figures = Grid.grid(padding=(0, 2))
    figures.add_column(style="bold", no_wrap=True)
    figures.add_column()
    for name, text in page.figures:
        figures.add_row(name, _line(text))
    figures.add_row("slots", _bar(*page.slots))
    if width < BESIDE:
        return Group(waits, figures)
    both = Grid.grid(padding=(0, 3))
    both.add_row(waits, figures)
    return both


def _bar(used: int, total: int) -> RenderableType:
    told = f"{count(used)} of {count(total)} used"
    if not total:
        return _line(told)
    grid = Grid.grid(padding=(0, 1))
    bar = ProgressBar(total, used, width=BAR, complete_style="cyan", finished_style="cyan")
    grid.add_row(bar, told)
    return grid


def _table(table: Table, first: int, room: int, width: int) -> RenderableType:
    """The rows that fit into so many lines, below a title and the headings."""
    shown = table.lines[first : first + max(0, room - 2)]
    part = f"{first + 1} to {first + len(shown)} of " if len(shown) < table.total else ""
    title = Text.assemble((table.title, "bold"), f": {part if shown else ''}{count(table.total)}")
    columns = [(i, column) for i, column in enumerate(table.columns) if column.room <= width]
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold reverse")
    for _, column in columns:
        # Rich takes room from columns that may be wrapped; their text is cut instead.
        grid.add_column(
            _line(column.title),
            justify="right" if column.number else "left",
            no_wrap=column.number,
        )
    for line in shown:
        grid.add_row(*(_line(line[i]) for i, _ in columns))
    return Group(title, grid)
