"""Importing the application, and one line for each way in which that fails."""

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from prack_worker.app.loading import load
from prack_worker.errors import AppLoadError


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    modules = set(sys.modules)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "good.py").write_text(
        "class app:\n    inner = 'the app'\ndef create(): return 'made'\n"
        "def broken():\n    raise OSError('disk')\n"
    )
    (tmp_path / "bad.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("import json\njson.loads('{')\n")
    (tmp_path / "needs.py").write_text("import not_installed_here\n")
    (tmp_path / "syntax.py").write_text("x = 1\ndef\n")
    return tmp_path


def test_an_attribute_of_an_attribute(folder: Path) -> None:
    assert load("good:app.inner", folder) == "the app"


def test_a_factory(folder: Path) -> None:
    assert load("good:create", folder, factory=True) == "made"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("good", "expected MODULE:ATTRIBUTE"),
        (":app", "expected MODULE:ATTRIBUTE"),
        ("missing:app", 'no module "missing": it is neither in {folder}'),
        ("missing.sub:app", 'no module "missing": it is neither in {folder}'),
        ("good:nothing", '"good" has no attribute "nothing"'),
        ("needs:app", "No module named 'not_installed_here' at {folder}/needs.py:1"),
        ("syntax:app", "SyntaxError: invalid syntax (syntax.py, line 2) at {folder}/syntax.py:2"),
        ("bad:app", "(char 1) at {folder}/helper.py:2"),
    ],
)
def test_a_failure_is_one_line(folder: Path, name: str, line: str) -> None:
    with pytest.raises(AppLoadError) as raised:
        load(name, folder)
    assert line.format(folder=folder) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_traceback_begins_in_the_module(folder: Path) -> None:
    with pytest.raises(AppLoadError) as raised:
        load("bad:app", folder)
    assert isinstance(raised.value.__cause__, ValueError)
    first, *_ = traceback.extract_tb(raised.value.__cause__.__traceback__)
    assert first.filename == str(folder / "bad.py")


@pytest.mark.parametrize(
    ("name", "line"),
    [("good:broken", "OSError: disk at {folder}/good.py:5"), ("good:app.inner", "not a factory")],
)
def test_a_factory_that_fails_is_one_line(folder: Path, name: str, line: str) -> None:
    with pytest.raises(AppLoadError) as raised:
        load(name, folder, factory=True)
    assert line.format(folder=folder) in str(raised.value)
