"""The leases that a worker holds over REST, and the delivery of its answers.

Answers are collected while the last call is in flight and sent in one; what is large or goes on has
a call of its own. A lease that takes long is extended until its answer begins, in the link's
thread: also while the application blocks its event loop. Leases outlive a session: the gateway
being away for a moment does not take them back.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

import httpx2

from prack_worker.errors import ConnectFailed
from prack_worker.exchange import AbortCode, CancelReason
from prack_worker.loops.link import link
from prack_worker.loops.mailbox import Mailbox
from prack_worker.rest.client import RestClient
from prack_worker.rest.exchange import RestExchange
from prack_worker.rest.upload import Reply, Upload

log = logging.getLogger("prack_worker")

MAX_BATCH = 32
MAX_BATCH_BYTES = 256 * 1024  # the gateway reads a batch in one turn of its loop
MIN_EXTENSION_SECONDS = 0.01  # a gateway that extends by less and less is not asked ever faster
GONE = (404, 409, 410)
BAD_ANSWER = 422

Answer = tuple[RestExchange, bytes]


class Leases:
    """The exchanges that this worker holds."""

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self._link = link()
        self._outbox = Mailbox(asyncio.get_running_loop())
        self._held: set[RestExchange] = set()
        self._keepers: dict[RestExchange, asyncio.Task[None]] = {}  # the link's
        self._answers: list[Answer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = False
        self._changed = asyncio.Event()

    def add(self, exchange: RestExchange) -> None:
        """Hold an exchange until its answer was delivered; extend its lease as long as needed."""
        self._held.add(exchange)
        self._link.inbox.post(self._keep, exchange)

    async def room(self, slots: int) -> int:
        """Wait for a free slot; returns how many are free."""
        while len(self._held) >= slots:
            self._changed.clear()
            await self._changed.wait()
        return slots - len(self._held)

    async def flush(self) -> None:
        """Wait until everything that is on its way was delivered."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def close(self) -> None:
        """Give up what could not be delivered."""
        for task in self._tasks:
            task.cancel()
        for exchange in self._held:
            self._link.inbox.post(self._let_go, exchange)

    def answer(self, exchange: RestExchange, response: bytes) -> None:
        """See `Outlet.answer`."""
        self._answers.append((exchange, response))
        if not self._sending:
            self._sending = True
            self._start(self._send_all())

    def stream(self, exchange: RestExchange, head: bytes, size: int) -> None:
        """See `Outlet.stream`."""
        self._start(self._upload(exchange, head, size))

    def abort(self, exchange: RestExchange, code: AbortCode, message: str) -> None:
        """See `Outlet.abort`."""
        if exchange.cancelled is not None:
            self._release(exchange)
        elif code is AbortCode.REFUSED:
            self._start(self._end(exchange, "release", {}))
        else:
            error = {"code": code.name.lower(), "message": message}
            self._start(self._end(exchange, "error", error))

    async def _send_all(self) -> None:
        try:
            while batch := self._take():
                await self._send(batch)
        finally:
            self._sending = False

    def _take(self) -> list[Answer]:
        """The answers of the next call: the first ones that fit."""
        size = count = 0
        for _, response in self._answers[:MAX_BATCH]:
            size += len(response)
            if count and size > MAX_BATCH_BYTES:
                break
            count += 1
        batch, self._answers = self._answers[:count], self._answers[count:]
        return batch

    async def _send(self, batch: Sequence[Answer]) -> None:
        content = b"[%b]" % b",".join(response for _, response in batch)
        until = max(exchange.request.deadline for exchange, _ in batch)
        try:
            _report(await self._client.deliver("/response", content, until))
        except ConnectFailed as error:
            log.error(
                "%d answers could not be delivered before their deadline: %s", len(batch), error
            )
        finally:
            for exchange, _ in batch:
                self._release(exchange)

    async def _upload(self, exchange: RestExchange, head: bytes, size: int) -> None:
        try:
            until = exchange.request.deadline
            upload = await self._client.upload(exchange.identifier, head, size, until)
            self._link.inbox.post(self._let_go, exchange)
            feeding = asyncio.create_task(self._feed(exchange, upload))
            try:
                reply = await self._link.do(upload.replied())
                if reply.status == 200:  # to HEAD it is at the head: the application may go on
                    left = exchange.request.deadline - asyncio.get_running_loop().time()
                    await asyncio.wait([feeding], timeout=max(left, 0.0))
            finally:
                feeding.cancel()
        except ConnectFailed as error:
            reply = Reply(0, str(error))
        finally:
            if exchange.sent:
                self._release(exchange)
        _conclude(exchange, reply)

    async def _feed(self, exchange: RestExchange, upload: Upload) -> None:
        await exchange.feed(lambda data: self._link.do(upload.send(data)))
        if exchange.sent:
            self._link.inbox.post(upload.finish)

    async def _end(self, exchange: RestExchange, verb: str, content: dict[str, Any]) -> None:
        path = f"/requests/{exchange.identifier}/{verb}"
        try:
            await self._client.deliver(
                path, json.dumps(content).encode(), exchange.request.deadline
            )
        except ConnectFailed as error:
            log.error("Request %s: %s failed: %s", exchange.request.request_id, verb, error)
        finally:
            self._release(exchange)

    def _release(self, exchange: RestExchange) -> None:
        self._held.remove(exchange)
        self._link.inbox.post(self._let_go, exchange)
        self._changed.set()

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------ in the link's thread

    def _keep(self, exchange: RestExchange) -> None:
        self._keepers[exchange] = self._link.loop.create_task(self._extend(exchange))

    def _let_go(self, exchange: RestExchange) -> None:
        if keeper := self._keepers.pop(exchange, None):
            keeper.cancel()

    async def _extend(self, exchange: RestExchange) -> None:
        """Extend the lease each time half of it has passed."""
        request, loop = exchange.request, self._link.loop
        path = f"/requests/{exchange.identifier}/extend"
        content = b'{"ms":%d}' % (self._client.lease * 1000)
        while True:
            await asyncio.sleep(max((request.deadline - loop.time()) / 2, MIN_EXTENSION_SECONDS))
            asked = loop.time()
            try:
                reply = await self._client.deliver(path, content, request.deadline)
            except ConnectFailed as error:
                log.warning(
                    "The lease of request %s was not extended: %s", request.request_id, error
                )
                return
            if reply.status_code in GONE:
                self._outbox.post(exchange.cancel, CancelReason.DEADLINE)
            if reply.status_code != 200:
                return
            request.deadline = asked + json.loads(reply.content)["deadline_ms"] / 1000


