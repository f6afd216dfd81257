"""The settings of requests that outlive their clients."""

import pytest

from prack_grpc.core.queue.routes import Route
from prack_grpc.settings.deferred import routes
from prack_grpc.settings.loading import SettingsError, load

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STORE = {"async_store": "store.db"}


def test_routes_may_end_in_a_star() -> None:
    assert routes("POST hooks.example.com/*; /import ;x.test") == [
        Route("hooks.example.com", "", frozenset({"POST"})),
        Route("", "/import"),
        Route("x.test"),
    ]


def test_all_of_it_together() -> None:
    flags = {"async_route": "POST /*", "callback_hosts": "a.test, 10.0.0.0/8"}
    settings = load({**STORE, **flags}, {"PRACK_CALLBACK_SECRET": SECRET})
    assert settings.callback_hosts == ("a.test", "10.0.0.0/8")
    assert settings.shown()["callback_secret"] == "(set)"


@pytest.mark.parametrize(
    ("flags", "secret", "problem"),
    [
        ({"async_route": "/x"}, None, "--async-route: needs --async-store"),
        ({"async_size": "1MiB"}, None, "--async-size: needs --async-store"),
        ({"async_attempts": "3"}, None, "--async-attempts: needs --async-store"),
        ({"async_age": "60"}, None, "--async-age: needs --async-store"),
        ({"async_keep": "60"}, None, "--async-keep: needs --async-store"),
        ({"callback_hosts": "a.test"}, SECRET, "--callback-hosts: needs --async-store"),
        ({"callback_hosts": "a.test", **STORE}, None, "--callback-hosts: set --callback-secret"),
        ({"async_store": "jetstream"}, None, "--async-store: jetstream needs --nats"),
        (STORE, "secret", "the callback secret: expected whsec_"),
        ({"async_route": "POST /a b", **STORE}, None, "--async-route: expected routes such as"),
        ({"async_route": ";".join(f"/{n}" for n in range(17))}, None, "at most 16 routes"),
        ({"callback_hosts": "https://a.test"}, None, "--callback-hosts: expected hosts such as"),
    ],
)
def test_a_mistake_is_named(flags: dict[str, str], secret: str | None, problem: str) -> None:
    environ = {} if secret is None else {"PRACK_CALLBACK_SECRET": secret}
    with pytest.raises(SettingsError) as error:
        load(flags, environ)
    assert any(problem in one for one in error.value.problems), error.value.problems
