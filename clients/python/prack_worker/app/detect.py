"""Tells ASGI applications from WSGI ones by how they can be called."""

from __future__ import annotations

import inspect
from typing import Literal

from prack_worker.errors import AppLoadError

Interface = Literal["asgi", "wsgi"]
ASGI_2 = "the application is an ASGI 2 application (a double callable); use ASGI 3 or WSGI"


def detect(app: object) -> Interface:
    """How to call `app`: `await app(scope, receive, send)` or `app(environ, start_response)`.

    Raises:
        AppLoadError: it is neither, or it cannot be told; one line.
    """
    if not callable(app):
        raise AppLoadError(f"the application is a {type(app).__name__}, which is not callable")
    two, three = _takes(app, 2), _takes(app, 3)
    if inspect.isclass(app):
        if two and hasattr(app, "__iter__"):  # PEP 3333: a class whose instances are the response
            return "wsgi"
        raise AppLoadError(_explain_class(app))
    if three and (_is_async(app) or not two):
        return "asgi"
    if two and not three and not _is_async(app):
        return "wsgi"
    raise AppLoadError(_explain(app))


def _is_async(app: object) -> bool:
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(
        getattr(app, "__call__", None)  # noqa: B004 - a look at the method, not a test for it
    )


def _takes(app: object, count: int) -> bool:
    """Whether `app` can be called with so many positional arguments."""
    if not callable(app):
        return False
    try:
        inspect.signature(app).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _explain_class(app: object) -> str:
    if _takes(app, 1) and hasattr(app, "__call__"):  # noqa: B004 - as above
        return ASGI_2
    return "the application is a class: name an instance of it, or call it with --factory"


def _explain(app: object) -> str:
    if _takes(app, 2) or not (_takes(app, 0) or _takes(app, 1)):
        return "cannot detect whether the application is ASGI or WSGI: set --interface"
    if _takes(app, 0):
        return "the application takes no arguments: if it is a factory, add --factory"
    return ASGI_2
