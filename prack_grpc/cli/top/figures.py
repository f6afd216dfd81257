"""Numbers as people read them, with their unit, as on the page. None is what nobody knows."""

from datetime import UTC, datetime, timedelta

UNKNOWN = "-"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86400
SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def count(number: int) -> str:
    """A number of things."""
    return f"{number:,}"


def span(seconds: float | None) -> str:
    """How long something takes."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.9995:
        return f"{_digits(seconds * 1000)} ms"
    if seconds < MINUTE:
        return f"{_digits(seconds)} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min {seconds % MINUTE // 1:.0f} s"
    if seconds < DAY:
        return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"
    return f"{seconds // DAY:.0f} d {seconds % DAY // HOUR:.0f} h"


def rate(per_second: float | None) -> str:
    """How many a second."""
    return UNKNOWN if per_second is None else f"{_digits(per_second)}/s"


def size(number: float) -> str:
    """So many bytes."""
    step = 0
    while number >= 1024 and step < len(SIZES) - 1:
        number, step = number / 1024, step + 1
    return f"{_digits(number)} {SIZES[step]}"


def share(part: float) -> str:
    """A part of a whole, from 0 to 1. What is not nothing is not shown as nothing."""
    if 0 < part < 0.001:
        return "<0.1 %"
    if 0.999 < part < 1:
        return ">99.9 %"
    return f"{part * 100:.1f} %" if 0 < part < 0.1 else f"{part * 100:.0f} %"


def ago(at: float | None, now: float) -> str:
    """How long before `now` an instant was, both in Unix time."""
    if at is None:
        return UNKNOWN
    seconds = round(now - at)
    return f"{span(seconds)} ago" if seconds > 0 else "now"


def instant(at: float, form: str = "%H:%M:%S") -> str:
    """A Unix time, in the time zone of this machine."""
    return (EPOCH + timedelta(seconds=at)).astimezone().strftime(form)


def _digits(value: float) -> str:
    """Three of them, so that columns are easy to compare: 1.23, 12.3, 123, 1,234."""
    places = 0 if value >= 99.95 or value == int(value) else 1 if value >= 9.995 else 2
    return f"{value:,.{places}f}"
