"""Section 5 of proto/README.md."""

from tests.conformance.stream.ways.catalogue import breaks
from tests.conformance.stream.worker import Exchange
from tests.conformance.ways import after, nothing, replace


@breaks("echo-through-windows", "sink-larger-than-its-window", "websocket-large-message")
def grants_nothing() -> None:
    """A window is never widened."""
    replace(Exchange, grant=nothing)


@breaks("response-within-its-window")
def no_limit() -> None:
    """The window is overlooked."""
    replace(Exchange, room=lambda _: 1 << 30)


@breaks("smaller-offset-is-ignored")
def takes_back() -> None:
    """The last offset counts, not the largest."""
    after(Exchange, "widen", lambda self, offset: setattr(self, "limit", offset))


@breaks("window-only-for-what-is-read")
def grants_on_arrival() -> None:
    """What has come counts as read."""

    def arrived(self: Exchange, data: bytes) -> None:
        self.consumed += len(data)
        self.grant()

    after(Exchange, "arrived", arrived)
