"""Files for `logging.config`: those of other servers work, and wrong ones say where."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prack_worker.logs.files import configure

OF_UVICORN = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": "uvicorn.logging.DefaultFormatter",
            "fmt": "%(levelprefix)s %(message)s",
            "use_colors": None,
        }
    },
    "handlers": {
        "default": {
            "formatter": "default",
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stderr",
        }
    },
    "loggers": {"uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False}},
}
OF_GUNICORN = """\
[loggers]
keys=root, gunicorn.error
[handlers]
keys=console
[formatters]
keys=generic
[logger_root]
level=INFO
handlers=console
[logger_gunicorn.error]
level=ERROR
handlers=console
propagate=1
qualname=gunicorn.error
[handler_console]
class=StreamHandler
formatter=generic
args=(sys.stdout, )
[formatter_generic]
format=%(asctime)s [%(process)d] [%(levelname)s] %(message)s
datefmt=%Y-%m-%d %H:%M:%S
"""
IN_YAML = """\
root: {level: ERROR, handlers: [console]}
handlers:
  console: {class: logging.StreamHandler}
"""
WITHOUT_LOGGER = OF_GUNICORN.replace("[logger_root]", "[logger_other]")
WRONG = [
    ("a.json", "{", "is not JSON: "),
    ("a.json", "[]", "expected an object with loggers, handlers and formatters"),
    ("a.json", '{"handlers": 3}', "handlers: expected an object, whose keys are names"),
    ("a.json", '{"version": 2}', "Unsupported version: 2"),
    (
        "a.json",
        '{"handlers": {"a": {"class": "no.such"}}}',
        "Unable to configure handler 'a': Cannot resolve 'no.such': No module named 'no'",
    ),
    ("a.json", '{"root": {"handlers": ["b"]}}', "Unable to add handler 'b'"),
    ("a.json", '{"root": {"level": "LOUD"}}', "root logger: Unknown level: 'LOUD'"),
    ("a.yaml", "a: [", "is not YAML: while parsing a flow node"),
    ("a.yml", "- 1", "expected an object with loggers"),
    ("a.ini", "", "[formatters]: expected this section"),
    ("a.ini", "x=1", "File contains no section headers"),
    ("a.ini", "[formatters]\n", "[formatters]: expected keys"),
    ("a.ini", WITHOUT_LOGGER, "[logger_root]: expected this section"),
    ("a.ini", OF_GUNICORN.replace("(sys.stdout, )", "(1 / 0, )"), "[handler_console]: division"),
    ("a.ini", OF_GUNICORN.replace("StreamHandler", "No"), "[handler_console]: No module named"),
    ("a.ini", "\xff", "cannot be read: 'utf-8' codec"),
]


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    for name in ("uvicorn", "gunicorn.error"):
        logging.getLogger(name).handlers = []


def test_a_file_of_uvicorn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.json").write_text(json.dumps(OF_UVICORN))
    configure(tmp_path / "log.json")
    logging.getLogger("uvicorn").info("hello")
    assert capsys.readouterr().err == "INFO:     hello\n"


def test_a_file_of_gunicorn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.ini").write_text(OF_GUNICORN)
    configure(tmp_path / "log.ini")
    logging.getLogger("shop").info("hello")
    assert capsys.readouterr().out.endswith(" [INFO] hello\n")


def test_a_file_of_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = logging.getLogger("other")
    (tmp_path / "log.yaml").write_text(IN_YAML)
    configure(tmp_path / "log.yaml")
    other.warning("not this")
    other.error("this")
    assert capsys.readouterr().err == "this\n"


def test_a_file_may_name_its_folder(tmp_path: Path) -> None:
    written = OF_GUNICORN.replace("StreamHandler", "FileHandler")
    (tmp_path / "log.ini").write_text(written.replace("sys.stdout", '"%(here)s/out.txt"'))
    configure(tmp_path / "log.ini")
    for handler in logging.getLogger().handlers:
        handler.close()
    assert (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(("name", "text", "said"), WRONG)
def test_a_wrong_file_says_where(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        configure(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_yaml_needs_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "log.yaml").write_text(IN_YAML)
    with pytest.raises(ValueError, match=r"needs PyYAML: pip install 'prack-worker\[yaml\]'"):
        configure(tmp_path / "log.yaml")
