"""What the clients of the soak ask for, drawn from a seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from soak.answers import Digest, Script, piece

KIB = 1024
IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
# Up to here the gateway keeps a request's body for a second worker.
KEPT = 64 * KIB
LEAVING = 0.03  # this part of the clients goes away early
ALONE = 0.3  # this part has a connection for one request


@dataclass(frozen=True)
class Order:
    """One request, and how its client behaves.

    The upload is `parts` of `part` bytes, `every` seconds apart. The client stops reading for
    `stall` seconds behind the head, and leaves `leaves` seconds after the start unless that is
    None. An order with `messages` is a WebSocket; a `bad` one must be refused.
    """

    nonce: str
    kind: str
    method: str = "GET"
    script: Script = field(default_factory=Script)
    parts: int = 0
    part: int = 0
    every: float = 0.0
    keyed: bool = False
    stall: float = 0.0
    messages: int = 0
    bad: bool = False
    alone: bool = False
    leaves: float | None = None

    @property
    def repeatable(self) -> bool:
        """A second worker may begin it when the first is lost (RFC 9110 section 9.2.2)."""
        return self.method in IDEMPOTENT or self.keyed

    @property
    def replayable(self) -> bool:
        """A second worker must answer it when the first is lost before its head."""
        return self.repeatable and self.parts * self.part <= KEPT and not self.messages

    @property
    def target(self) -> str:
        """Of the request line."""
        return f"/{self.nonce}?{self.script.query}"

    @property
    def length(self) -> int | None:
        """The Content-Length; an upload that is made slowly has none."""
        return None if self.every else self.parts * self.part

    def upload(self) -> list[bytes]:
        """The parts of the request's body."""
        return [piece(f"{self.nonce} {number} up", self.part) for number in range(self.parts)]

    def answer(self) -> bytes:
        """The body of the response to it."""
        digest = Digest(self.method)
        for part in self.upload():
            digest.add(part)
        return b"".join(self.script.body(self.nonce, str(digest)))


Fields = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """How often it comes, and what it asks for."""

    weight: int
    draw: Callable[[random.Random], Fields]


def _slow(rng: random.Random) -> Script:
    return Script(wait=rng.randrange(100, 700), size=rng.randrange(32, 2000))


def _get(rng: random.Random) -> Fields:
    return {"script": Script(size=rng.randrange(32, 4 * KIB))}


def _slow_get(rng: random.Random) -> Fields:
    return {"script": _slow(rng)}


def _post(rng: random.Random) -> Fields:
    return {"method": "POST", "script": _slow(rng), "parts": 1, "part": rng.randrange(4 * KIB)}


def _keyed_post(rng: random.Random) -> Fields:
    return _post(rng) | {"keyed": True}


def _put(rng: random.Random) -> Fields:
    return _post(rng) | {"method": "PUT", "part": rng.randrange(KEPT)}


def _slow_upload(rng: random.Random) -> Fields:
    method = rng.choice(("POST", "PUT"))
    return {"method": method, "parts": 8, "part": rng.randrange(1, 20 * KIB), "every": 0.1}


def _large_upload(rng: random.Random) -> Fields:
    method = rng.choice(("POST", "PUT"))
    return {"method": method, "parts": rng.randrange(4, 32), "part": 32 * KIB, "script": _slow(rng)}


def _stream(rng: random.Random) -> Fields:
    script = Script(wait=rng.randrange(50), pieces=rng.randrange(4, 20), size=200, every=50)
    return {"script": script, "method": rng.choice(("GET", "POST"))}


def _download(rng: random.Random) -> Fields:
    return {"script": Script(pieces=rng.randrange(4, 32), size=64 * KIB)}


def _stalled(rng: random.Random) -> Fields:
    return _download(rng) | {"stall": rng.uniform(0.2, 2)}


def _socket(rng: random.Random) -> Fields:
    return {"messages": rng.randrange(2, 20), "every": 0.1}


def _bad(rng: random.Random) -> Fields:
    return {"bad": True, "alone": True, "method": rng.choice(("GET", "POST"))}


KINDS = {
    "get": Kind(25, _get),
    "slow get": Kind(15, _slow_get),
    "post": Kind(20, _post),
    "post with a key": Kind(8, _keyed_post),
    "put": Kind(8, _put),
    "slow upload": Kind(4, _slow_upload),
    "large upload": Kind(3, _large_upload),
    "stream": Kind(8, _stream),
    "download": Kind(2, _download),
    "stalled reader": Kind(2, _stalled),
    "websocket": Kind(4, _socket),
    "bad request": Kind(1, _bad),
}
NAMES = list(KINDS)
WEIGHTS = [kind.weight for kind in KINDS.values()]
# What keeps every slot busy for a while: these wait, are held, and are answered slowly.
BURST = ("slow get", "post", "post with a key", "put", "stream")


class Orders:
    """An endless sequence; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._seed = seed
        self._count = 0

    def next(self) -> Order:
        """Any request."""
        return self._draw(self._rng.choices(NAMES, WEIGHTS)[0])

    def burst(self, count: int) -> list[Order]:
        """Requests that take a while."""
        return [self._draw(self._rng.choice(BURST)) for _ in range(count)]

    def flood(self, count: int) -> list[Order]:
        """Small requests, each on a connection of its own."""
        return [replace(self._draw("get"), alone=True) for _ in range(count)]

    def pipeline(self) -> list[Order]:
        """Requests for one connection that wait for no response."""
        count = self._rng.randrange(2, 5)
        return [replace(self._draw("get"), alone=False, leaves=None) for _ in range(count)]

    def _draw(self, kind: str) -> Order:
        rng, nonce = self._rng, f"s{self._seed}-{self._count}"
        self._count += 1
        leaves = rng.uniform(0, 1) if rng.random() < LEAVING else None
        order = Order(nonce, kind, alone=rng.random() < ALONE, leaves=leaves)
        return replace(order, **KINDS[kind].draw(rng))
