"""Writes the rows of docs/languages.md from runs of the conformance kit.

python -m scripts.languages_table [--check] build/conformance/go-prack.json ...

Each file is what `prack conformance --json` printed, and is named after the language. Rows of other
languages stay. With --check nothing is written: the page has to say what the runs say.
"""

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "languages.md"
BEGIN, END = (
    "<!-- languages: python -m scripts.languages_table -->\n",
    "<!-- end of languages -->\n",
)
LANGUAGES = {
    "python": "Python",
    "go": "Go",
    "node": "Node",
    "ruby": "Ruby",
    "php": "PHP",
    "java": "Java",
}
SCHEMES = {"prack": "prack://", "grpc": "grpc://", "rest": "REST"}
# Of each column: the rules whose cases it sums up, and how names of others begin.
COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "streaming": (("5.1", "5.2", "Without JSON"), ()),
    "WebSockets": ((), ("websocket-", "tunnel-", "batch")),
    "cancel": (("4.6",), ()),
    "drain": (("7.1", "Stop"), ()),
    "upgrade": (("7.2", "7.3", "7.4"), ()),
    "trailers": (("4.10",), ()),
    "TLS": ((), ("tls",)),
}
Row = tuple[str, str]  # language and scheme, as on the page


def cell(cases: list[dict[str, Any]], column: str) -> str:
    """`yes` if a case passed and none failed, `no` if one failed; nothing if none was tried."""
    rules, names = COLUMNS[column]
    found = {
        case["outcome"]
        for case in cases
        if set(rules) & set(case["rules"]) or case["name"].startswith(names or (" ",))
    }
    if found & {"failed", "advised"}:
        return "no"
    return "yes" if "passed" in found else ""


def row(path: Path) -> tuple[Row, str]:
    """The row of one run, and its place."""
    told = json.loads(path.read_text())
    language = path.stem.partition("-")[0]
    place = (
        f"[{LANGUAGES[language]}](../clients/{language}/README.md)",
        SCHEMES[told["transport"]],
    )
    cells = [place[0], f"`{place[1]}`", *(cell(told["cases"], column) for column in COLUMNS)]
    return place, f"| {' | '.join(cells)} |"


def filled(text: str, rows: dict[Row, str]) -> str:
    """The page with these rows, and those that it had of others."""
    before, begin, rest = text.partition(BEGIN)
    table, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{PAGE} has lost the marks around its table")
    known: dict[Row, str] = {}
    for line in table.splitlines()[2:]:
        language, scheme = (part.strip() for part in line.strip("|").split("|")[:2])
        known[language, scheme.strip("`")] = line
    known |= rows
    lines = [known[place] for place in sorted(known, key=_rank)]
    names = ["language", "carrier", *COLUMNS]
    head = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    return f"{before}{begin}{chr(10).join([*head, *lines])}\n{end}{after}"


def _rank(place: Row) -> tuple[int, int]:
    language = place[0].partition("]")[0].strip("[")
    return list(LANGUAGES.values()).index(language), list(SCHEMES.values()).index(place[1])


def main(words: list[str]) -> int:
    """The exit status."""
    paths = [Path(word) for word in words if word != "--check"]
    old = PAGE.read_text()
    new = filled(old, dict(map(row, paths)))
    if "--check" not in words:
        PAGE.write_text(new)
    elif new != old:
        print(f"{PAGE} does not say what the runs say: write it without --check", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
