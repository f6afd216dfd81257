"""What a client may take its time for, and how much it may send."""

from dataclasses import dataclass

from prack_grpc.core.limits import KIB, MAX_HEAD


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Times are seconds, sizes are bytes. Each is what the well-known servers allow, or less."""

    head_seconds: float = 10.0  # from the first byte of a request to the end of its head
    body_seconds: float = 30.0  # between two pieces of a body
    body_rate: int = KIB  # bytes a second that a body must bring, over `rate_seconds`
    rate_seconds: float = 60.0
    write_seconds: float = 30.0  # without the client taking a byte
    keep_alive_seconds: float = 75.0  # between two requests
    linger_seconds: float = 5.0  # for the client to read an early answer
    head_bytes: int = MAX_HEAD
    target_bytes: int = 16 * KIB
    fields: int = 200
    backlog_bytes: int = 64 * KIB  # of further requests behind one that is being answered
    chunk_overhead: int = 16 * KIB  # of one body's chunk extensions
    handshake_seconds: float = 10.0  # from the connection to the end of TLS's greetings
    handshakes: int = 1_000  # under way; beyond it the oldest gives way
    connections: int = 10_000
    client_connections: int = (
        5_000  # of one client; half, so that nobody alone keeps all others out
    )
