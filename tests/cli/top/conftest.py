"""A screen that is no terminal."""

import io

from rich.console import Console

from prack_grpc.cli.top.screen import Drawing
from prack_grpc.cli.top.view import View


def drawn(view: View, now: float, columns: int, lines: int) -> list[str]:
    """The lines of a screen, without styles."""
    console = Console(file=io.StringIO(), width=columns, height=lines, color_system=None)
    with console.capture() as captured:
        console.print(Drawing(view, now), height=lines)
    return captured.get().removesuffix("\n").split("\n")
