"""Section 10: WebSockets as tunnels, in which both ends speak RFC 6455."""

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken, Skipped
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.exchange import Exchange
from prack_grpc.conformance.stream.session import HOST, Session
from prack_grpc.conformance.stream.trial import StreamTrial

NAME = "websockets"
OFFERED = [Subprotocol("other"), Subprotocol("kit")]
LARGE = bytes(range(256)) * 1200  # larger than the window of either side
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"


class Tunnel:
    """The client's end of one."""

    def __init__(self, session: Session, target: str) -> None:
        self.session = session
        self.protocol = ClientProtocol(parse_uri(f"ws://{HOST.decode()}{target}"))
        self.protocol.available_subprotocols = OFFERED
        request = self.protocol.connect()
        self.protocol.send_request(request)
        self.protocol.data_to_send()  # the gateway's, which has its own words for it
        named = [(name.lower(), value) for name, value in request.headers.raw_items()]
        flat = [part.encode() for pair in named for part in pair if pair[0] != "host"]
        upgrade = pb.UPGRADE_TUNNEL
        self.exchange: Exchange = session.request(target, headers=flat, end=False, upgrade=upgrade)
        self._fed = 0
        self.frames: list[Frame] = []

    async def open(self) -> None:
        """Wait for a right handshake. Raises Broken."""
        exchange = self.exchange
        await self.session.until(lambda: exchange.status > 0 or exchange.done, "10.5", "a 101")
        if exchange.status != 101:
            raise Broken("10.5", f"{exchange}; expected 101")
        lines = [b"%b: %b\r\n" % field for field in exchange.fields()]
        self.protocol.receive_data(SWITCH + b"".join(lines) + b"\r\n")
        self.protocol.events_received()  # the response, which is of no more use
        if self.protocol.handshake_exc is not None:
            raise Broken("10.5", f"no right handshake: {self.protocol.handshake_exc}")

    async def send(self, cut: int = 1 << 20) -> None:
        """Send what the protocol has, in pieces. Raises Broken."""
        data = b"".join(self.protocol.data_to_send())
        for start in range(0, len(data), cut):
            await self.session.upload(self.exchange, data[start : start + cut], finish=False)

    async def frame(self) -> Frame:
        """The next frame of the worker. Raises Broken."""
        await self.session.until(
            lambda: self._read() or self.exchange.done, "10.5", "a frame of RFC 6455"
        )
        if not self.frames:
            raise Broken("10.5", f"{self.exchange}; expected a frame of RFC 6455")
        return self.frames.pop(0)

    def _read(self) -> bool:
        data = bytes(self.exchange.body[self._fed :])
        self._fed += len(data)
        if data:
            self.protocol.receive_data(data)
            events = self.protocol.events_received()
            self.frames += [event for event in events if isinstance(event, Frame)]
        return bool(self.frames)


async def opened(trial: StreamTrial) -> Tunnel:
    """An open tunnel. Raises Broken, or Skipped if the worker takes none."""
    tunnel = Tunnel(await taking(trial), "/ws")
    await tunnel.open()
    return tunnel


async def taking(trial: StreamTrial) -> Session:
    """The session of a worker that takes tunnels. Raises Broken, Skipped."""
    session = await trial.session()
    if "tunnel" not in session.hello.features:
        raise Skipped("this worker takes no tunnels")
    return session


async def expect(tunnel: Tunnel, opcode: Opcode, data: bytes) -> None:
    """Raises Broken."""
    frame = await tunnel.frame()
    if (frame.opcode, bytes(frame.data)) != (opcode, data):
        raise Broken("10.5", f"the frame {frame}; expected {Frame(opcode, data)}")


@case("10.5", needs=NAME)
async def tunnel_echo(trial: StreamTrial) -> None:
    """A worker answers the handshake itself, and speaks RFC 6455 after it."""
    tunnel = await opened(trial)
    if tunnel.protocol.subprotocol != "kit":
        raise Broken("10.5", f"the subprotocol {tunnel.protocol.subprotocol}; expected kit")
    tunnel.protocol.send_text("h\u00e9llo".encode())
    tunnel.protocol.send_binary(b"\x00\xff")
    await tunnel.send()
    await expect(tunnel, Opcode.TEXT, "h\u00e9llo".encode())
    await expect(tunnel, Opcode.BINARY, b"\x00\xff")


@case("10.5", needs=NAME)
async def tunnel_in_pieces(trial: StreamTrial) -> None:
    """A tunnel is a stream of bytes: no Data is a frame of RFC 6455."""
    tunnel = await opened(trial)
    for text in (b"one", b"", b"three"):
        tunnel.protocol.send_text(text)
    await tunnel.send(cut=2)
    for text in (b"one", b"", b"three"):
        await expect(tunnel, Opcode.TEXT, text)


@case("10.6", "5.2", needs=NAME)
async def tunnel_of_a_large_message(trial: StreamTrial) -> None:
    """A message that is larger than the windows passes both ways."""
    tunnel = await opened(trial)
    tunnel.protocol.send_binary(LARGE)
    await tunnel.send()
    await expect(tunnel, Opcode.BINARY, LARGE)


@case("10.7", needs=NAME)
async def tunnel_closed_by_the_client(trial: StreamTrial) -> None:
    """After the close frames of RFC 6455 a worker ends with Finish."""
    tunnel = await opened(trial)
    tunnel.protocol.send_close(1000)
    await tunnel.send()
    frame = await tunnel.frame()
    if frame.opcode is not Opcode.CLOSE:
        raise Broken("10.7", f"the frame {frame}; expected a close frame")
    await tunnel.session.upload(tunnel.exchange, b"")
    await tunnel.session.done(tunnel.exchange, rule="10.7")
    if tunnel.exchange.finish is None:
        raise Broken("10.7", f"{tunnel.exchange}; expected Finish")


@case("10.7", needs=NAME)
async def tunnel_closed_by_the_application(trial: StreamTrial) -> None:
    """An application closes with its code and reason; then comes Finish."""
    tunnel = await opened(trial)
    tunnel.protocol.send_text(b"bye")
    await tunnel.send()
    await tunnel.frame()
    closed = tunnel.protocol.close_rcvd
    if closed is None or (closed.code, closed.reason) != (4000, "done"):
        raise Broken("10.7", f"closed with {closed}; expected 4000 and 'done'")
    await tunnel.send()
    await tunnel.session.upload(tunnel.exchange, b"")
    await tunnel.session.done(tunnel.exchange, rule="10.7")
    if tunnel.exchange.finish is None:
        raise Broken("10.7", f"{tunnel.exchange}; expected Finish")


@case("10.7", "4.6", needs=NAME)
async def tunnel_lost_by_the_client(trial: StreamTrial) -> None:
    """A tunnel whose client was lost is cancelled, and ends."""
    tunnel = await opened(trial)
    tunnel.session.cancel(tunnel.exchange, pb.CANCEL_REASON_CLIENT_GONE)
    await tunnel.session.done(tunnel.exchange, rule="10.7")


@case("10.5", needs=NAME)
async def tunnel_refused(trial: StreamTrial) -> None:
    """A handshake that the application refuses gets an ordinary response."""
    session = await taking(trial)
    exchange = Tunnel(session, "/ws-refused").exchange
    await session.done(exchange, rule="10.5")
    if exchange.abort is not None or not 300 <= exchange.status <= 599:
        raise Broken("10.5", f"{exchange}; expected a response that refuses")
