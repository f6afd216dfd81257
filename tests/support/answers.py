"""Answers of a scripted worker, and what it is told, in one line each."""

from prack.v1 import worker_pb2 as pb
from tests.support.scripted_worker import ScriptedWorker


def fields(request: pb.Request) -> dict[bytes, bytes]:
    """The fields of a request that occur once."""
    flat = list(request.headers)
    return dict(zip(flat[::2], flat[1::2], strict=True))


async def answer(
    worker: ScriptedWorker, request: pb.Request, status: int, body: bytes = b"", *headers: bytes
) -> None:
    """A whole response; names and values of `headers` in turn."""
    head = pb.ResponseHead(id=request.id, status=status, body=body, headers=headers, end=True)
    await worker.send(heads=[head])
