"""Configurations of the standard library's logging, from files (logging.config)."""

from __future__ import annotations

import json
import logging.config
from configparser import Error as IniError
from pathlib import Path
from typing import Any

# What a file need not say. As under other servers, loggers that it does not name go on.
BASE = {"version": 1, "disable_existing_loggers": False}


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
    try:
        logging.config.dictConfig(BASE | given)
    except (ValueError, TypeError, AttributeError, ImportError, KeyError) as error:
        raise ValueError(_reasons(error)) from error


def _apply_ini(path: Path) -> None:
    defaults = {"__file__": str(path), "here": str(path.parent)}
    try:
        logging.config.fileConfig(str(path), defaults, disable_existing_loggers=False)
    except KeyError as error:
        raise ValueError(f"expected {error.args[0]}, which it does not have") from error
    except (IniError, ValueError, RuntimeError, TypeError, AttributeError, ImportError) as error:
        raise ValueError(_reasons(error)) from error


def _reasons(error: BaseException | None) -> str:
    """The error and what caused it: dictConfig says where, its cause says what."""
    reasons = []
    while error is not None:
        reasons.append(_one_line(error) or type(error).__name__)
        error = error.__cause__
    return ": ".join(reasons)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
