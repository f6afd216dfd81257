"""Writes the table of settings into README.md: python -m scripts.settings_table."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from prack_grpc.cli.serve import SHORT
from prack_grpc.core.limits import MIB
from prack_grpc.settings.loading import PREFIX, flag
from prack_grpc.settings.settings import SECRETS, Settings

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN = "<!-- settings: python -m scripts.settings_table -->\n"
END = "<!-- end of settings -->\n"


def table() -> str:
    """All settings of `prack serve`, a row each."""
    rows = ["| flag | variable | default | what it is |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        # A token on a command line can be read by every user of the machine.
        names = [SHORT[name], flag(name)] if name in SHORT else [flag(name)]
        flags = "" if name in SECRETS else ", ".join(f"`{one}`" for one in names)
        default = _default(field.default, field.annotation)
        rows.append(f"| {flags} | `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _default(value: Any, kind: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int) and value and value % MIB == 0:
        return f"`{value // MIB}MiB`"
    shown = f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
    if get_origin(kind) is Literal:
        others = ", ".join(f"`{one}`" for one in get_args(kind) if one != value)
        return f"{shown}; or {others}"
    return shown


def filled(text: str) -> str:
    """This text with the table as it must be between the two marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{README} has lost the marks around its table of settings")
    return f"{before}{begin}{table()}{end}{after}"


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
