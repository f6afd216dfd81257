"""The work that the guard counts: `python -m bench.guarded EXCHANGES`, in one process, no sockets.

Each exchange goes the whole way: submitted, handed out, packed into a frame, unpacked, answered in
a frame, checked, completed. Ten go together, as under the load of some thirty connections.
"""

import asyncio
import gc
import sys
from time import monotonic

from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import Limits
from prack_grpc.core.message import Request
from prack_grpc.core.session import Session
from prack_grpc.stream.outbox import Outbox

TOGETHER = 10
FIELDS = [
    (b"host", b"shop.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"cookie", b"session=0123456789abcdef0123456789abcdef"),
]
REQUEST = (b"GET", b"http", b"shop.example.com", b"/", b"1.1", FIELDS, ("192.0.2.1", 5), 0)
HEADERS = [b"content-type", b"text/plain", b"content-length", b"14"]
BODY = b"Hello, world!\n"


async def main(exchanges: int) -> None:
    """Carry so many exchanges."""
    limits = Limits()
    broker = MemoryBroker(limits)
    outbox = Outbox(broker, limits, limits.window, monotonic)
    session = Session("guard", TOGETHER, True, outbox)
    broker.join(session)
    for _ in range(exchanges // TOGETHER):
        tickets = [broker.submit(Request(*REQUEST), b"", True) for _ in range(TOGETHER)]
        frame = outbox.next_frame()
        assert frame is not None
        for head in _worked(frame.SerializeToString()).heads:
            flat = list(head.headers)
            fields = list(zip(flat[::2], flat[1::2], strict=True))
            broker.head(session.held[head.id], head.status, fields, head.body, head.end)
        for ticket in tickets:
            await ticket.head()
            broker.complete(ticket)


def _worked(data: bytes) -> pb.WorkerFrame:
    """What a worker answers to this frame, as it arrives."""
    answers = pb.WorkerFrame()
    for request in pb.GatewayFrame.FromString(data).requests:
        answers.heads.add(id=request.id, status=200, headers=HEADERS, body=BODY, end=True)
    return pb.WorkerFrame.FromString(answers.SerializeToString())


if __name__ == "__main__":
    gc.disable()  # when it runs depends on what was imported before
    asyncio.run(main(int(sys.argv[1])))
