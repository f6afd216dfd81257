"""Compiles the modules that pyproject.toml names for it, if PRACK_COMPILE is 1 and the wheel is no
editable one. Otherwise the wheel is of plain Python, and whoever builds it needs no compiler.

Needs what is in requirements/build.txt and a C compiler, and takes two minutes.
"""

import ast
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

POST = "__post_init__"


class CompilingHook(BuildHookInterface[Any]):
    """Adds extension modules to the wheel, beside the source of all modules."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See BuildHookInterface."""
        if os.environ.get("PRACK_COMPILE") != "1" or version == "editable":
            return
        root, built = Path(self.root), Path(tempfile.mkdtemp())
        paths = [f"prack_grpc/{name}.py" for name in self.config["modules"]]
        os.environ["MYPYPATH"] = str(root / "clients/python")
        shutil.copytree(root / "prack_grpc", built / "source/prack_grpc")
        with chdir(built / "source"):
            for path in map(Path, paths):
                path.write_text(with_inits(path.read_text()))
            compile_into(built, paths)
        for library in built.rglob("*.so"):
            build_data["force_include"][str(library)] = str(library.relative_to(built))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compile_into(built: Path, paths: list[str]) -> None:
    """The extension modules of these files of the working directory, laid out as in a wheel."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    flags = ["--explicit-package-bases", "--strict"]
    extensions = mypycify(
        [*flags, *paths], opt_level="2", target_dir=str(built / "c"), group_name="prack"
    )
    for extension in extensions:
        # Nobody takes the place of what is called within the library, so calls need no table.
        extension.extra_compile_args += ["-fno-semantic-interposition", "-g0"]
        extension.extra_link_args += ["-Wl,-Bsymbolic-functions"]
    command = build_ext(Distribution({"name": "prack", "ext_modules": extensions}))
    command.build_lib, command.build_temp = str(built), str(built / "o")
    command.ensure_finalized()
    command.run()


def with_inits(source: str) -> str:
    """The same module, whose records say the `__init__` that `dataclass` makes when it is imported.

    What is made then is compiled by nobody. All lines keep their numbers. Frozen ones stay. Raises
    ValueError for what a dataclass can be and none of ours is.
    """
    lines = [*source.splitlines(), ""]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and (call := _dataclass(node)) is not None:
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            _insert(lines, call.end_lineno or 0, (call.end_col_offset or 0) - 1, ", init=False")
            for field in fields:
                first, last = field.lineno, field.end_lineno or 0
                lines[first - 1] = lines[first - 1][: field.annotation.end_col_offset]
                lines[first:last] = [""] * (last - first)
            after = fields[-1].end_lineno or 0
            if lines[after]:
                raise ValueError(f"{node.name}: after the fields has to come an empty line")
            lines[after] = _init(node, fields)
    return "\n".join(lines)


def _dataclass(node: ast.ClassDef) -> ast.Call | None:
    """What makes a record of this class, if it does and the record can change."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "dataclass":
            said = {keyword.arg for keyword in call.keywords}
            if "frozen" in said:
                return None
            if node.bases or not said <= {"slots", "eq"}:
                raise ValueError(f"{node.name}: its __init__ is not known")
            return call
    return None


def _insert(lines: list[str], number: int, column: int, text: str) -> None:
    line = lines[number - 1]
    lines[number - 1] = line[:column] + text + line[column:]


def _init(node: ast.ClassDef, fields: list[ast.AnnAssign]) -> str:
    steps = list(_assignments(fields))
    if any(isinstance(part, ast.FunctionDef) and part.name == POST for part in node.body):
        steps.append(f"self.{POST}()")
    parameters = ", ".join(map(_parameter, fields))
    return f"    def __init__(self, {parameters}) -> None: {'; '.join(steps)}"


def _parameter(field: ast.AnnAssign) -> str:
    name, type_ = ast.unparse(field.target), ast.unparse(field.annotation).strip("'")
    if field.value is None:
        return f"{name}: '{type_}'"
    if _factory(field) is not None:
        return f"{name}: '{type_} | None' = None"
    return f"{name}: '{type_}' = {ast.unparse(field.value)}"


def _assignments(fields: list[ast.AnnAssign]) -> Iterator[str]:
    for field in fields:
        name, factory = ast.unparse(field.target), _factory(field)
        default = "" if factory is None else f"({factory})() if {name} is None else "
        yield f"self.{name} = {default}{name}"


def _factory(field: ast.AnnAssign) -> str | None:
    """What makes the default, if it is not the same one for all."""
    value = field.value
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "field":
        (factory,) = value.keywords
        if factory.arg != "default_factory":
            raise ValueError(f"{ast.unparse(field)}: this default is not known")
        return ast.unparse(factory.value)
    return None
