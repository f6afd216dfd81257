"""Configurations of the standard library's logging, from files (logging.config)."""

from __future__ import annotations

import json
import logging.config
from configparser import ConfigParser, SectionProxy
from configparser import Error as IniError
from pathlib import Path
from typing import Any

# What a file need not say. As under other servers, loggers that it does not name go on.
BASE = {"version": 1, "disable_existing_loggers": False}
PARTS = frozenset(("formatters", "filters", "handlers", "loggers"))


def configure(path: Path) -> None:
    """Do what this file says: .json, .yaml and .yml are of dictConfig, all others of fileConfig.

    Raises:
        ValueError: with what is wrong in it, and where.
    """
    try:
        if path.suffix == ".json":
            _apply(json.loads(path.read_bytes()))
        elif path.suffix in (".yaml", ".yml"):
            _apply(_yaml(path))
        else:
            _apply_ini(path)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from None


def _yaml(path: Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise ValueError("needs PyYAML: pip install 'prack-worker[yaml]'") from None
    try:
        return yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise ValueError(f"is not YAML: {_one_line(error)}") from None


def _apply(given: Any) -> None:
    if not isinstance(given, dict):
        raise ValueError("expected an object with loggers, handlers and formatters")
    for name in PARTS & given.keys():
        if not isinstance(given[name], dict):
            raise ValueError(f"{name}: expected an object, whose keys are names")
    try:
        logging.config.dictConfig(BASE | given)
    except Exception as error:  # it calls what the file names
        raise ValueError(_reasons(error)) from error


def _apply_ini(path: Path) -> None:
    parser = _Parser({"__file__": str(path), "here": str(path.parent)})
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except IniError as error:
        raise ValueError(_one_line(error)) from None
    try:
        logging.config.fileConfig(parser, disable_existing_loggers=False)
    except KeyError as error:
        (name,) = error.args
        missing = "this section" if name == parser.section else name
        raise ValueError(f"[{parser.section}]: expected {missing}") from error
    except Exception as error:  # it evaluates what the file says
        raise ValueError(f"[{parser.section}]: {_reasons(error)}") from error


class _Parser(ConfigParser):
    """Remembers the section that was asked for last: the one that is wrong, if anything is."""

    section = ""

    def __getitem__(self, key: str) -> SectionProxy:
        self.section = key
        return super().__getitem__(key)


def _reasons(error: BaseException | None) -> str:
    """The error and what caused it: dictConfig says where, its cause says what."""
    reasons: list[str] = []
    while error is not None:
        reason = _one_line(error) or type(error).__name__
        if not reasons or reason not in reasons[-1]:
            reasons.append(reason)
        error = error.__cause__
    return ": ".join(reasons)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
