"""ASGI or WSGI, told by how an application can be called."""

import functools
from typing import Any

import pytest

from prack_worker.app.detect import detect
from prack_worker.errors import AppLoadError


async def asgi_function(scope: Any, receive: Any, send: Any) -> None: ...


def wsgi_function(environ: Any, start_response: Any) -> Any: ...


def asgi_by_arguments(scope: Any, receive: Any, send: Any) -> Any: ...


class AsgiInstance:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class WsgiInstance:
    def __call__(self, environ: Any, start_response: Any) -> Any: ...

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None: ...


class WsgiClass:
    def __init__(self, environ: Any, start_response: Any) -> None: ...

    def __iter__(self) -> Any: ...


class Asgi2:
    def __init__(self, scope: Any) -> None: ...

    async def __call__(self, receive: Any, send: Any) -> None: ...


def asgi2_function(scope: Any) -> Any: ...


def factory() -> Any: ...


def anything(*args: Any) -> Any: ...


@pytest.mark.parametrize(
    "app",
    [
        asgi_function,
        asgi_by_arguments,
        AsgiInstance(),
        WsgiInstance().asgi,
        functools.partial(asgi_function),
        functools.partial(AsgiInstance()),
    ],
)
def test_asgi(app: object) -> None:
    assert detect(app) == "asgi"


@pytest.mark.parametrize("app", [wsgi_function, WsgiInstance(), WsgiClass])
def test_wsgi(app: object) -> None:
    assert detect(app) == "wsgi"


@pytest.mark.parametrize("framework", ["fastapi:FastAPI", "starlette.applications:Starlette"])
def test_asgi_frameworks(framework: str) -> None:
    module, _, name = framework.partition(":")
    assert detect(getattr(pytest.importorskip(module), name)()) == "asgi"


def test_flask() -> None:
    assert detect(pytest.importorskip("flask").Flask("app")) == "wsgi"


def test_django() -> None:
    pytest.importorskip("django")
    from django.conf import settings
    from django.core.asgi import ASGIHandler
    from django.core.wsgi import WSGIHandler

    if not settings.configured:
        settings.configure()
    assert detect(WSGIHandler()) == "wsgi"
    assert detect(ASGIHandler()) == "asgi"


@pytest.mark.parametrize(
    ("app", "advice"),
    [
        ("text", "a str, which is not callable"),
        (Asgi2, "ASGI 2"),
        (asgi2_function, "ASGI 2"),
        (AsgiInstance, "name an instance"),
        (factory, "--factory"),
        (anything, "--interface"),
        (type("Opaque", (), {"__call__": min})(), "--interface"),
    ],
)
def test_what_cannot_be_used_is_explained(app: object, advice: str) -> None:
    with pytest.raises(AppLoadError, match=advice):
        detect(app)
