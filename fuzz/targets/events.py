"""The events of a WebSocket; the first byte is the size of the pieces in which they come."""

from fuzz.clock import Found
from fuzz.wire import pieces
from prack_wire.websocket_events import CLOSE, BadEvents, Decoder, Event, close_code, encode

MOST = 1000  # bytes of an event


def one(data: bytes) -> None:
    """See the module."""
    size, data = data[0] if data else 0, data[1:]
    (whole, bad), (cut, also_bad) = _decoded([data]), _decoded(pieces(data, size))
    if (whole, bad) != (cut, also_bad):
        raise Found(f"in pieces: {cut} {also_bad}, as a whole: {whole} {bad}")
    again = b"".join(encode(name, data) for name, data in whole)
    if [Event(*event) for event in _decoded([again])[0]] != whole:
        raise Found(f"not the same when written again: {whole}")
    for event in whole:
        if event.name == CLOSE:
            close_code(event.data)


def _decoded(pieces: list[bytes]) -> tuple[list[Event], str]:
    """The events before the first mistake, and what it is."""
    decoder, events = Decoder(MOST), list[Event]()
    try:
        for piece in pieces:
            events.extend(decoder.each(piece))
        decoder.end()
    except BadEvents as error:
        return events, str(error)
    return events, ""
