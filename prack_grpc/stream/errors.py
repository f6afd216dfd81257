"""The stream errors of proto/README.md section 8, in one table."""

from dataclasses import dataclass

from grpc import StatusCode

from prack.v1 import worker_pb2 as pb


@dataclass(frozen=True, slots=True)
class StreamErrorKind:
    """`retry` says whether dialling again with the same hello can help."""

    code: str
    status: StatusCode
    retry: bool


HELLO_EXPECTED = StreamErrorKind("hello_expected", StatusCode.FAILED_PRECONDITION, False)
HELLO_REPEATED = StreamErrorKind("hello_repeated", StatusCode.INVALID_ARGUMENT, False)
HELLO_TIMEOUT = StreamErrorKind("hello_timeout", StatusCode.DEADLINE_EXCEEDED, True)
VERSION_UNSUPPORTED = StreamErrorKind("version_unsupported", StatusCode.FAILED_PRECONDITION, False)
BAD_HELLO = StreamErrorKind("bad_hello", StatusCode.INVALID_ARGUMENT, False)
BAD_CAPACITY = StreamErrorKind("bad_capacity", StatusCode.INVALID_ARGUMENT, False)
BAD_FRAME = StreamErrorKind("bad_frame", StatusCode.INVALID_ARGUMENT, False)
WINDOW_EXCEEDED = StreamErrorKind("window_exceeded", StatusCode.INVALID_ARGUMENT, False)
CHUNK_TOO_LARGE = StreamErrorKind("chunk_too_large", StatusCode.INVALID_ARGUMENT, False)
NOT_READING = StreamErrorKind("not_reading", StatusCode.RESOURCE_EXHAUSTED, True)
SILENT = StreamErrorKind("silent", StatusCode.DEADLINE_EXCEEDED, True)
NOT_ALLOWED = StreamErrorKind("not_allowed", StatusCode.PERMISSION_DENIED, False)
REVOKED = StreamErrorKind("revoked", StatusCode.UNAUTHENTICATED, True)
REPLACED = StreamErrorKind("replaced", StatusCode.ABORTED, True)
WORKER_ID_TAKEN = StreamErrorKind("worker_id_taken", StatusCode.ALREADY_EXISTS, True)
TOO_MANY_WORKERS = StreamErrorKind("too_many_workers", StatusCode.RESOURCE_EXHAUSTED, True)
TOO_MANY_ROUTES = StreamErrorKind("too_many_routes", StatusCode.RESOURCE_EXHAUSTED, True)


class StreamError(Exception):
    """Ends a stream. The message names the rule and says what to do."""

    def __init__(self, kind: StreamErrorKind, message: str) -> None:
        super().__init__(f"{kind.code}: {message}")
        self.kind = kind
        self.message = message

    def tell(self, error: pb.StreamError) -> None:
        """Write this into the last frame."""
        error.code = self.kind.code
        error.message = self.message
        error.retry = self.kind.retry


class NotAFrame(StreamError):
    """The bytes that came are no frame."""

    def __init__(self, message: str = "this is not a prack.v1.WorkerFrame") -> None:
        super().__init__(BAD_FRAME, message)
