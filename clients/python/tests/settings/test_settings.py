"""Settings: flag before variable before default, and all mistakes at once."""

import os
from pathlib import Path

import pytest

from prack_wire.cores import cores
from prack_worker.errors import UsageError
from prack_worker.settings.options import OPTIONS
from prack_worker.settings.settings import read_settings
from prack_worker.settings.values import Gateway, parse_gateway, parse_routes
from prack_worker.transport import Route


def test_the_defaults() -> None:
    settings = read_settings({}, {})
    assert settings.gateway == (Gateway("prack", "127.0.0.1:4242"),)
    assert (settings.slots, settings.interface, settings.grace) == (0, "auto", 30.0)
    assert settings.app_dir == Path.cwd()


def test_a_flag_counts_more_than_a_variable() -> None:
    environ = {"PRACK_SLOTS": "5", "PRACK_GRACE": "7", "PRACK_APP_VERSION": "1"}
    settings = read_settings({"slots": "9", "grace": None}, environ)
    assert (settings.slots, settings.grace, settings.app_version) == (9, 7.0, "1")


def test_an_empty_variable_is_no_setting() -> None:
    assert read_settings({}, {"PRACK_GATEWAY": "", "PRACK_GRACE": ""}) == read_settings({}, {})


def test_each_option_has_a_variable() -> None:
    assert {option.variable_name() for option in OPTIONS} == {
        "PRACK_APP_DIR", "PRACK_APP_VERSION", "PRACK_FACTORY", "PRACK_GATEWAY", "PRACK_GRACE",
        "PRACK_INTERFACE", "PRACK_LOG_LEVEL", "PRACK_ROUTES", "PRACK_SERVICE", "PRACK_SLOTS",
        "PRACK_MAX_SILENCE", "PRACK_ROOT_PATH", "PRACK_TIER", "PRACK_TOKEN", "PRACK_TOKEN_FILE",
        "PRACK_WEBSOCKET_SLOTS", "PRACK_TLS_CA", "PRACK_CLIENT_CERT", "PRACK_CLIENT_KEY",
        "PRACK_TLS_SERVER_NAME", "PRACK_PROXY", "PRACK_READY", "PRACK_RESTART", "SSL_CERT_DIR",
        "SSL_CERT_FILE", "PRACK_WORKER_LOG_FORMAT", "PRACK_LOG_CONFIG", "PRACK_WORKER_ACCESS_LOG",
        "PRACK_ENV_FILE",
        "PRACK_WORKER_PROCESSES", "WEB_CONCURRENCY", "PRACK_PRELOAD",
        "PRACK_MAX_REQUESTS", "PRACK_MAX_REQUESTS_JITTER", "PRACK_MAX_LIFETIME",
        "PRACK_RELOAD", "PRACK_RELOAD_DIR", "PRACK_RELOAD_INCLUDE",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "gateway"),
    [
        ("grpc://host", Gateway("grpc", "host:4243")),
        ("grpc://[::1]:5", Gateway("grpc", "[::1]:5")),
        ("prack://host", Gateway("prack", "host:4242")),
        ("http://10.0.0.1/", Gateway("http", "10.0.0.1:4242")),
        ("https://host:8443", Gateway("https", "host:8443")),
        ("pracks://host", Gateway("pracks", "host:4242")),
        ("grpcs://host", Gateway("grpcs", "host:4243")),
    ],
)
def test_gateways(text: str, gateway: Gateway) -> None:
    assert parse_gateway(text) == gateway


def test_several_gateways() -> None:
    given = {"PRACK_GATEWAY": "prack://a, prack://b:1,prack://a:4242"}
    assert read_settings({}, given).gateway == (Gateway("prack", "a:4242"), Gateway("prack", "b:1"))


