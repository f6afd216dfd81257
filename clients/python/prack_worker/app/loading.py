"""Finds the application: what it is, or what "module:attribute" names."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path

from prack_worker.errors import AppLoadError

IMPORTERS = (__file__, importlib.__file__, "<frozen importlib")


def load(app: object, app_dir: Path, *, factory: bool = False) -> object:
    """The object at "package.module:attribute.attribute", or `app` itself if that is no name.

    With `factory`, what it returns. Lines about it say that it was looked for in `app_dir`.

    Raises:
        AppLoadError: in one line, what to correct.
    """
    found = _named(app, app_dir) if isinstance(app, str) else app
    return _build(found, name_of(app), app_dir) if factory else found


def name_of(app: object) -> str:
    """How lines call it."""
    return app if isinstance(app, str) else getattr(app, "__qualname__", type(app).__name__)


def _named(name: str, app_dir: Path) -> object:
    module_name, _, attributes = name.partition(":")
    if not module_name or not attributes:
        raise AppLoadError(
            f'"{name}" does not name an application: expected MODULE:ATTRIBUTE, such as main:app'
        )
    found = _import(module_name, app_dir)
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise AppLoadError(f'"{module_name}" has no attribute "{attributes}"') from None
    return found


def _import(module_name: str, app_dir: Path) -> object:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            text = f'no module "{error.name}": it is neither in {app_dir} (--app-dir) nor installed'
            raise AppLoadError(text) from None
        text = _blame(f'"{module_name}" cannot be imported', error, app_dir)
        raise AppLoadError(text) from _without_ours(error)
    except Exception as error:
        text = _blame(f'"{module_name}" cannot be imported', error, app_dir)
        raise AppLoadError(text) from _without_ours(error)


def _build(factory: object, name: str, app_dir: Path) -> object:
    if not callable(factory):
        raise AppLoadError(f'"{name}" is not callable, so it is not a factory: remove --factory')
    try:
        return factory()
    except Exception as error:
        text = _blame(f'the factory "{name}" failed', error, app_dir)
        raise AppLoadError(text) from _without_ours(error)


def _blame(what: str, error: Exception, app_dir: Path) -> str:
    """One line: the error, and the innermost place in the user's code that it came from."""
    lines = str(error).strip().splitlines()
    text = f"{what}: {type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")
    if isinstance(error, SyntaxError):
        return f"{text} at {error.filename}:{error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(_without_ours(error).__traceback__)
        if not frame.filename.startswith("<frozen")
    ]
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(app_dir)]
    place = (own or frames)[-1:]
    return f"{text} at {place[0].filename}:{place[0].lineno}" if place else text


def _without_ours(error: Exception) -> Exception:
    """The error, with a traceback that begins in the module, not in what imports it."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename.startswith(IMPORTERS):
        at = at.tb_next
    return error.with_traceback(at)
