"""The stream errors of proto/README.md section 8, in one table."""

from dataclasses import dataclass

from prack.v1 import worker_pb2 as pb


@dataclass(frozen=True, slots=True)
class StreamErrorKind:
    """`retry` says whether dialling again with the same hello can help.

    `status` is the name of a status of gRPC, whose library is not loaded for it.
    """

    code: str
    status: str
    retry: bool


HELLO_EXPECTED = StreamErrorKind("hello_expected", "FAILED_PRECONDITION", False)
HELLO_REPEATED = StreamErrorKind("hello_repeated", "INVALID_ARGUMENT", False)
HELLO_TIMEOUT = StreamErrorKind("hello_timeout", "DEADLINE_EXCEEDED", True)
VERSION_UNSUPPORTED = StreamErrorKind("version_unsupported", "FAILED_PRECONDITION", False)
BAD_HELLO = StreamErrorKind("bad_hello", "INVALID_ARGUMENT", False)
BAD_CAPACITY = StreamErrorKind("bad_capacity", "INVALID_ARGUMENT", False)
BAD_FRAME = StreamErrorKind("bad_frame", "INVALID_ARGUMENT", False)
WINDOW_EXCEEDED = StreamErrorKind("window_exceeded", "INVALID_ARGUMENT", False)
CHUNK_TOO_LARGE = StreamErrorKind("chunk_too_large", "INVALID_ARGUMENT", False)
NOT_READING = StreamErrorKind("not_reading", "RESOURCE_EXHAUSTED", True)
SILENT = StreamErrorKind("silent", "DEADLINE_EXCEEDED", True)
NOT_ALLOWED = StreamErrorKind("not_allowed", "PERMISSION_DENIED", False)
REVOKED = StreamErrorKind("revoked", "UNAUTHENTICATED", True)
REPLACED = StreamErrorKind("replaced", "ABORTED", True)
WORKER_ID_TAKEN = StreamErrorKind("worker_id_taken", "ALREADY_EXISTS", True)
TOO_MANY_WORKERS = StreamErrorKind("too_many_workers", "RESOURCE_EXHAUSTED", True)
TOO_MANY_ROUTES = StreamErrorKind("too_many_routes", "RESOURCE_EXHAUSTED", True)


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
