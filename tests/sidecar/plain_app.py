"""An application that knows nothing of Prack: HTTP on $PORT, with the standard library alone.

What it says on its output is what tests wait for.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

FOLDER = Path(os.environ.get("APP_DIR", "."))
NOT_READY = 3  # answers to /ready before it is


def say(*words: object) -> None:
    """One line."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Pages(BaseHTTPRequestHandler):
    """A page for each thing that may happen."""

    protocol_version = "HTTP/1.1"
    probes = 0

    def do_GET(self) -> None:
        """/pid, /probes, /port, /ready, /held?NAME, /die?STATUS."""
        page, _, given = self.path.partition("?")
        if page == "/ready":
            Pages.probes += 1
            return self._answer(503 if Pages.probes <= NOT_READY else 204, "")
        if page == "/held":
            say("holding", given)
            while not (FOLDER / given).exists():
                time.sleep(0.01)
            say("released", given)
        if page == "/die":
            os._exit(int(given))
        said = {"/pid": os.getpid(), "/probes": Pages.probes, "/port": os.environ.get("PORT")}
        return self._answer(200, str(said.get(page, self.path)))

    def do_POST(self) -> None:
        """Says what it was sent; /held as for GET."""
        if self.path.startswith("/held"):
            return self.do_GET()
        return self._answer(200, self.rfile.read(int(self.headers["content-length"])).decode())

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of requests."""


def stop(number: int, _: FrameType | None) -> None:
    """What SIGTERM does; `stubborn` stays."""
    say("signal", number)
    if "stubborn" not in sys.argv:
        os._exit(0)


signal.signal(signal.SIGTERM, stop)
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Pages)
say("listening")
server.serve_forever()
