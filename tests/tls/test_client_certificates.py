"""Ports that demand a certificate: none, a foreign one, the right one, and whose it is."""

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.listener import Listener
from prack_grpc.private.certificate import of_connection
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import Certificates
from tests.conftest import Gateway, Start
from tests.support.certificates import Authority, Issued
from tests.support.client import Cut, RawClient
from tests.support.scripted_worker import CONNECT

HTTP = ("api_port", "admin_port")
HEALTH = "/grpc.health.v1.Health/Check"
UPGRADE = b"connection: upgrade\r\nupgrade: prack.v1"


@pytest.fixture
async def gateway(start: Start, authority: Authority, shown: Issued) -> Gateway:
    """A gateway whose private ports are for those only whose certificate this authority signed."""
    return await start(**shown.settings(), **shown.settings("api_tls"), client_ca=authority.file)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """A certificate of another authority."""
    return Authority(tmp_path_factory.mktemp("foreign")).issue("DNS:worker.example")


@pytest.fixture(scope="module")
def right(authority: Authority) -> Issued:
    """A certificate of a worker."""
    return authority.issue("DNS:worker.example", "URI:spiffe://example/worker")


async def called(
    gateway: Gateway, name: str, authority: Authority, own: Issued | None
) -> RawClient:
    """A client of this port that shows its own certificate, if it has one."""
    client = await dialled(getattr(gateway, name), authority, own)
    gateway.clients.append(client)
    return client


async def dialled(port: int, authority: Authority, own: Issued | None) -> RawClient:
    """The same, which the test has to close."""
    context = authority.client()
    if own is not None:
        context.load_cert_chain(own.cert, own.key)
    client = RawClient(*await asyncio.open_connection("localhost", port, ssl=context))
    client.host = b"localhost"
    return client


def channel(gateway: Gateway, authority: Authority, own: Issued | None) -> grpc.aio.Channel:
    """The same over gRPC."""
    pair = (own.key.read_bytes(), own.cert.read_bytes()) if own else (None, None)
    shown = grpc.ssl_channel_credentials(authority.file.read_bytes(), *pair)
    return grpc.aio.secure_channel(f"localhost:{gateway.grpc_port}", shown)


def health(there: grpc.aio.Channel) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    """A call that any caller may make."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = there.unary_unary(HEALTH)
    return call


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize("path", [b"/livez", b"/api/v1/request?wait=0"])
async def test_nothing_is_said_without_a_certificate(
    gateway: Gateway, authority: Authority, foreign: Issued, name: str, path: bytes
) -> None:
    for own in (None, foreign):
        with pytest.raises((Cut, ssl.SSLError, ConnectionError)):  # noqa: PT012 - either may
            client = await called(gateway, name, authority, own)
            await client.get(path)
            await client.response()


@pytest.mark.parametrize("name", HTTP)
async def test_with_the_right_one_the_port_answers(
    gateway: Gateway, authority: Authority, right: Issued, name: str
) -> None:
    client = await called(gateway, name, authority, right)
    await client.get(b"/livez")
    assert (await client.response()).status == 200


async def test_a_name_of_the_certificate_is_one_of_the_port(
    start: Start, authority: Authority, right: Issued
) -> None:
    own = authority.issue("DNS:localhost", "DNS:gateway.example", file="named-gateway")
    gateway = await start(**own.settings("api_tls"), client_ca=authority.file)
    for host, status in ((b"gateway.example:4242", 404), (b"evil.example", 403)):
        client = await called(gateway, "api_port", authority, right)
        client.host = host
        await client.get(b"/api/v1/request?wait=0")
        assert (await client.response()).status == status


async def test_grpc_demands_it_as_well(
    gateway: Gateway, authority: Authority, foreign: Issued, right: Issued
) -> None:
    for own in (None, foreign):
        async with channel(gateway, authority, own) as wrong:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await health(wrong)(b"")
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    async with channel(gateway, authority, right) as admitted:
        assert await health(admitted)(b"") == b"\x08\x01"


async def test_the_public_port_demands_none(gateway: Gateway, authority: Authority) -> None:
    client = await called(gateway, "port", authority, None)
    await client.get(b"*", method=b"OPTIONS")
    assert (await client.response()).status == 204


HELLO = pb.WorkerFrame(
    hello=pb.Hello(worker_id="w1", minor_min=1, minor_max=1, capacity=pb.Capacity(max_in_flight=1))
)


def connected(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The certificates of the workers that the log names."""
    lines = map(vars, caplog.records)
    return [one["certificate"] for one in lines if one.get("action") == "worker_connected"]


@pytest.fixture
def info(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log, with what is no warning."""
    caplog.set_level("INFO", "prack_grpc")
    return caplog


async def test_the_log_names_the_certificate_of_a_worker_over_grpc(
    gateway: Gateway, authority: Authority, right: Issued, info: pytest.LogCaptureFixture
) -> None:
    async with channel(gateway, authority, right) as admitted:
        call: grpc.aio.StreamStreamCall[bytes, bytes] = admitted.stream_stream(CONNECT)()
        await call.write(HELLO.SerializeToString())
        await call.read()
        call.cancel()
    assert connected(info) == ["worker.example"]


async def test_the_log_names_the_certificate_of_a_worker_on_a_plain_connection(
    gateway: Gateway, authority: Authority, right: Issued, info: pytest.LogCaptureFixture
) -> None:
    client = await called(gateway, "api_port", authority, right)
    await client.get(b"/api/v1/stream", UPGRADE)
    assert (await client.head()).status == 101
    frame = HELLO.SerializeToString()
    await client.send(len(frame).to_bytes(4, "big") + frame)
    await client.reader.readexactly(4)
    assert connected(info) == ["worker.example"]


@pytest.mark.parametrize(
    ("sans", "name"),
    [
        (["URI:spiffe://example/worker", "DNS:a", "DNS:b"], "a"),
        (["IP:127.0.0.1", "URI:spiffe://example/worker"], "spiffe://example/worker"),
        (["IP:127.0.0.1"], "common"),
        ([], "common"),
    ],
)
def test_the_name_is_the_best_of_the_certificate(
    authority: Authority, sans: list[str], name: str
) -> None:
    own = authority.issue(*sans, file="named", subject="common")
    client, server = authority.client(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.check_hostname = False
    server.load_cert_chain(own.cert, own.key)
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: server.wrap_socket(listening.accept()[0], server_side=True).close())
        with socket.create_connection(listening.getsockname()) as plain:
            with client.wrap_socket(plain) as connection:
                shown = of_connection(connection.getpeercert())
                assert shown is not None
                assert shown.name == name


async def test_an_application_is_told_whose_certificate_it_was(
    authority: Authority, shown: Issued, right: Issued
) -> None:
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.append(scope["extensions"]["prack"]["certificate"].name)
        await PlainTextResponse()(scope, receive, send)

    files = {**shown.settings("api_tls"), "client_ca": authority.file}
    certificates = Certificates(Settings.model_validate(files), "api_tls")
    admission = Admission(ConnectionLimits(), exempt=lambda _: True)
    server = HttpServer(app, ConnectionLimits(), admission)
    sock = socket.create_server(("127.0.0.1", 0))
    listener = Listener(server, sock, certificates=certificates)
    await listener.start()
    client = await dialled(sock.getsockname()[1], authority, right)
    await client.get()
    await client.response()
    assert told == ["worker.example"]
    await client.close()
    listener.leave(shared=True)
    await listener.stop()


def test_without_a_certificate_there_is_no_name() -> None:
    assert of_connection(None) is None
    assert of_connection({}) is None