@pytest.mark.parametrize(
    ("text", "routes"),
    [
        ("", []),
        ("/api", [Route("", "/api")]),
        ("shop.example.com/cart, /api/", [Route("shop.example.com", "/cart"), Route("", "/api")]),
        ("GET,HEAD *.Example.com/", [Route("*.example.com", "", ("GET", "HEAD"))]),
        ("/a,GET,HEAD /b,/c", [Route("", "/a"), Route("", "/b", ("GET", "HEAD")), Route("", "/c")]),
        ("localhost", [Route("localhost")]),
        ("*/x", [Route("", "/x")]),
    ],
)
def test_routes(text: str, routes: list[Route]) -> None:
    assert list(parse_routes(text)) == routes


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("gateway", "ftp://x", "expected prack://"),
        ("gateway", "localhost:4242", "expected prack://"),
        ("gateway", "127.0.0.1", "expected prack://"),
        ("gateway", "grpc://", "only a host"),
        ("gateway", "prack://a,grpc://b", "expected one scheme for all, got grpc and prack"),
        ("gateway", "prack://a,", "expected prack://"),
        ("tls_cert", "cert.pem", "needs --tls-key"),
        ("tls_key", "key.pem", "needs --tls-cert"),
        ("tls_server_name", "a b", "expected a name"),
        ("gateway", "http://x/api", "only a host"),
        ("gateway", "grpc://x:99999", "Port out of range"),
        ("slots", "0", "1 to 10000"),
        ("slots", "10001", "1 to 10000"),
        ("websocket_slots", "-1", "0 to 10000"),
        ("websocket_slots", "10001", "0 to 10000"),
        ("slots", "many", "1 to 10000"),
        ("interface", "cgi", "one of auto, asgi, wsgi"),
        ("route", "GET a b/", "not methods"),
        ("route", "/\u00e9", "not a route"),
        ("route", "a_b!/x", "not a route"),
        ("route", "G@T /x", "not methods"),
        ("route", "GET,POST", "has no host or path"),
        ("service", "a b", "visible ASCII"),
        ("app_dir", "/nowhere/at/all", "not a directory"),
        ("factory", "maybe", "1 or 0"),
        ("grace", "-1", "0 to 86400"),
        ("grace", "nan", "0 to 86400"),
        ("token_file", "/nowhere/at/all", "cannot be read"),
        ("log_level", "loud", "one of debug"),
        ("processes", "0", "1 to 256, or auto"),
        ("processes", "many", "1 to 256, or auto"),
        ("max_requests", "-1", "0 to 1000000000"),
        ("max_lifetime", "1h", "0 to 31536000"),
        ("reload_dir", "/,/nowhere/at/all", "/nowhere/at/all is not a directory"),
        ("reload_include", "*.html,/", "expected patterns such as *.html"),
        ("reload_include", "/a/*.html", "expected patterns such as *.html"),
    ],
)
def test_mistakes(name: str, value: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_settings({name: value}, {})
    assert said in str(raised.value)
    assert str(raised.value).startswith(f"--{name.replace('_', '-')} ")


def test_all_mistakes_come_at_once_and_name_their_source() -> None:
    with pytest.raises(UsageError) as raised:
        read_settings({"slots": "0"}, {"PRACK_GRACE": "x", "PRACK_TOKEN": "se cret"})
    lines = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "PRACK_TOKEN",
        '--slots "0"',
        'PRACK_GRACE "x"',
    ]
    assert "se cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("flags", "environ", "wanted"),
    [
        ({}, {}, 0),
        ({"processes": "3"}, {"WEB_CONCURRENCY": "2"}, 3),
        ({}, {"WEB_CONCURRENCY": "2"}, 2),
        ({"reload": "1"}, {"WEB_CONCURRENCY": "2"}, 0),
        ({"preload": "1"}, {}, 1),
        ({"max_requests": "10"}, {}, 1),
        ({"max_lifetime": "10"}, {"PRACK_WORKER_PROCESSES": "2"}, 2),
    ],
)
def test_how_many_processes_are_wanted(
    flags: dict[str, str], environ: dict[str, str], wanted: int
) -> None:
    assert read_settings(flags, environ).wanted == wanted


def test_auto_is_a_process_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)))
    assert read_settings({"processes": "auto"}, {}).wanted == min(cores(), 3)


def test_what_is_watched_may_be_several() -> None:
    settings = read_settings({"reload_dir": "/, /usr", "reload_include": "*.html, .env"}, {})
    assert settings.reload_dir == (Path("/"), Path("/usr"))
    assert settings.reload_include == ("*.html", ".env")


def test_a_token_file_must_hold_a_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("se cret")
    with pytest.raises(UsageError, match="visible ASCII") as raised:
        read_settings({"token_file": str(file)}, {})
    assert "se cret" not in str(raised.value)
    file.write_text("secret\n")
    assert read_settings({"token_file": str(file)}, {}).token_file == file
