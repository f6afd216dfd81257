"""The prefix under which clients see an application, whether or not a proxy has taken it off."""

from typing import Any

import pytest

from prack_worker.asgi.application import AsgiApplication
from prack_worker.errors import UsageError
from prack_worker.settings.settings import read_settings
from prack_worker.testing import FakeExchange
from prack_worker.wsgi.application import WsgiApplication

START: Any = {"type": "http.response.start", "status": 200}
TARGETS = [
    (b"/cart?x", "/cart", b"/shop/cart"),
    (b"/shop/cart?x", "/cart", b"/shop/cart"),
    (b"/shop", "", b"/shop"),
    (b"/shop/", "/", b"/shop/"),
    (b"/shopping", "/shopping", b"/shop/shopping"),
    (b"/a%2Fb", "/a/b", b"/shop/a%2Fb"),
    (b"/", "/", b"/shop/"),
]


@pytest.mark.parametrize(("target", "info", "raw"), TARGETS)
async def test_asgi_has_it_in_front_of_the_path(target: bytes, info: str, raw: bytes) -> None:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await send(START)
        await send({"type": "http.response.body"})

    await AsgiApplication(app, root_path="/shop").handle(FakeExchange("GET", target))
    assert scopes[0]["root_path"] == "/shop"
    assert scopes[0]["path"] == "/shop" + info
    assert scopes[0]["raw_path"] == raw


@pytest.mark.parametrize(("target", "info", "raw"), TARGETS)
async def test_wsgi_has_it_as_script_name(target: bytes, info: str, raw: bytes) -> None:
    environs = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        environs.append(environ)
        start_response("200 OK", [])
        return []

    application = WsgiApplication(app, threads=1, root_path="/shop")
    async with application.running():
        await application.handle(FakeExchange("GET", target))
    assert (environs[0]["SCRIPT_NAME"], environs[0]["PATH_INFO"]) == ("/shop", info)
    assert environs[0]["prack.raw_target"] == target.decode()


@pytest.mark.parametrize(
    ("text", "path"), [("", ""), ("/", ""), ("/shop/", "/shop"), ("/a/b", "/a/b")]
)
def test_the_setting(text: str, path: str) -> None:
    assert read_settings({"root_path": text}, {}).root_path == path


@pytest.mark.parametrize("text", ["shop", "//evil", "/a b", "/a?b", "/a%20b"])
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(UsageError, match="--root-path"):
        read_settings({"root_path": text}, {})
