"""Prints how well the house is kept, with its limits: python -m scripts.house [--files].

Files of code are all but `__init__.py` and `__main__.py`, which name a package and hold none.
"""

import ast
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.ways import ROOT, walk

PACKAGES = ("prack_grpc", "clients/python/prack_worker", "clients/python/prack_wire")
OTHERS = ("clients/python/tests", "tests", "bench", "soak", "examples", "scripts")
# Nothing may grow past these.
FOLDER, CIRCLES, IGNORES = 12, 0, 5
WAYS = {"request": 20, "answer": 15, "REST answer": 12}


@dataclass(frozen=True)
class Figure:
    """What was counted, the limit, and what it is made of."""

    name: str
    limit: int
    found: tuple[str, ...]

    def __str__(self) -> str:
        mark = "" if len(self.found) <= self.limit else "   too many"
        return f"{len(self.found):3d} of {self.limit:2d}  {self.name}{mark}"


def sources(root: Path, folders: tuple[str, ...]) -> list[Path]:
    """All modules below these folders."""
    return sorted(path for folder in folders for path in (root / folder).rglob("*.py"))


def folders(root: Path) -> list[Figure]:
    """The files of code of each folder, the largest first."""
    files = [path.relative_to(root) for path in sources(root, PACKAGES) if path.stem[0] != "_"]
    sizes = Counter(str(path.parent) for path in files)
    return [
        Figure(f"files in {name}", FOLDER, tuple(str(f) for f in files if str(f.parent) == name))
        for name, _ in sizes.most_common()
    ]


def circles(root: Path, package: str = "prack_grpc") -> list[str]:
    """The modules that import each other, in whatever way and for types only, a circle each."""
    paths = {_module(path.relative_to(root)): path for path in sources(root, (package,))}
    imports = {name: set(_imports(path, paths)) for name, path in paths.items()}
    reached = {name: _reached(name, imports) for name in imports}
    found = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in reached
        if name in reached[name]
    }
    return sorted(" - ".join(circle) for circle in found)


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known else node.module


def _reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = list(imports[start])
    while ahead:
        if (name := ahead.pop()) not in reached:
            reached.add(name)
            ahead += imports[name]
    return reached


def ignores(root: Path) -> list[str]:
    """Where mypy is told to look away; what is generated does not count."""
    found = []
    for path in sources(root, PACKAGES + OTHERS):
        with path.open("rb") as file:
            found += [
                f"{path.relative_to(root)}:{token.start[0]}"
                for token in tokenize.tokenize(file.readline)
                if token.type == tokenize.COMMENT and "type: ignore" in token.string
            ]
    return found


def ways() -> list[Figure]:
    """The files that small exchanges touch on their ways."""
    walked = walk()
    return [
        Figure(f"files on the way of each {name}", limit, tuple(sorted(walked[name])))
        for name, limit in WAYS.items()
    ]


def figures() -> list[Figure]:
    """All that is counted."""
    return [
        *folders(ROOT),
        *ways(),
        Figure("import circles in prack_grpc", CIRCLES, tuple(circles(ROOT))),
        Figure("type ignores", IGNORES, tuple(ignores(ROOT))),
    ]


def main() -> None:
    """Print it; with --files also what each figure is made of."""
    for figure in figures():
        print(figure)
        if "--files" in sys.argv:
            print(*(f"             {one}" for one in figure.found), sep="\n")


if __name__ == "__main__":
    main()
