"""One connection to the gRPC port: HTTP/2 (RFC 9113), of which the `h2` library knows the rules."""

import asyncio
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

import h2.events as h2
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from prack_grpc.private.certificate import Certificate, of_connection
from prack_grpc.stream.grpc.call import Call, Fields

if TYPE_CHECKING:
    from hyperframe.frame import Frame, GoAwayFrame

PREFACE, FRAME = 24, 9  # bytes of the first thing that a client says, and of a frame's head
DATA, HEADERS, SETTINGS, CONTINUATION = 0, 1, 4, 9  # types of frames (RFC 9113 section 6)
FRAMES = 16  # of one connection in a turn of the loop, then the others
WINDOW = 1024 * 1024  # bytes that wait here for those who read them
LARGEST = 256 * 1024  # bytes of a frame of HTTP/2: large bodies cost by the frame
CALLS = 100
SETTING = 256  # bytes of a frame of settings: `h2` keeps each that it is told, known or not
HEADS = 16 * 1024  # bytes of header fields: a token of 8 KiB, and what goes with it
# Frames that carry nothing of a message, such as pings, settings and calls that are taken back,
# between two looks or messages of ours.
CHEAP = 1000
UNREAD = 64 * 1024  # bytes that wait here for the peer to read them, then it is not read itself
LAST_SECONDS = 5.0  # to read what was sent last
IDLE_SECONDS = 15.0  # without a call, and without a byte
LAST_NUMBER = 2**31 - 1
CONFIG = H2Configuration(client_side=False, header_encoding=None)
KNOWN = frozenset(SettingCodes)
TABLE = 4096  # bytes of what HPACK remembers for us; a peer may ask for more
NOT_GRPC: Fields = [(b":status", b"415")]


class Server(Protocol):
    """What a connection needs to know of its port."""

    connections: set["Connection"]

    def serve(self, call: Call) -> "asyncio.Task[None]":
        """Answer this call, from now on."""


class Rules(H2Connection):
    """Those of `h2`, which would remember 65,536 calls that have ended."""

    MAX_CLOSED_STREAMS = 1000

    def _receive_goaway_frame(self, frame: "GoAwayFrame") -> "tuple[list[Frame], list[h2.Event]]":
        """`h2` would say nothing more; calls that there are may end (RFC 9113 section 6.8)."""
        return [], [h2.ConnectionTerminated()]


