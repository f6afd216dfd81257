"""The server that stands behind a proxy in place of Prack."""

import socket

from attack.stub import ANSWER
from tests.acceptance.processes import PYTHON, Process


def test_it_answers_what_has_no_body_and_drops_all_else() -> None:
    process = Process(PYTHON, "-m", "attack.stub")
    try:
        address = ("127.0.0.1", int(process.line(r"port: (\d+)")[1]))
        with (
            socket.create_connection(address, 5.0) as upload,
            socket.create_connection(address, 5.0) as get,
        ):
            upload.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            upload.sendall(b"1\r\nb\r\n0\r\n\r\n")
            upload.shutdown(socket.SHUT_WR)
            assert upload.recv(1024) == b""
            for _ in range(2):
                get.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert get.recv(1024) == ANSWER
    finally:
        process.kill()