def _conclude(exchange: RestExchange, reply: Reply) -> None:
    """What came of a response that was sent piece by piece; its application is told of the end."""
    name = exchange.request.request_id
    if reply.status == 200:
        exchange.cancel(CancelReason.CLIENT_GONE)  # does nothing if the application has ended it
    elif reply.status in GONE:
        log.debug("No one waits for the response to request %s any more", name)
        exchange.cancel(CancelReason.CLIENT_GONE)
    elif reply.status == BAD_ANSWER:
        log.error("The gateway rejected the response to request %s: %s", name, reply.text)
        exchange.cancel(CancelReason.BAD_RESPONSE)
    else:
        said = f"{reply.status} {reply.text}".removeprefix("0 ")
        log.error("The response to request %s could not be delivered: %s", name, said)
        exchange.cancel(CancelReason.GATEWAY_LOST)


def _report(reply: httpx2.Response) -> None:
    """Log the answers of a batch that the gateway rejected."""
    try:
        results = json.loads(reply.content)["results"]
    except (ValueError, KeyError, TypeError):
        log.error("The gateway rejected the answers: %d %s", reply.status_code, reply.text[:500])
        return
    for result in results:
        if result["status"] in GONE:
            log.debug(
                "The answer for %s came too late: no one waits for it any more",
                result["identifier"],
            )
        elif result["status"] != 200:
            log.error("The gateway rejected an answer: %s", result)