class Connection(asyncio.Protocol):
    """Implements `call.Wire` for all calls of one peer."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._incoming = b""
        self._skip = PREFACE  # bytes until the next frame begins
        self._head = 0  # bytes of the header fields that are coming
        self._too_large = False
        self._reading = True
        self._answers = 0  # bytes, other than of messages, since the kernel took all
        self._calls: dict[int, tuple[Call, asyncio.Task[None]]] = {}
        self._room: asyncio.Future[None] | None = None  # the kernel takes no more
        self._windows: set[asyncio.Future[None]] = set()  # the peer takes no more
        self._turn: asyncio.Handle | None = None
        self._cheap, self._called, self._heard, self._pinged = 0, False, False, False
        self.certificate: Certificate | None = None
        self.peer = ""
        self.lost: asyncio.Future[None] = self._loop.create_future()

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        secure = transport.get_extra_info("sslcontext") is not None
        self._transport.set_write_buffer_limits(high=1 if secure else 0)
        self.peer = ":".join(map(str, (transport.get_extra_info("peername") or ("", 0))[:2]))
        self.certificate = of_connection(transport.get_extra_info("peercert"))
        self._server.connections.add(self)
        self._timer = self._loop.call_later(IDLE_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self.lost.set_result(None)
        self._timer.cancel()
        self.resume_writing()
        if self._turn is not None:
            self._turn.cancel()
        for number in list(self._calls):
            self._gone(number)
        self._widen()
        if "_h2" in vars(self):
            vars(self._h2).clear()  # it holds methods of its own, for the garbage collector to find

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room, self._answers = self._room, None, 0
        if room is not None and not room.done():
            room.set_result(None)
        if self._turn is None and not self._reading:
            self._turn = self._loop.call_soon(self._go_on)

    @cached_property
    def _h2(self) -> H2Connection:
        """The rules. Who says nothing needs none, and they are large."""
        rules = Rules(CONFIG)
        rules.initiate_connection()
        rules.update_settings(
            {
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                SettingCodes.MAX_FRAME_SIZE: LARGEST,
                SettingCodes.MAX_CONCURRENT_STREAMS: CALLS,
                SettingCodes.MAX_HEADER_LIST_SIZE: HEADS,
            }
        )
        rules.increment_flow_control_window(WINDOW)
        return rules

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._incoming = self._incoming + data if self._incoming else data
        if self._turn is None:
            self._go_on()

    def _go_on(self) -> None:
        """Take some frames, and the others in the next turn of the loop, or when ours are read."""
        self._turn = None
        if self._transport.is_closing():
            return
        data, rules = self._incoming, self._h2
        size, more = self._some(data)
        if self._too_large or self._cheap > CHEAP:
            self.close(ErrorCodes.ENHANCE_YOUR_CALM)
            return
        piece, self._incoming = data[:size], data[size:]  # nearly always all, and no copy
        try:
            for event in rules.receive_data(piece):
                self._take(event)
        except ProtocolError:  # it has made a GOAWAY that says why
            self._flush()
            self._hang_up()
            return
        self._flush()
        if self._transport.is_closing():
            return
        if self._room is None:
            self._answers = 0
        full = self._answers > UNREAD
        if more and not full:
            self._turn = self._loop.call_soon(self._go_on)
        self._read(not (more or full))

    def _read(self, wanted: bool) -> None:
        """Whether more bytes may come."""
        if wanted is not self._reading:
            self._reading = wanted
            if wanted:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _some(self, data: bytes) -> tuple[int, bool]:
        """How many bytes have at most FRAMES frames, or one head, and whether there are more.

        It sees what `h2` looks at only once it has all of it, or not at all.
        """
        at, size = self._skip, len(data)
        for _ in range(FRAMES):
            if size - at < FRAME:
                break
            length = int.from_bytes(data[at : at + 3], "big")
            if (kind := data[at + 3]) != DATA:
                self._cheap += 1
                self._head = length + (self._head if kind == CONTINUATION else 0)
                most = SETTING if kind == SETTINGS else HEADS
                self._too_large = self._too_large or self._head > most
            at += FRAME + length
            if kind == HEADERS:
                break  # to read a large one takes a millisecond or two
        self._skip = max(0, at - size)
        return min(at, size), size - at >= FRAME

    # ------------------------------------------------------------ what comes

    def _take(self, event: h2.Event) -> None:
        if isinstance(event, h2.DataReceived):
            self._data(event)
        elif isinstance(event, h2.RequestReceived):
            self._call(event)
        elif isinstance(event, h2.StreamEnded):
            if event.stream_id in self._calls:
                self._calls[event.stream_id][0].close()
        elif isinstance(event, h2.WindowUpdated):
            self._widen()
        elif isinstance(event, h2.RemoteSettingsChanged):
            self._set()
            self._widen()
        elif isinstance(event, h2.StreamReset):
            self._gone(event.stream_id)

    def _set(self) -> None:
        """Keep little of what the peer has set."""
        rules = self._h2
        for code in [code for code in rules.remote_settings if code not in KNOWN]:
            del rules.remote_settings[code]
        if rules.encoder.header_table_size > TABLE:
            rules.encoder.header_table_size = TABLE

    def _data(self, event: h2.DataReceived) -> None:
        number, size = event.stream_id, event.flow_controlled_length
        call = self._calls.get(number)
        if call is None or not event.data:
            self._cheap += 1
        if call is not None:
            call[0].feed(event.data, size)
        else:
            self.take(number, size)

    def _call(self, event: h2.RequestReceived) -> None:
        number, fields = event.stream_id, dict(event.headers)
        kind = fields.get(b"content-type", b"")
        if not kind.startswith(b"application/grpc") or b":path" not in fields:
            with suppress(ProtocolError):  # it was taken back, as the next event will say
                self._h2.send_headers(number, NOT_GRPC, end_stream=True)
            return
        call = Call(self, number, event.headers)
        if event.stream_ended:
            call.close()
        task = self._server.serve(call)
        self._calls[number] = call, task
        task.add_done_callback(lambda _: self._over(number, call))

    def _over(self, number: int, call: Call) -> None:
        """It was served; what it has not read is no longer kept."""
        self._calls.pop(number, None)
        call.drop()

    def _gone(self, number: int) -> None:
        """Nobody waits for the answer to this call."""
        if number in self._calls:
            call, task = self._calls.pop(number)
            call.close()
            task.cancel()
            self._widen()

    # ------------------------------------------------------------ call.Wire

    async def send(self, number: int, data: bytes) -> bool:
        """See Wire."""
        self._called = True
        rest = memoryview(data)
        while rest and self._is_open(number):
            sent = self._fill(number, rest)
            rest = rest[sent:]
            while self._room is not None:
                await self._room
            if rest and not sent:
                await self._window()
        return self._is_open(number)

    def _fill(self, number: int, data: memoryview) -> int:
        """Write as much as the peer takes. Returns the number of bytes."""
        sent = 0
        most = min(self._h2.local_flow_control_window(number), len(data))
        while sent < most:
            size = min(most - sent, self._h2.max_outbound_frame_size)
            self._h2.send_data(number, bytes(data[sent : sent + size]))
            sent += size
        if sent:
            self._cheap = 0  # who is sent messages may ping, to learn how much the way takes
        self._flush(answers=False)
        return sent

    def head(self, number: int, fields: Fields, last: bool) -> None:
        """See Wire."""
        if self._is_open(number):
            self._h2.send_headers(number, fields, end_stream=last)
            self._flush()

    def take(self, number: int, size: int) -> None:
        """See Wire."""
        if size and not self._transport.is_closing():
            try:
                self._h2.acknowledge_received_data(size, number)
            except ProtocolError:  # the stream has ended
                return
            self._flush()

    def _is_open(self, number: int) -> bool:
        return number in self._calls and not self._transport.is_closing()

    async def _window(self) -> None:
        wider: asyncio.Future[None] = self._loop.create_future()
        self._windows.add(wider)
        try:
            await wider
        finally:
            self._windows.discard(wider)

    def _widen(self) -> None:
        for wider in self._windows:
            if not wider.done():
                wider.set_result(None)

    # ------------------------------------------------------------ the connection

    def _flush(self, answers: bool = True) -> None:
        if data := self._h2.data_to_send():
            if answers:
                self._answers += len(data)
            self._transport.write(data)

    def _look(self) -> None:
        """Every so often: whether it is of use, and somebody is there."""
        self._cheap = 0
        is_dead = self._pinged and not self._heard
        if is_dead or not (self._calls or self._called):
            self.close()
            return
        self._timer = self._loop.call_later(IDLE_SECONDS, self._look)
        self._pinged = not self._heard
        if self._pinged:
            self._h2.ping(bytes(8))
            self._flush()
        self._called = self._heard = False

    def leave(self) -> None:
        """Ask for no more calls; those that there are go on (RFC 9113 section 6.8)."""
        if "_h2" in vars(self) and not self._transport.is_closing():
            goaway = b"\0\0\x08\x07\0" + bytes(4) + LAST_NUMBER.to_bytes(4, "big") + bytes(4)
            self._transport.write(goaway)

    def close(self, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """End it, and say why."""
        if self._transport.is_closing():
            return
        if "_h2" in vars(self):
            self._h2.close_connection(code)
            self._flush()
        self._hang_up()

    def _hang_up(self) -> None:
        """Close, at the latest in a while: who does not read would keep what he was sent."""
        self._timer.cancel()
        self._timer = self._loop.call_later(LAST_SECONDS, self._transport.abort)
        self._transport.close()

    def abort(self) -> None:
        """End it, whatever its peer says."""
        self._transport.abort()
