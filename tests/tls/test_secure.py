"""What leads clients to TLS: redirects and HSTS."""

import json

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.secure import Redirect
from prack_grpc.handover.sockets import Sockets
from prack_grpc.redirects import redirecting
from prack_grpc.settings.loading import SettingsError, load
from prack_grpc.settings.settings import Settings
from prack_worker.proxy.address import free_port
from tests.conftest import Gateway, Start
from tests.support.certificates import Authority, Issued
from tests.support.client import RawClient, Response
from tests.support.scripted_worker import connect
from tests.tls.conftest import secure


@pytest.fixture
def port() -> int:
    """Where clients without TLS come."""
    return free_port()


@pytest.fixture
async def gateway(start: Start, shown: Issued, port: int) -> Gateway:
    """A gateway that redirects them, and has browsers come to TLS from then on."""
    return await start(**shown.settings(), http_redirect=port, hsts=3600)


async def redirected(port: int, request: bytes) -> Response:
    """The answer to these bytes, after which the connection ends."""
    client = await RawClient.connect(port)
    await client.send(request)
    response = await client.response()
    assert response.header(b"connection") == b"close"
    assert await client.closed()
    await client.close()
    return response


@pytest.mark.parametrize(
    ("line", "host", "location"),
    [
        (b"GET /a/%2f?b=c%20d", b"shop.example", b"https://shop.example/a/%2f?b=c%20d"),
        (b"GET /", b"shop.example:80", b"https://shop.example:PORT/"),
        (b"GET //evil.example/", b"shop.example", b"https://shop.example//evil.example/"),
        (b"POST /", b"[::1]:8080", b"https://[::1]:PORT/"),
        (b"GET /", b"[::1]", b"https://[::1]/"),
        (b"OPTIONS *", b"shop.example", b"https://shop.example"),
        (b"GET http://other.example/x", b"shop.example", b"https://other.example/x"),
    ],
)
async def test_clients_are_sent_to_the_same_place(
    gateway: Gateway, port: int, line: bytes, host: bytes, location: bytes
) -> None:
    response = await redirected(port, b"%b HTTP/1.1\r\nhost: %b\r\n\r\n" % (line, host))
    assert response.status == 308
    expected = location.replace(b"PORT", b"%d" % gateway.port)
    assert response.header(b"location") == expected


async def test_proofs_for_authorities_are_answered_and_all_else_redirected(port: int) -> None:
    path, limits = "/.well-known/acme-challenge/token", ConnectionLimits()
    public = HttpServer(Redirect(443, {}), limits, Admission(limits, lambda _: True))
    settings = Settings.model_validate({"host": "127.0.0.1", "http_redirect": port})
    answers = {path: b"token.thumbprint"}
    async with redirecting(settings, Sockets(), public, 443, answers, lambda: False):
        shown = await redirected(port, b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % path.encode())
        other = await redirected(port, b"GET %bx HTTP/1.1\r\nhost: a\r\n\r\n" % path.encode())
    assert (shown.status, shown.body) == (200, b"token.thumbprint")
    assert shown.header(b"content-type") == b"application/octet-stream"
    assert other.status == 308


async def test_a_body_does_not_stop_a_redirect(gateway: Gateway, port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n"
    assert (await redirected(port, head + bytes(1000))).status == 308


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: evil.example/x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: user@evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost:\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
async def test_a_bad_host_is_refused_as_on_the_public_port(
    gateway: Gateway, port: int, request_: bytes
) -> None:
    response = await redirected(port, request_)
    assert response.status == 400
    assert response.header(b"location") is None
    assert json.loads(response.body)["code"]


async def test_responses_over_tls_have_the_policy(gateway: Gateway, authority: Authority) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        for own, policy in ((None, b"max-age=3600"), (b"max-age=1", b"max-age=1")):
            client = await secure(gateway, authority)
            await client.get()
            request = await worker.event("requests")
            headers = [b"strict-transport-security", own] if own else []
            head = pb.ResponseHead(id=request.id, status=200, headers=headers, end=True)
            await worker.send(heads=[head])
            response = await client.response()
            fields = [value for name, value in response.headers if name.startswith(b"strict-")]
            assert fields == [policy]


async def test_without_the_setting_there_is_no_policy(
    start: Start, shown: Issued, authority: Authority
) -> None:
    client = await secure(await start(**shown.settings()), authority)
    await client.get(b"*", method=b"OPTIONS")
    assert (await client.response()).header(b"strict-transport-security") is None


def test_private_ports_that_demand_certificates_may_be_reached_without_a_token() -> None:
    hosts = dict.fromkeys(("api_host", "grpc_host", "admin_host"), "0.0.0.0")
    files = {"api_tls_cert": "a.pem", "api_tls_key": "a.key"}
    assert load({**hosts, **files, "client_ca": "ca.pem"}, {}).token is None
    with pytest.raises(SettingsError, match="reachable from other hosts"):
        load({**hosts, **files}, {})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"http_redirect": "80"}, "--http-redirect: needs --tls-cert"),
        ({"hsts": "1"}, "--hsts: needs --tls-cert"),
        ({"client_ca": "ca.pem"}, "--client-ca: needs --api-tls-cert"),
        ({"tls_cert": "a"}, "--tls-key: expected a key for each --tls-cert, 1 in all, got 0"),
        ({"api_tls_key": "a,b"}, "--api-tls-key: expected a key for each --api-tls-cert, 0 in all"),
        ({"tls_cert": "a", "tls_key": "a", "http_redirect": "8080"}, "must differ from --port"),
    ],
)
def test_settings_that_do_not_go_together_are_told(flags: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(flags, {})
