"""Section 10: tunnels, in which the worker itself speaks RFC 6455."""

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken, Skipped
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.cases.websockets import NAME
from prack_grpc.conformance.stream.exchange import Exchange
from prack_grpc.conformance.stream.session import HOST, Session
from prack_grpc.conformance.stream.trial import StreamTrial

GIVEN = {"host", "connection", "upgrade"}  # every request has the first, every handshake all
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"


class Tunnel:
    """A WebSocket in a tunnel, and the client's side of it."""

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self._client = ClientProtocol(parse_uri(f"ws://{HOST.decode()}{path}"))
        self._taken = 0
        handshake = self._client.connect()
        flat = [b"connection", b"Upgrade", b"upgrade", b"websocket"]
        for name, value in handshake.headers.raw_items():
            if name.lower() not in GIVEN:
                flat += [name.lower().encode(), value.encode()]
        self.exchange = session.request(path, headers=flat, end=False, upgrade=pb.UPGRADE_TUNNEL)

    async def opened(self) -> None:
        """Wait for the right answer to the handshake. Raises Broken."""
        exchange = self.exchange
        await self._session.until(
            lambda: bool(exchange.head) or exchange.done, "10.5", "a head with 101"
        )
        if exchange.status != 101:
            raise Broken("10.5", f"{exchange}; expected 101")
        fields = b"".join(b"%b: %b\r\n" % field for field in exchange.fields())
        self._client.receive_data(UPGRADED + fields + b"\r\n")
        self._client.events_received()
        if (wrong := self._client.handshake_exc) is not None:
            raise Broken("10.5", f"the answer to the handshake is wrong: {wrong}")
        self._client.data_to_send()  # the client's handshake, which the request brought

    async def send(self, *, finish: bool = False) -> None:
        """Send what the client has to say. Raises Broken."""
        data = b"".join(self._client.data_to_send())
        await self._session.upload(self.exchange, data, finish=finish)

    async def echo(self, opcode: Opcode, data: bytes) -> None:
        """A message, and the same from the worker. Raises Broken."""
        send = self._client.send_text if opcode is Opcode.TEXT else self._client.send_binary
        send(data)
        await self.send()
        frames: list[Frame] = []

        def came() -> bool:
            frames.extend(self._frames())
            return bool(frames) or self.exchange.done

        await self._session.until(came, "10.5", "a frame of RFC 6455")
        if [(frame.opcode, bytes(frame.data)) for frame in frames] != [(opcode, data)]:
            raise Broken("10.5", f"the frames {frames}; expected {data!r} as {opcode.name}")

    async def close(self) -> None:
        """The client's close frame, and its end. Raises Broken."""
        self._client.send_close(1000)
        await self.send(finish=True)

    def _frames(self) -> list[Frame]:
        """Those that came since the last call. Raises Broken."""
        data = bytes(self.exchange.body[self._taken :])
        self._taken += len(data)
        self._client.receive_data(data)
        if (wrong := self._client.parser_exc) is not None:
            raise Broken("10.5", f"the bytes after the 101 are not of RFC 6455: {wrong}")
        return [frame for frame in self._client.events_received() if isinstance(frame, Frame)]


async def tunnel(trial: StreamTrial, path: str = "/ws") -> tuple[Session, Tunnel]:
    """A handshake that was sent. Raises Broken, Skipped."""
    session = await trial.session()
    if "tunnel" not in session.hello.features:
        raise Skipped("this worker does not offer the feature tunnel")
    return session, Tunnel(session, path)


async def ended(session: Session, exchange: Exchange) -> None:
    """Wait for the end. Raises Broken."""
    await session.done(exchange, rule="10.7")


@case("10.5", needs=NAME)
async def tunnel_echo(trial: StreamTrial) -> None:
    """A worker answers the handshake and speaks RFC 6455 in a tunnel."""
    _, socket = await tunnel(trial)
    await socket.opened()
    await socket.echo(Opcode.TEXT, "h\u00e9llo".encode())
    await socket.echo(Opcode.BINARY, bytes(70_000))


@case("10.5", needs=NAME)
async def tunnel_refused(trial: StreamTrial) -> None:
    """A handshake for a tunnel that the application refuses gets an ordinary response."""
    session, socket = await tunnel(trial, "/ws-refused")
    await session.done(socket.exchange, rule="10.5")
    if socket.exchange.abort is not None or not 300 <= socket.exchange.status <= 599:
        raise Broken("10.5", f"{socket.exchange}; expected a response that refuses")


@case("10.7", needs=NAME)
async def tunnel_closed_by_the_client(trial: StreamTrial) -> None:
    """After the client's Finish a worker ends a tunnel with Finish."""
    session, socket = await tunnel(trial)
    await socket.opened()
    await socket.close()
    await ended(session, socket.exchange)
    if socket.exchange.abort is not None:
        raise Broken("10.7", f"{socket.exchange}; expected Finish")


@case("10.7", needs=NAME)
async def tunnel_lost_by_the_client(trial: StreamTrial) -> None:
    """A tunnel whose client was lost is cancelled, and ends."""
    session, socket = await tunnel(trial)
    await socket.opened()
    session.cancel(socket.exchange, pb.CANCEL_REASON_CLIENT_GONE)
    await ended(session, socket.exchange)
