"""Section 10 of proto/README.md."""

from websockets.server import ServerProtocol

from prack.v1 import worker_pb2 as pb
from prack_wire.websocket_events import BINARY, CLOSE, MAX_EVENT, TEXT, Decoder, Event, encode
from tests.conformance.stream import application
from tests.conformance.stream.ways.bodies import grants_nothing
from tests.conformance.stream.ways.catalogue import breaks
from tests.conformance.stream.ways.exchanges import cancels_nothing
from tests.conformance.stream.worker import Exchange
from tests.conformance.ways import replace


@breaks("websocket-echo")
def all_binary() -> None:
    """Texts come back as binary messages."""
    replace(application, encode=lambda name, data: encode(BINARY if name == TEXT else name, data))


@breaks("websocket-subprotocol")
def no_subprotocol() -> None:
    """The subprotocol is dropped."""
    head = Exchange.head
    replace(
        Exchange,
        head=lambda self, status, fields, *more, **named: head(
            self, status, [] if status == 101 else fields, *more, **named
        ),
    )


class Forgetful(Decoder):
    """Each piece is a stream of its own."""

    def feed(self, data: bytes) -> list[Event]:
        """See Decoder."""
        return Decoder(MAX_EVENT).feed(data)


@breaks("websocket-events-in-pieces")
def events_by_piece() -> None:
    """An event has to be in one piece."""
    replace(application, Decoder=Forgetful)


class Strict(Decoder):
    """Knows all names."""

    def feed(self, data: bytes) -> list[Event]:
        """See Decoder."""
        events = super().feed(data)
        if any(event.name not in (TEXT, BINARY, CLOSE) for event in events):
            raise ValueError
        return events


@breaks("websocket-unknown-events")
def strict_events() -> None:
    """A name that is not known is an error."""
    replace(application, Decoder=Strict)


@breaks("websocket-closed-by-the-client")
def close_is_an_error() -> None:
    """A WebSocket that ends is aborted."""
    replace(Exchange, finish=lambda self, *_: self.abort(pb.ABORT_CODE_HANDLER_ERROR))


@breaks("websocket-closed-by-the-application")
def no_code() -> None:
    """The code and the reason of a close are dropped."""
    replace(application, close_data=lambda *_: b"")


@breaks("websocket-refused")
def accepts_all() -> None:
    """What the application refuses is accepted."""
    replace(Exchange, reply=lambda self, *_: self.head(101, []))


@breaks("tunnel.tunnel-echo")
def no_accept() -> None:
    """The handshake is not answered."""
    no_subprotocol()


@breaks("tunnel.tunnel-in-pieces")
def frames_by_piece() -> None:
    """What comes at a time is whole frames."""
    answer = application.answer

    def whole(server: ServerProtocol, piece: bytes) -> None:
        if len(piece) > 5:
            answer(server, piece)

    replace(application, answer=whole)


@breaks("tunnel.tunnel-of-a-large-message")
def grants_nothing_to_tunnels() -> None:
    """A window is never widened."""
    grants_nothing()


@breaks("tunnel.tunnel-closed-by-the-client", "tunnel.tunnel-closed-by-the-application")
def tunnels_break_off() -> None:
    """A tunnel that ends is aborted."""
    close_is_an_error()


@breaks("tunnel.tunnel-lost-by-the-client")
def tunnels_stay() -> None:
    """A cancel is overlooked."""
    cancels_nothing()


@breaks("tunnel.tunnel-refused")
def accepts_all_tunnels() -> None:
    """What the application refuses is accepted."""
    accepts_all()
