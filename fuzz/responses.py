"""A client that takes nothing for HTTP that RFC 9112 does not call so."""

import re
from dataclasses import dataclass

from fuzz.clock import Found

HEAD = re.compile(
    rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t -~]*\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[\t -~\x80-\xff]*\r\n)*)\r\n"
)
TRAILERS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[\t -~\x80-\xff]*\r\n)*\r\n")
CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
LENGTH = re.compile(rb"[0-9]{1,18}")
BODILESS = (204, 304)


@dataclass
class Response:
    """Names are in lower case. `complete` is false when the connection has ended before it did."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    complete: bool = True

    def values(self, name: bytes) -> list[bytes]:
        """Of all fields of this name."""
        return [value for key, value in self.headers if key == name]


class Reader:
    """Reads responses from what a server has written; `head` says there was a HEAD among them."""

    def __init__(self, data: bytes, ended: bool, head: bool = False) -> None:
        self._data = data
        self._at = 0
        self._ended = ended
        self._head = head

    @property
    def rest(self) -> bytes:
        """What is behind the responses that were read: after 101, another protocol."""
        return self._data[self._at :]

    def all(self) -> list[Response]:
        """The responses, final ones and interim ones. Raises Found for what is none."""
        found: list[Response] = []
        while self._at < len(self._data):
            response = self._next()
            found.append(response)
            if response.status == 101 or not response.complete:
                break
        return found

    def _next(self) -> Response:
        match = HEAD.match(self._data, self._at)
        if match is None:
            raise Found(f"not the head of a response: {self.rest[:300]!r}")
        self._at = match.end()
        lines = match[2].split(b"\r\n")[:-1]
        pairs = [line.split(b":", 1) for line in lines]
        response = Response(int(match[1]), [(p[0].lower(), p[1].strip()) for p in pairs])
        if response.status >= 200 and response.status not in BODILESS:
            self._body(response)
        return response

    def _body(self, response: Response) -> None:
        lengths = response.values(b"content-length")
        codings = response.values(b"transfer-encoding")
        if len(lengths) + len(codings) > 1:
            raise Found(f"framed twice: {response.headers}")
        if self._head and (self._at == len(self._data) or self.rest.startswith(b"HTTP/1.1 ")):
            return
        if codings:
            if codings != [b"chunked"]:
                raise Found(f"framed in an unknown way: {codings}")
            response.complete = self._chunks(response)
        elif lengths:
            if not LENGTH.fullmatch(lengths[0]):
                raise Found(f"not a length: {lengths[0]!r}")
            response.complete = self._take(response, int(lengths[0]))
        else:
            response.complete = self._take(response, len(self.rest)) and self._ended
        if not response.complete and not self._ended:
            raise Found("a response that never ends")

    def _take(self, response: Response, size: int) -> bool:
        data = self._data[self._at : self._at + size]
        response.body += data
        self._at += len(data)
        return len(data) == size

    def _chunks(self, response: Response) -> bool:
        while match := CHUNK.match(self._data, self._at):
            self._at, size = match.end(), int(match[1], 16)
            if not size:
                return self._trailers()
            if not self._take(response, size):
                return False
            if not self.rest.startswith(b"\r\n"):
                if len(self.rest) >= 2:
                    raise Found("a chunk that is longer than it says")
                return False
            self._at += 2
        if len(self.rest) > 12:
            raise Found(f"not a chunk: {self.rest[:100]!r}")
        return False

    def _trailers(self) -> bool:
        match = TRAILERS.match(self._data, self._at)
        if match is None:
            if b"\r\n\r\n" in self.rest:
                raise Found(f"not trailers: {self.rest[:100]!r}")
            return False
        self._at = match.end()
        return True
