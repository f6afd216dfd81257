"""A REST worker that takes batches of WebSocket events, and does what a test tells it to."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from prack_wire import websocket_events as events
from prack_wire.websocket_events import Decoder, Event

MEDIA = "application/websocket-events"
SECONDS = 10.0


class Batch:
    """One batch of one WebSocket, in this worker's hands."""

    def __init__(self, http: httpx2.AsyncClient, request: dict[str, Any]) -> None:
        self._http = http
        self.identifier: str = request["identifier"]
        self.environment: dict[str, Any] = request["environment"]
        self.headers: list[list[str]] = self.environment["prack.headers"]
        self.body = b64decode(self.environment["body"])

    @property
    def events(self) -> list[Event]:
        """What is in it."""
        decoder = Decoder(1 << 30)
        found = decoder.feed(self.body)
        decoder.end()
        return found

    def header(self, name: str) -> str | None:
        """The only value of this name."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2
        return values[0] if values else None

    async def answer(
        self, *said: Event, status: int = 200, body: bytes | None = None, **headers: str
    ) -> httpx2.Response:
        """Answer with these events, or with this body; `_` in names of headers stands for `-`."""
        data = b"".join(encoded(event) for event in said) if body is None else body
        fields = {"content_type": MEDIA, **headers}
        answer = {
            "identifier": self.identifier,
            "code": status,
            "headers": {name.replace("_", "-"): value for name, value in fields.items()},
            "body": b64encode(data).decode(),
        }
        return await self._http.post("/api/v1/response", json=answer)

    async def gone(self) -> bool:
        """Wait until nobody waits for the answer."""
        state = await self._http.get(
            f"/api/v1/requests/{self.identifier}", params={"wait": SECONDS}
        )
        return state.status_code == 410

    async def release(self) -> None:
        """Give it back."""
        await self._http.post(f"/api/v1/requests/{self.identifier}/release")

    async def error(self, code: str) -> None:
        """End it without an answer."""
        await self._http.post(f"/api/v1/requests/{self.identifier}/error", json={"code": code})


class EventsWorker:
    """Polls only when it is asked to."""

    def __init__(self, http: httpx2.AsyncClient, name: str) -> None:
        self._http = http
        self._name = name

    async def poll(self, **query: Any) -> httpx2.Response:
        """One poll, whatever comes of it."""
        asked = {"wait": SECONDS, "websockets": "events", "worker": self._name, **query}
        given = {name: value for name, value in asked.items() if value is not None}
        return await self._http.get("/api/v1/request", params=given)

    async def batch(self, **query: Any) -> Batch:
        """The next batch; there must be one."""
        response = await self.poll(**query)
        assert response.status_code == 200, response.text
        return Batch(self._http, response.json())

    async def accept(self, *said: Event, **headers: str) -> Batch:
        """Take a handshake, and accept it."""
        opening = await self.batch()
        assert opening.events == [Event(events.OPEN)]
        response = await opening.answer(Event(events.OPEN), *said, **dict[str, Any](headers))
        assert response.status_code == 200, response.text
        return opening


def encoded(event: Event) -> bytes:
    """An event as bytes; one without data has no size."""
    return events.encode(event.name, event.data or None)


def text(said: str) -> Event:
    """A TEXT event."""
    return Event(events.TEXT, said.encode())


def close(code: int, reason: str = "") -> Event:
    """A CLOSE event."""
    return Event(events.CLOSE, events.close_data(code, reason))


@asynccontextmanager
async def events_worker(port: int, name: str = "w1") -> AsyncIterator[EventsWorker]:
    """A worker of the gateway with this REST port."""
    url = f"http://127.0.0.1:{port}"
    # Without TLS, whose certificates take longer to load than most tests.
    async with httpx2.AsyncClient(base_url=url, timeout=SECONDS + 5, verify=False) as http:
        yield EventsWorker(http, name)
