"""Line and bar charts as SVG: the same numbers give the same bytes."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

Point = tuple[float, float]
# x and y, as parts of the chart's width and height.
Scale = Callable[[float], float]

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 164, 52, 48
NAMES, BAR = 140, 14  # where bars begin, and how thick they are
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
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_name),
        _text(8, 36, y_name, "start"),
        *(_x_tick(x_at(tick), tick) for tick in x_ticks),
        *(_y_tick(y_at(tick), tick) for tick in y_ticks),
    ]
    for number, (name, points) in enumerate(shown.items()):
        places = [(x_at(x), y_at(y)) for x, y in points]
        parts += _series(name, places, COLOURS[number % len(COLOURS)], number)
    return _chart(title, HEIGHT, parts)


def bars(title: str, x_name: str, series: Mapping[str, Mapping[str, float]]) -> str:
    """Each series has a colour, and a bar for each of its names; 0 is left. Empty without any."""
    shown = {of: _finite(values) for of, values in series.items()}
    shown = {of: values for of, values in shown.items() if values}
    names = list(dict.fromkeys(name for values in shown.values() for name in values))
    if not names:
        return ""
    ticks = _ticks(0, max(value for values in shown.values() for value in values.values()))
    right = WIDTH - RIGHT
    scale = _x_scale(ticks, False, NAMES)
    parts = [_text((NAMES + right) / 2, 36, x_name)]
    top = TOP + 14.0
    parts += [_text(scale(tick), TOP + 4, _number(tick)) for tick in ticks]
    for name in names:
        parts.append(_text(NAMES - 8, top + 11, name, "end"))
        for number, values in enumerate(shown.values()):
            if name in values:
                parts += _bar(scale(values[name]), top, values[name], COLOURS[number])
                top += BAR
        top += BAR / 2
    parts += [_key(of, COLOURS[number], number) for number, of in enumerate(shown)]
    return _chart(title, round(top) + 8, parts)


def _bar(end: float, top: float, value: float, colour: str) -> list[str]:
    size = f'width="{end - NAMES:.1f}" height="{BAR - 2}"'
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return [
        f'<rect x="{NAMES}" y="{top:.1f}" {size} fill="{colour}"/>',
        _text(end + 4, top + 10, shown, "start"),
    ]


def _chart(title: str, height: float, parts: Sequence[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/><style>{STYLE}</style>',
        _text(8, 18, title, "start", "title"),
        *parts,
    ]
    return "\n".join(lines) + "\n</svg>\n"


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _is_finite(point: Point) -> bool:
    return all(map(math.isfinite, point))


def _series(name: str, places: Sequence[Point], colour: str, number: int) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in places)
    return [
        f'<polyline class="line" stroke="{colour}" points="{path}"/><g fill="{colour}">{dots}</g>',
        _key(name, colour, number),
    ]


def _key(name: str, colour: str, number: int) -> str:
    x, y = WIDTH - RIGHT + 14, TOP + 12 + 20 * number
    square = f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
    return square + _text(x + 16, y, name, "start")


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


def _x_scale(ticks: Sequence[float], log: bool, left: float = LEFT) -> Scale:
    to = math.log10 if log else float
    first, last = to(ticks[0]), to(ticks[-1])
    width = WIDTH - left - RIGHT
    return lambda x: left + (to(x) - first) / ((last - first) or 1) * width


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
