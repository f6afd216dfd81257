"""What is no gateway, but answers like one."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

Answer = Callable[..., int]


@pytest.fixture
def answer() -> Iterator[Answer]:
    """Serves one answer to every call, or one to each path; the port."""
    with ExitStack() as stack:

        def answer(body: bytes | Mapping[str, bytes], status: int = 200, reason: str = "OK") -> int:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    path = self.path.partition("?")[0]
                    told = body if isinstance(body, bytes) else body[path]
                    self.wfile.write(b"HTTP/1.0 %d %b\r\n\r\n" % (status, reason.encode()) + told)

                do_POST = do_PUT = do_GET

                def log_message(self, format: str, *args: object) -> None:
                    """Not among what the command prints."""

            server = stack.enter_context(HTTPServer(("127.0.0.1", 0), Handler))
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return int(server.server_address[1])

        yield answer
