"""Small workers that keep every rule of docs/rest.md, one for each way to pull and push.

They share no line with the real one. Each slot is a thread with a connection of its own.
"""

import base64
import http.client
import json
import os
import signal
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from prack_grpc.conformance.app import Fields

API = "/api/v1"
SLOTS = 4
CA = os.environ.get("PRACK_TLS_CA", "")
FORGET = (404, 409, 410)


@dataclass
class Request:
    """One request; `events` if it is a batch of a WebSocket."""

    identifier: str
    method: str
    target: str
    fields: Fields
    body: bytes
    deadline: float
    events: bool


@dataclass
class Response:
    """The application's; the pieces may raise in the middle."""

    status: int
    fields: Fields
    pieces: Iterable[bytes]


class Retry(Exception):
    """Not now; again after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Api:
    """One connection to the gateway."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        port = parts.port or 0
        self.connection = (
            http.client.HTTPSConnection(parts.hostname or "", port, context=self.trust())
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.hostname or "", port)
        )

    @staticmethod
    def trust() -> ssl.SSLContext:
        """Whom to trust."""
        return ssl.create_default_context(cafile=CA)

    @staticmethod
    def authorization() -> dict[str, str]:
        """The token."""
        return {"Authorization": f"Bearer {os.environ['PRACK_TOKEN']}"}

    def call(
        self, method: str, path: str, body: Any = None, **fields: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One call. Raises OSError or HTTPException when it was lost."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        chunked = {"Transfer-Encoding": "chunked"} if isinstance(body, Iterator) else {}
        try:
            self.connection.request(
                method,
                API + path,
                body,
                {**self.authorization(), **named, **chunked},
                encode_chunked=bool(chunked),
            )
            reply = self.connection.getresponse()
            return reply.status, reply.headers, reply.read()
        except BaseException:
            self.connection.close()
            raise


class Worker:
    """Polls with JSON, and answers with JSON."""

    def __init__(self, url: str, serve: Callable[[Request], Response]) -> None:
        self.url = url
        self.serve = serve
        self.name = f"small-{os.getpid()}"
        self.stopping = threading.Event()

    def run(self) -> int:
        """Serve until SIGTERM; returns the exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # no thread is interrupted
        loops = [threading.Thread(target=self.loop, daemon=True) for _ in range(SLOTS)]
        for loop in loops:
            loop.start()
        signal.sigwait({signal.SIGTERM})
        self.stopping.set()
        while any(loop.is_alive() for loop in loops):
            self.leave()  # again, for a poll that was on its way when we left
            for loop in loops:
                loop.join(0.1)
        return 0

    def leave(self) -> None:
        """Have the parked polls return."""
        about = json.dumps({"worker": self.name, "leaving": True})
        Api(self.url).call("POST", "/drain", about)

    def loop(self) -> None:
        """One slot."""
        api = Api(self.url)
        while not self.stopping.is_set():
            try:
                for request in self.pull(api):
                    self.answer(api, request)
            except Retry as retry:
                self.stopping.wait(retry.seconds)
            except (OSError, http.client.HTTPException):
                self.stopping.wait(0.1)

    def asks(self) -> str:
        """What each poll says."""
        return f"wait=5&worker={self.name}&lease=20&websockets=events"

    def pull(self, api: Api) -> list[Request]:
        """Poll once. Raises Retry."""
        status, fields, content = api.call("GET", f"/request?{self.asks()}&max=1")
        if status != 200:
            raise Retry(self.pause(fields))
        return [self.request(entry) for entry in json.loads(content)["requests"]]

    def pause(self, fields: http.client.HTTPMessage) -> float:
        """How long to wait after a refusal."""
        return float(fields.get("Retry-After", 0.1))

    def request(self, entry: dict[str, Any]) -> Request:
        """Of an entry in JSON."""
        known = entry["environment"]
        return Request(
            entry["identifier"],
            known["REQUEST_METHOD"],
            known["prack.target"],
            [(name.encode("latin-1"), v.encode("latin-1")) for name, v in known["prack.headers"]],
            base64.b64decode(known["body"]),
            known["prack.deadline_ms"] / 1000,
            known.get("prack.websocket") == "events",
        )

    def answer(self, api: Api, request: Request) -> None:
        """Have the application answer."""
        with self.extending(request):
            try:
                self.push(api, request, self.serve(request))
            except RuntimeError:
                self.fail(api, request)

    @contextmanager
    def extending(self, request: Request) -> Iterator[None]:
        """Extend the lease once, if it takes long."""
        extension = threading.Timer(request.deadline / 2, self.extend, (request,))
        extension.daemon = True
        extension.start()
        try:
            yield
        finally:
            extension.cancel()

    def extend(self, request: Request) -> None:
        """Tell that we are alive."""
        Api(self.url).call("POST", f"/requests/{request.identifier}/extend", '{"ms": 20000}')

    def fail(self, api: Api, request: Request) -> None:
        """The application has failed."""
        api.call("POST", f"/requests/{request.identifier}/error", '{"code": "handler_error"}')

    def push(self, api: Api, request: Request, response: Response) -> None:
        """Send an answer until it has arrived."""
        self.deliver(api, "/response", self.message(request, response))

    def message(self, request: Request, response: Response) -> str:
        """An answer in JSON."""
        return json.dumps(
            {
                "identifier": request.identifier,
                "code": response.status,
                "headers": self.headers(response.fields),
                "body": base64.b64encode(b"".join(response.pieces)).decode(),
            }
        )

    def headers(self, fields: Fields) -> Any:
        """Fields in JSON."""
        return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in fields]

    def deliver(self, api: Api, path: str, content: Any, **fields: str) -> None:
        """One call, again if its connection breaks."""
        for _ in range(5):
            try:
                status, _, _ = api.call("POST", path, content, **fields)
            except (OSError, http.client.HTTPException):
                continue
            if self.settled(status):
                return

    def settled(self, status: int) -> bool:
        """Nothing is left to say."""
        return status == 200 or status in FORGET


class Exchanger(Worker):
    """Answers with the next poll."""

    def loop(self) -> None:
        """See Worker."""
        api, kept = Api(self.url), list[Any]()
        while not self.stopping.is_set() or kept:
            most = 0 if self.stopping.is_set() else 1
            ask = {"worker": self.name, "max": most, "wait": 5, "lease": 20}
            ask |= {"websockets": "events", "responses": kept}
            try:
                status, fields, content = api.call("POST", "/exchange", json.dumps(ask))
            except (OSError, http.client.HTTPException):
                self.stopping.wait(0.1)
                continue
            kept = []
            if status != 200:
                self.stopping.wait(self.pause(fields))
                continue
            for entry in json.loads(content)["requests"]:
                request = self.request(entry)
                kept += self.made(api, request)

    def made(self, api: Api, request: Request) -> list[Any]:
        """The answer, for the next call; none if the application has failed."""
        with self.extending(request):
            try:
                return [json.loads(self.message(request, self.serve(request)))]
            except RuntimeError:
                self.fail(api, request)
                return []


class Raw(Worker):
    """Without JSON."""

    def pull(self, api: Api) -> list[Request]:
        """See Worker."""
        status, fields, content = api.call("GET", f"/requests/next?{self.asks()}")
        if status == 204:
            return []
        if status != 200:
            raise Retry(self.pause(fields))
        head, _, body = content.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        method, target, _ = line.decode("latin-1").split(" ")
        named = [one.partition(b":") for one in lines]
        return [
            Request(
                fields["Prack-Id"],
                method,
                target,
                [(name, value.strip()) for name, _, value in named],
                body,
                float(fields["Prack-Deadline-Ms"]) / 1000,
                fields["Prack-Websocket"] == "events",
            )
        ]

    def push(self, api: Api, request: Request, response: Response) -> None:
        """See Worker."""
        path = f"/requests/{request.identifier}/response"
        sent: list[bytes] = []
        pieces = self.pieces(response, sent)
        try:
            api.call("POST", path, pieces, **KIND)
        except (OSError, http.client.HTTPException):
            for _ in pieces:
                pass
            self.deliver(api, path, b"".join(sent), **KIND)
        except RuntimeError:
            return  # its connection is closed, which cuts the response

    def pieces(self, response: Response, sent: list[bytes]) -> Iterator[bytes]:
        """A message, piece by piece."""
        lines = [b"HTTP/1.1 %d kit" % response.status]
        lines += [b"%b: %b" % pair for pair in response.fields]
        sent.append(b"\r\n".join([*lines, b"", b""]))
        yield sent[0]
        for piece in response.pieces:
            if piece:
                sent.append(piece)
                yield piece


KIND = {"Content_Type": "application/http"}
STYLES = {"json": Worker, "exchange": Exchanger, "raw": Raw}
