"""Tables as Markdown; a number that was not measured is a dash."""

from collections.abc import Iterable, Sequence

Cell = str | float | int | None


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The first column is text, the others are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *(map(shown, row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shown(value: Cell) -> str:
    """A number with the three or so digits that count; whole numbers as they are."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
