"""Logging in from a browser, which sends no token by itself: a cookie stands for who has shown one.

House rules: the cookie is a random name of 256 bits for a row in memory, and of no use elsewhere;
rows are bounded, and end with their credentials.
"""

import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prack_grpc.core.worker import Principal, Right
from prack_grpc.private import bodies
from prack_grpc.private.app import address, caller
from prack_grpc.private.callers import Callers
from prack_grpc.private.description import UNREADABLE, problems
from prack_grpc.private.errors import BAD_PARAMETER, FORBIDDEN, ApiError

log = logging.getLogger(__name__)

COOKIE = "prack_session"
LASTING = 12 * 3600  # seconds
MAX_LOGINS = 1000
MAX_BYTES = 16 * 1024  # with room for a token of 8 KiB


class Logins:
    """Who has logged in, by cookie, for 12 hours. Of too many the oldest make room."""

    def __init__(self, gateway: str = "", now: Callable[[], float] = time.monotonic) -> None:
        """The cookies begin with this `gateway`, which knows them."""
        self._gateway = gateway
        self._now = now
        self._rows: OrderedDict[str, tuple[Principal, float]] = OrderedDict()

    def begin(self, who: Principal) -> str:
        """Remember somebody; returns the value of his cookie."""
        value = self._gateway + secrets.token_urlsafe(32)
        self._rows[value] = who, self._now() + LASTING
        if len(self._rows) > MAX_LOGINS:
            self._rows.popitem(last=False)
        return value

    def end(self, value: str) -> None:
        """Forget whoever has this cookie."""
        self._rows.pop(value, None)

    def who(self, value: str) -> Principal | None:
        """Who has this cookie."""
        who, until = self._rows.get(value, (None, 0.0))
        if who is None or (self._now() < until and not who.revoked):
            return who
        self.end(value)
        return None


def add_login(app: FastAPI, callers: Callers, logins: Logins) -> None:
    """Add what the page needs to log somebody in and out."""

    @app.post(
        "/login",
        summary="Take a `token`; the reply sets the cookie that stands for it",
        responses=problems({**UNREADABLE, 429: "`too_many_failures`: wait a little"}),
    )
    async def login(request: Request) -> Response:
        who = await _shown(request, callers)
        response = JSONResponse({"principal": who.name})
        response.set_cookie(
            COOKIE,
            logins.begin(who),
            max_age=LASTING,
            path=None,  # below which this page is, wherever a proxy has put it
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        about = {"principal": who.name, "client": address(request.scope)}
        log.info("logged in", extra={"action": "logged_in", **about})
        return response

    @app.post("/logout", summary="Forget who has logged in")
    async def logout(request: Request) -> Response:
        logins.end(request.cookies.get(COOKIE, ""))
        return JSONResponse({})

    @app.get("/api/v1/me", summary="Who calls, and whether he may change something")
    async def me(request: Request) -> Response:
        who = caller(request)
        return JSONResponse({"principal": who.name, "operates": Right.OPERATE in who.rights})


async def _shown(request: Request, callers: Callers) -> Principal:
    """Whose token this is. Raises ApiError, slowly if many were wrong."""
    message = await bodies.parse_object(await bodies.read(request.receive, MAX_BYTES))
    token = message.get("token")
    if not isinstance(token, str):
        raise ApiError(BAD_PARAMETER, "token: expected a string", "token")
    who = callers.bearer(token.strip().encode())
    if who is None:
        raise await callers.failed(address(request.scope))
    if Right.READ not in who.rights:
        raise ApiError(FORBIDDEN, "this token is a worker's; log in with an operator's or viewer's")
    return who
