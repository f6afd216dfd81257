"""Asking all neighbours the same."""

import asyncio
from dataclasses import dataclass

from starlette.types import Scope

from prack_grpc.neighbours.neighbours import Neighbours, Port

# How long whoever asks one gateway waits for what others have to say.
SECONDS = 1.0
OK, NOT_FOUND = 200, 404


@dataclass(frozen=True)
class Answers:
    """The bodies of the replies by gateway, those that had something to say; and who is `silent`:
    who did not answer in time, or did not do it.
    """

    bodies: dict[str, bytes]
    silent: list[str]


async def ask(
    neighbours: Neighbours, port: Port, scope: Scope, body: bytes, caller: str
) -> Answers:
    """Have each neighbour answer this call for itself, within SECONDS."""
    calls = {
        name: asyncio.create_task(_reply(neighbours, name, port, scope, body, caller))
        for name in neighbours.names()
    }
    if calls:
        await asyncio.wait(calls.values(), timeout=SECONDS)
    for call in calls.values():
        call.cancel()
    await asyncio.gather(*calls.values(), return_exceptions=True)
    replies = {name: _result(call) for name, call in calls.items()}
    return Answers(
        {name: content for name, (status, content) in replies.items() if status == OK},
        [name for name, (status, _) in replies.items() if status not in (OK, NOT_FOUND)],
    )


async def _reply(
    neighbours: Neighbours, name: str, port: Port, scope: Scope, body: bytes, caller: str
) -> tuple[int, bytes]:
    # A gateway that is alone asks nobody (decision 0061).
    from prack_grpc.neighbours.call import Call, nothing, sent

    streams = await neighbours.dial(name, port)
    reply = await Call(streams, scope, sent(body, nothing), caller).reply()
    return reply.status_code, await reply.read()


def _result(call: "asyncio.Task[tuple[int, bytes]]") -> tuple[int, bytes]:
    """Status and body; 0 and nothing of a call that brought no reply."""
    if call.cancelled():
        return 0, b""
    if error := call.exception():
        if not isinstance(error, OSError):
            raise error
        return 0, b""
    return call.result()
