"""What the repository promises about itself and no linter checks."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import prack_grpc
import prack_worker

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients/python"
STUBS = CLIENT / "prack/v1"

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
VAGUE_NAMES = {"utils", "helpers", "common", "manager"}

# In pieces, so that this file does not hold what it forbids.
REGISTRY_HOSTS = [
    ".".join(labels)
    for labels in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("rubygems", "org"),
        ("packagist", "org"),
        ("crates", "io"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("ghcr", "io"),
        ("quay", "io"),
    )
]


def sources() -> list[Path]:
    packages = (ROOT / "prack_grpc", CLIENT / "prack_wire", CLIENT / "prack_worker")
    return sorted(path for package in packages for path in package.rglob("*.py"))


@cache
def tracked() -> list[Path]:
    """Every file that is, or with the next commit would be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git work tree")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def project(folder: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return table


def bounds(folder: Path) -> dict[str, SpecifierSet]:
    requirements = map(Requirement, project(folder)["dependencies"])
    return {requirement.name: requirement.specifier for requirement in requirements}


def floor(specifiers: SpecifierSet) -> str:
    return next(bound.version for bound in specifiers if bound.operator == ">=")


def pins(name: str) -> dict[str, set[str]]:
    """The versions in a requirements file; markers may choose between several."""
    found: dict[str, set[str]] = {}
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


def generated(file: str, pattern: str) -> str:
    match = re.search(pattern, (STUBS / file).read_text())
    assert match, f"{file} does not say which version generated it"
    return match[1]


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {lines} lines"


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources()}
    assert lengths, "no source was found"
    too_long = {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > MAX_FILE_LINES}
    assert not too_long


def test_functions_are_short() -> None:
    assert not [finding for path in sources() for finding in long_functions(path)]


def test_module_names_say_what_is_inside() -> None:
    paths = [path.relative_to(ROOT) for path in sources()]
    assert not [str(path) for path in paths if VAGUE_NAMES & {*path.parent.parts, path.stem}]


def test_every_package_has_an_init() -> None:
    # Without one, lint-imports does not see the folder and says nothing.
    folders = {path.parent for path in sources()}
    assert not [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()]


def test_stubs_run_on_the_oldest_dependencies_that_the_worker_allows() -> None:
    needed = {
        "grpcio": generated("worker_pb2_grpc.py", r"GRPC_GENERATED_VERSION = '([\d.]+)'"),
        "protobuf": generated("worker_pb2.py", r"Protobuf Python Version: ([\d.]+)"),
    }
    worker = bounds(CLIENT)
    assert {name: floor(worker[name]) for name in needed} == needed
    assert pins("proto")["grpcio-tools"] == {needed["grpcio"]}


def test_prack_stays_a_namespace() -> None:
    assert not (CLIENT / "prack/__init__.py").exists()


def test_gateway_and_worker_are_released_together() -> None:
    assert str(bounds(ROOT)["prack-worker"]) == f"=={project(CLIENT)['version']}"


def test_both_say_which_version_they_are() -> None:
    assert prack_grpc.__version__ == project(ROOT)["version"]
    assert prack_worker.__version__ == project(CLIENT)["version"]


@pytest.mark.parametrize("name", ["dev", "runtime"])
def test_pins_satisfy_what_the_distributions_ask_for(name: str) -> None:
    pinned = pins(name)
    for folder in (ROOT, CLIENT):
        for package, allowed in bounds(folder).items():
            if package != "prack-worker":
                versions = pinned.get(canonicalize_name(package), set())
                assert versions, f"{package} is not in requirements/{name}.txt: run make lock"
                assert all(version in allowed for version in versions), (package, versions)


def test_no_file_names_a_registry() -> None:
    hosts = [host.encode() for host in REGISTRY_HOSTS]
    found = [str(p.relative_to(ROOT)) for p in tracked() if any(h in p.read_bytes() for h in hosts)]
    assert not found


def test_no_lock_file_with_addresses() -> None:
    assert not [str(path) for path in tracked() if path.name == "uv.lock"]
