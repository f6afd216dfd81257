"""The worker API of the kit: hands requests out, and takes what comes of them."""

import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from prack_grpc.conformance.case import Broken, Terms
from prack_grpc.conformance.rest.asking import Ask, of_json, of_query, strict
from prack_grpc.conformance.rest.connection import BREAK, THANKS, Call, Connection, Left, Reply
from prack_grpc.conformance.rest.hand_out import HOST, Fields, HandOut
from prack_grpc.conformance.rest.uploads import take_chunk, take_upload
from prack_grpc.conformance.witness import Witness

API = "/api/v1"
EMPTY = Reply.json({"error": "There are no requests pending"}, 404)
WORDLESS = Reply(204)


class Gateway(Witness):
    """One gateway, for one worker.

    Attributes:
        refusals: what the next polls ("poll") and pushes ("push") get in place of a reply; a push
            that is answered so was taken.
        polls: what was asked, each with its time in seconds; `parked`: how many wait now.
        leaving: the workers that said so, `farewell`: a request for the poll that then ends.
        tokens: what came as Authorization.
        greetings: how many handshakes of TLS have begun.
    """

    def __init__(self, terms: Terms, patience: float) -> None:
        super().__init__(patience)
        self.terms = terms
        self.refusals: dict[str, list[Reply]] = {"poll": [], "push": []}
        self.polls: list[tuple[float, Ask]] = []
        self.parked = 0
        self.leaving: list[str] = []
        self.farewell: HandOut | None = None
        self.tokens: set[str] = set()
        self.greetings = self.calls = 0
        self.connections: set[Connection] = set()
        self.hand_outs: dict[str, HandOut] = {}
        self._waiting: deque[HandOut] = deque()
        self._numbers = itertools.count(1)
        self._round = 0

    def state(self) -> str:
        """See Witness."""
        held = [str(one) for one in self.hand_outs.values() if one.given and not one.done]
        return f"{self.parked} polls are parked" + (f"; held: {'; '.join(held)}" if held else "")

    def greeted(self) -> bool:
        """A handshake of TLS begins; returns whether to show the certificate that is trusted."""
        self.greetings += 1
        self.notice()
        return self.greetings > self.terms.strangers

    # ---------------------------------------------------------------- for cases

    def make(
        self,
        target: str = "/hello",
        method: str = "GET",
        fields: Fields = (),
        body: bytes = b"",
        **more: Any,
    ) -> HandOut:
        """A request that nobody gets yet."""
        identifier = f"{next(self._numbers):032x}.1.9a41c07be2d5f386"
        length = [(b"content-length", b"%d" % len(body))] if body else []
        named = [(b"host", HOST), *fields, *length]
        made = HandOut(identifier, method, target, named, body, **more)
        self.hand_outs[identifier] = made
        return made

    def offer(self, target: str = "/hello", method: str = "GET", **more: Any) -> HandOut:
        """A request for the next poll."""
        made = self.make(target, method, **more)
        self._waiting.append(made)
        self.notice()
        return made

    def release(self) -> None:
        """Let the parked polls return, as a gateway that is being replaced does."""
        self._round += 1
        self.notice()

    # ---------------------------------------------------------------- calls

    async def handle(self, call: Call) -> Reply:
        """Reply to one call."""
        self.calls += 1
        self.tokens.add(call.field(b"authorization"))
        self.notice()
        try:
            if not call.field(b"host"):
                raise Broken("Pull", f"{call} without Host")
            return await self._route(call)
        except Broken as broken:
            self.fail(broken)
            return Reply.problem(400, "bad_parameter")
        except Left:
            return BREAK
        finally:
            self.notice()

    async def _route(self, call: Call) -> Reply:
        routes: dict[tuple[str, str], Callable[[Call], Awaitable[Reply]]] = {
            ("GET", f"{API}/request"): self._poll,
            ("GET", f"{API}/requests/next"): self._poll_raw,
            ("POST", f"{API}/request"): self._push,
            ("POST", f"{API}/response"): self._push,
            ("POST", f"{API}/exchange"): self._exchange,
            ("POST", f"{API}/drain"): self._drain,
            ("GET", f"{API}/info"): self._info,
        }
        if route := routes.get((call.method, call.path)):
            return await route(call)
        parts = call.path.removeprefix(f"{API}/requests/").split("/")
        hand_out = self.hand_outs.get(parts[0])
        if not call.path.startswith(f"{API}/requests/") or hand_out is None or len(parts) > 2:
            raise Broken("Errors", f"{call}, which is no endpoint or no request of this gateway")
        return await self._of_one(call, hand_out, parts[1] if len(parts) == 2 else "")

    async def _of_one(self, call: Call, hand_out: HandOut, verb: str) -> Reply:
        if (call.method, verb) == ("GET", "body"):
            return Reply(200, hand_out.body)
        if (call.method, verb) == ("GET", ""):
            return Reply.json({"state": "leased", "deadline_ms": hand_out.deadline_ms})
        if (call.method, verb) == ("POST", "response"):
            return await self._pushed(hand_out, take_upload(hand_out, call, self.notice))
        if (call.method, verb) == ("POST", "chunks"):
            return await take_chunk(hand_out, call)
        if (call.method, verb) == ("POST", "extend"):
            return await self._extend(call, hand_out)
        if (call.method, verb) == ("POST", "error"):
            told = strict(await call.body() or b"{}", str(call))
            hand_out.error = str(told.get("code", "handler_error"))
            return THANKS
        if (call.method, verb) == ("POST", "release"):
            hand_out.error = "released"
            return THANKS
        raise Broken("Errors", f"{call}, which is no endpoint")

    async def _info(self, _: Call) -> Reply:
        return Reply.json({"version": "kit", "api": ["v1"]})

    async def _extend(self, call: Call, hand_out: HandOut) -> Reply:
        told = strict(await call.body(), str(call))
        milliseconds = told.get("ms") if isinstance(told, dict) else None
        if not isinstance(milliseconds, int) or milliseconds < 1:
            raise Broken("Not answering", f"{call} with {told}; expected milliseconds in ms")
        hand_out.extensions += 1
        return Reply.json({"deadline_ms": hand_out.deadline_ms})

    async def _drain(self, call: Call) -> Reply:
        told = strict(await call.body(), str(call))
        if not isinstance(told, dict) or told.get("leaving") is not True:
            raise Broken("Stop", f"{call} with {told}; expected leaving: true")
        worker = told.get("worker")
        if worker not in {ask.worker for _, ask in self.polls}:
            raise Broken("Stop", f"{worker!r} leaves; no poll had this name")
        self.leaving.append(str(worker))
        if self.farewell is not None:
            self._waiting.append(self.farewell)
        self.release()
        while self.parked and self.farewell is not None and not self.farewell.given:
            await self.change()  # what a poll brings goes out before the reply to this
        return Reply.json({"workers": 1, "held": 0})

    # ---------------------------------------------------------------- polls

    async def _poll(self, call: Call) -> Reply:
        ask = of_query(call)
        if (refusal := self._asked(ask)) is not None:
            return refusal
        taken = await self._take(call, ask)
        if ask.most is None:
            return Reply.json(_entry(taken[0])) if taken else EMPTY
        return Reply.json({"requests": [_entry(one) for one in taken]})

    async def _poll_raw(self, call: Call) -> Reply:
        ask = of_query(call)
        if (refusal := self._asked(ask)) is not None:
            return refusal
        taken = await self._take(call, ask)
        if not taken:
            return WORDLESS
        one = taken[0]
        fields = {"Content-Type": "application/http; msgtype=request", "Prack-Id": one.identifier}
        fields |= {"Prack-Attempt": "1", "Prack-Deadline-Ms": str(one.deadline_ms)}
        fields |= {"Prack-Body-Length": str(len(one.body))} if one.body else {}
        fields |= {"Prack-Websocket": "events"} if one.events else {}
        return Reply(200, one.head() + (b"" if ask.separate else one.body), fields)

    async def _exchange(self, call: Call) -> Reply:
        told = strict(await call.body(), str(call))
        if not isinstance(told, dict):
            raise Broken("Both in one", f"{call} with {str(told)[:80]}; expected an object")
        ask, results = of_json(told), []
        for answer in told.get("responses", []):
            reply = await self._answered(answer)
            if not reply.status:
                return BREAK
            results.append(_result(answer, reply))
        if ask.most and (refusal := self._asked(ask)) is not None:
            problem = {**json.loads(refusal.content or b"{}"), "results": results}
            content = json.dumps(problem).encode()
            return Reply(refusal.status, content, refusal.fields)
        taken = await self._take(call, ask) if ask.most else []
        return Reply.json({"requests": [_entry(one) for one in taken], "results": results})

    def _asked(self, ask: Ask) -> Reply | None:
        self.polls.append((time.monotonic(), ask))
        refusals = self.refusals["poll"]
        return refusals.pop(0) if refusals else None

    async def _take(self, call: Call, ask: Ask) -> list[HandOut]:
        """What is there, at the latest after the wait of this poll. Raises Left."""
        until, this = time.monotonic() + ask.wait, self._round

        async def wait() -> None:
            while not self._waiting and this == self._round and time.monotonic() < until:
                await self._some(until - time.monotonic())

        self.parked += 1
        self.notice()
        try:
            await call.while_there(wait())
        finally:
            self.parked -= 1
        count = min(len(self._waiting), ask.most or 1)
        taken = [self._waiting.popleft() for _ in range(count)]
        for one in taken:
            one.given = True
        return taken

    async def _some(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self.change()
        except TimeoutError:
            pass

    # ---------------------------------------------------------------- pushes

    async def _push(self, call: Call) -> Reply:
        told = strict(await call.body(), str(call))
        if not isinstance(told, list):
            return await self._answered(told)
        replies = [(answer, await self._answered(answer)) for answer in told]
        if not all(reply.status for _, reply in replies):
            return BREAK
        return Reply.json({"results": [_result(answer, reply) for answer, reply in replies]})

    async def _answered(self, answer: Any) -> Reply:
        identifier = answer.get("identifier") if isinstance(answer, dict) else None
        hand_out = self.hand_outs.get(str(identifier))
        if hand_out is None or not hand_out.given:
            raise Broken(
                "Push", f"an answer with the identifier {identifier!r}: {str(answer)[:80]}"
            )

        async def take() -> Reply:
            hand_out.take(answer)
            return THANKS

        return await self._pushed(hand_out, take())

    async def _pushed(self, hand_out: HandOut, taking: Awaitable[Reply]) -> Reply:
        """One push; a second one changes nothing."""
        hand_out.pushes += 1
        again = hand_out.done
        reply = await taking
        if again:
            return Reply.problem(409, "already_answered")
        if hand_out.verdict is not None:
            return Reply.problem(*hand_out.verdict)
        refusals = self.refusals["push"]
        return refusals.pop(0) if refusals else reply


def _entry(hand_out: HandOut) -> dict[str, Any]:
    return {"identifier": hand_out.identifier, "environment": hand_out.environment()}


def _result(answer: dict[str, Any], reply: Reply) -> dict[str, Any]:
    told = json.loads(reply.content)
    known = {"identifier": answer["identifier"], "status": reply.status}
    return known if reply.status == 200 else {**known, "code": told["code"], "error": told["error"]}
