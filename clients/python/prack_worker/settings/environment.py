"""Files of variables: what `--env-file` names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?P<value>.*)")
# In quotes, or up to a comment; nothing but a comment follows a quote.
VALUE = re.compile(
    r"""(?: \s*'(?P<single>[^']*)' | \s*"(?P<double>(?:[^"\\]|\\.)*)" | (?P<bare>(?!\s*['"]).*?) )
        (?: \s+\#.* | \s* )""",
    re.VERBOSE,
)
ESCAPE = re.compile(r"\\(.)")
ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def env_files(text: str) -> dict[str, str]:
    """The variables of these files, with commas between them; a later file counts more.

    Lines are `NAME=VALUE`, also with `export ` in front; empty ones and those with a `#` in front
    are none. A value may be in quotes. In double ones, `\\n`, `\\r` and `\\t` are what they are in
    Python, and a backslash takes any other character as it is. `$` means nothing.

    Raises:
        ValueError: the first wrong line of each file, without its value, which may be a secret.
    """
    variables: dict[str, str] = {}
    mistakes = []
    for name in filter(None, map(str.strip, text.split(","))):
        try:
            variables.update(_assignments(Path(name)))
        except ValueError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return variables


def _assignments(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        found = ASSIGNMENT.fullmatch(line)
        if found is None:
            raise ValueError(f"{path}, line {number}: expected NAME=VALUE")
        value = _value(found["value"])
        if value is None:
            raise ValueError(
                f"{path}, line {number}: expected the value of {found['name']} to have its quotes "
                'closed on this line, and only a comment after them; a line end is \\n in "..."'
            )
        yield found["name"], value


def _value(text: str) -> str | None:
    found = VALUE.fullmatch(text)
    if found is None or "\0" in text:
        return None
    if found["double"] is not None:
        return ESCAPE.sub(lambda match: ESCAPED.get(match[1], match[1]), found["double"])
    return found["single"] or (found["bare"] or "").strip()
