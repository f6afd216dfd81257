"""What an authority says when it gives no certificate, and how long it wants to hear nothing."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from prack_grpc.acme.authority import Authority, Proofs, Refused
from prack_grpc.acme.signed import new_key
from prack_grpc.settings.loading import load
from tests.support.certificates import Authority as Signer

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Callable[..., Refused]]:
    """What an order comes to at an authority that gives this answer to everything."""
    signer = Signer(tmp_path)
    shown = signer.issue("DNS:localhost")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(shown.cert, shown.key)
    servers: list[ThreadingHTTPServer] = []

    def refused(status: int, body: str, headers: dict[str, str]) -> Refused:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Not in the tests' output."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        flags = {"acme": "anna@shop.example", "acme_domains": "shop.example"}
        flags |= {"acme_store": str(tmp_path), "acme_ca": str(signer.file)}
        flags["acme_directory"] = f"https://localhost:{server.server_port}/"
        authority = Authority(load(flags, {}), new_key(), tmp_path)
        with pytest.raises(Refused) as error:
            authority.order(("shop.example",), Proofs({}, {}, True))
        return error.value

    yield refused
    for server in servers:
        server.shutdown()
        server.server_close()


def test_its_words_and_its_wish_to_wait_are_kept(refused: Callable[..., Refused]) -> None:
    problem = '{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many of you"}'
    error = refused(429, problem, {"Retry-After": "3600"})
    assert str(error) == "too many of you (rateLimited)"
    assert 3590 < error.seconds <= 3600


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, "<html>", "the authority answered 503 Service Unavailable"),
        (200, "{}", "KeyError: .*newAccount"),
        (200, "[]", "Error: "),
        (200, "no JSON", "JSONDecodeError|ClientError"),
    ],
)
def test_an_answer_that_makes_no_sense_is_told(
    refused: Callable[..., Refused], status: int, body: str, said: str
) -> None:
    error = refused(status, body, {})
    assert error.seconds == 0
    assert re.search(said, str(error))


def test_its_words_are_cut() -> None:
    assert len(str(Refused("x" * 10_000))) == 1000


def unreachable(folder: Path, port: int) -> str:
    """What an order comes to at an authority on this port, whom nobody trusts."""
    flags = {"acme": "anna@shop.example", "acme_domains": "shop.example"}
    flags |= {"acme_store": str(folder), "acme_directory": f"https://127.0.0.1:{port}/"}
    with pytest.raises(Refused) as error:
        Authority(load(flags, {}), new_key(), folder).order(("shop.example",), Proofs({}, {}, True))
    return str(error.value)


def test_an_authority_that_is_away_is_told_in_the_systems_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert unreachable(tmp_path, port) == (
        "cannot reach the authority: Connection refused; this machine must be able to call "
        "--acme-directory"
    )


def test_an_authority_whom_nobody_trusts_is_told_with_what_helps(tmp_path: Path) -> None:
    shown = Signer(tmp_path).issue("IP:127.0.0.1")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(shown.cert, shown.key)
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            with suppress(OSError), plain.accept()[0] as client:
                tls.wrap_socket(client, server_side=True)

        serving = threading.Thread(target=serve)
        serving.start()
        said = unreachable(tmp_path, plain.getsockname()[1])
        serving.join()
    assert re.fullmatch(
        "cannot reach the authority: its certificate is not trusted, unable to get .*; "
        "--acme-ca names who may have signed it",
        said,
    )
