"""What is compiled stays what can be compiled without harm, which no compiler says; see
docs/decisions/0066-compiled-hot-rooms.md.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from hatch_build import with_inits
from tests.support.compiled import COMPILED, PATHS, ROOT

# Nobody refers weakly to a class, an exception or an answer to a call.
BASES = {
    "ABC",
    "Generic",
    "NamedTuple",
    "PrackError",
    "Protocol",
    "Response",
    "enum.Enum",
    "enum.IntEnum",
    "enum.StrEnum",
}
WAITS = ast.Await | ast.AsyncFor | ast.Yield | ast.YieldFrom


def awaited_in_handlers(tree: ast.AST) -> Iterator[int]:
    """The lines where a coroutine waits while an exception is at hand; `async with` may."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith):
            yield node.lineno
        if isinstance(node, ast.Try):
            for part in (*node.handlers, *node.finalbody):
                yield from (one.lineno for one in ast.walk(part) if isinstance(one, WAITS))


def classes(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """The classes, with the names of their bases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, [ast.unparse(base).partition("[")[0] for base in node.bases]


def inherited(tree: ast.AST) -> Iterator[str]:
    """The bases that come from a compiled module."""
    known = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in COMPILED
        for alias in node.names
    }
    for _, bases in classes(tree):
        yield from known.intersection(bases)


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text())


def test_what_is_compiled_is_there() -> None:
    assert len(COMPILED) > 40
    assert PATHS == sorted(COMPILED.values())
    assert not [path for path in PATHS if not path.is_file()]


@pytest.mark.parametrize("name", COMPILED)
def test_nothing_compiled_awaits_with_an_exception_at_hand(name: str) -> None:
    assert not list(awaited_in_handlers(parsed(COMPILED[name])))


def test_nothing_compiled_is_referred_to_weakly() -> None:
    """A compiled class with an interpreted base must not be; see which have one."""
    found = [one for path in COMPILED.values() for one in classes(parsed(path))]
    known = BASES | {name for name, _ in found}
    assert not [(name, bases) for name, bases in found if not known.issuperset(bases)]


def test_nothing_interpreted_inherits_from_what_is_compiled() -> None:
    """Such a class would be refused once it is made."""
    others = set(ROOT.glob("prack_grpc/**/*.py")) - set(COMPILED.values())
    assert not {str(path): found for path in others if (found := list(inherited(parsed(path))))}


@pytest.mark.parametrize(
    "body",
    [
        "try:\n  pass\n except OSError:\n  await a()",
        "try:\n  pass\n finally:\n  if b:\n   await a()",
        "try:\n  pass\n except OSError:\n  async for c in a():\n   pass",
        "async with a():\n  pass",
        "try:\n  pass\n finally:\n  yield",
    ],
)
def test_an_await_with_an_exception_at_hand_is_found(body: str) -> None:
    assert len(list(awaited_in_handlers(ast.parse(f"async def f():\n {body}\n")))) == 1


def test_an_await_before_and_after_is_not_found() -> None:
    body = "try:\n  await a()\n except OSError:\n  b = 1\n await a()"
    assert not list(awaited_in_handlers(ast.parse(f"async def f():\n {body}\n")))


def test_an_heir_of_what_is_compiled_is_found() -> None:
    text = "from prack_grpc.stream.outbox import Outbox as O\nclass Mine(O): ...\n"
    assert list(inherited(ast.parse(text))) == ["O"]


RECORD = """\
from dataclasses import dataclass, field

@dataclass(slots=True)
class Record:
    name: "str"
    size: int = 2  # bytes
    parts: "list[int]" = field(
        default_factory=list
    )

    def __post_init__(self) -> None:
        self.name = self.name or "nobody"

    def double(self) -> int:
        return 2 * self.size

@dataclass(frozen=True, slots=True)
class Frozen:
    name: str = ""
"""


def defined(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text)
    return run_path(str(path))


def test_a_record_is_made_as_the_interpreted_one(tmp_path: Path) -> None:
    text = with_inits(RECORD)
    assert "init=False" in text
    made, known = defined(tmp_path / "made.py", text), defined(tmp_path / "known.py", RECORD)
    for words in (("a",), ("",), ("a", 3), ("a", 3, [1])):
        one, other = made["Record"](*words), known["Record"](*words)
        assert repr(one) == repr(other)
        assert one == made["Record"](*words)
        assert one.double() == other.double()
    assert made["Record"]("a").parts is not made["Record"]("b").parts
    assert made["Frozen"]("a") == made["Frozen"]("a")


def test_the_lines_of_a_record_keep_their_numbers() -> None:
    def first(text: str) -> list[tuple[str, int]]:
        found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        return [(node.name, node.lineno) for node in found if node.name != "__init__"]

    for text in (RECORD, *(path.read_text() for path in COMPILED.values())):
        assert first(with_inits(text)) == first(text)


@pytest.mark.parametrize(
    ("known", "other", "reason"),
    [
        ("    )\n\n", "    )\n", "Record: after the fields has to come an empty line"),
        ("slots=True)\nclass Record", "kw_only=True)\nclass Record", "Record: its __init__"),
        ("class Record", "class Record(object)", "Record: its __init__ is not known"),
        ("default_factory=list", "default=[]", "this default is not known"),
    ],
)
def test_a_record_that_is_not_known_is_refused(known: str, other: str, reason: str) -> None:
    assert known in RECORD
    with pytest.raises(ValueError, match=reason):
        with_inits(RECORD.replace(known, other))
