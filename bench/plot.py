"""Line charts as SVG: the same numbers give the same bytes."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

Point = tuple[float, float]
# x and y, as parts of the chart's width and height.
Scale = Callable[[float], float]

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 164, 52, 48
# Okabe and Ito: told apart by colour-blind people too.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000", "#b0a000")
STYLE = (
    "text{font:12px sans-serif;fill:#222}text.title{font-weight:bold}"
    ".grid{stroke:#ddd}.line{fill:none;stroke-width:2}"
)


def lines(
    title: str,
    x_name: str,
    y_name: str,
    series: Mapping[str, Sequence[Point]],
    log_x: bool = False,
) -> str:
    """One line for each series that has points; y begins at 0. Empty without any."""
    found = {name: sorted(filter(_is_finite, points)) for name, points in series.items()}
    shown = {name: points for name, points in found.items() if points}
    xs = [x for points in shown.values() for x, _ in points]
    ys = [y for points in shown.values() for _, y in points]
    if not xs:
        return ""
    x_ticks = _decades(min(xs), max(xs)) if log_x else _ticks(min(xs), max(xs))
    y_ticks = _ticks(0, max(ys))
    x_at, y_at = _x_scale(x_ticks, log_x), _y_scale(y_ticks)
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><style>{STYLE}</style>',
        _text(8, 18, title, "start", "title"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_name),
        _text(8, 36, y_name, "start"),
        *(_x_tick(x_at(tick), tick) for tick in x_ticks),
        *(_y_tick(y_at(tick), tick) for tick in y_ticks),
    ]
    for number, (name, points) in enumerate(shown.items()):
        places = [(x_at(x), y_at(y)) for x, y in points]
        parts += _series(name, places, COLOURS[number % len(COLOURS)], number)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>\n' + "\n".join(parts) + "\n</svg>\n"


def _is_finite(point: Point) -> bool:
    return all(map(math.isfinite, point))


def _series(name: str, places: Sequence[Point], colour: str, number: int) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = WIDTH - RIGHT + 14, TOP + 12 + 20 * number
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in places)
    return [
        f'<polyline class="line" stroke="{colour}" points="{path}"/><g fill="{colour}">{dots}',
        f'<rect x="{x}" y="{y - 9}" width="10" height="10"/></g>',
        _text(x + 16, y, name, "start"),
    ]


def _x_tick(x: float, value: float) -> str:
    end = HEIGHT - BOTTOM
    line = f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{end}"/>'
    return line + _text(x, end + 16, _number(value))


def _y_tick(y: float, value: float) -> str:
    line = f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
    return line + _text(LEFT - 6, y + 4, _number(value), "end")


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def _x_scale(ticks: Sequence[float], log: bool) -> Scale:
    to = math.log10 if log else float
    first, last = to(ticks[0]), to(ticks[-1])
    width = WIDTH - LEFT - RIGHT
    return lambda x: LEFT + (to(x) - first) / ((last - first) or 1) * width


def _y_scale(ticks: Sequence[float]) -> Scale:
    return lambda y: HEIGHT - BOTTOM - y / (ticks[-1] or 1) * (HEIGHT - TOP - BOTTOM)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers that enclose these."""
    rough = (high - low) / 5 or 1
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten that enclose these."""
    found = [
        factor * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for factor in (1, 2, 5)
    ]
    first = max(tick for tick in found if tick <= low)
    last = min(tick for tick in found if tick >= high)
    return [tick for tick in found if first <= tick <= last]
