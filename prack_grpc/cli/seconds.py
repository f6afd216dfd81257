"""How a flag says seconds."""

import argparse
import math
from collections.abc import Callable


def seconds(least: float, most: float) -> Callable[[str], float]:
    """A type for argparse: seconds within these bounds."""

    def parse(text: str) -> float:
        try:
            given = float(text)
        except ValueError:
            given = math.nan
        if not least <= given <= most:
            raise argparse.ArgumentTypeError(
                f"expected seconds from {least:g} to {most:g} (got {text!r})"
            )
        return given

    return parse
