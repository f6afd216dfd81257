"""The FastAPI application of a private port: checks the caller before anything else."""

import logging
from collections.abc import Sized
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

import prack_grpc
from prack_grpc.core.worker import TRUSTED, Principal, Right
from prack_grpc.neighbours.call import CALLER, PASSED_ON
from prack_grpc.private import bodies
from prack_grpc.private.bodies import Gone
from prack_grpc.private.callers import AUTHORIZATION, PRINCIPAL, TELLING, Callers, last
from prack_grpc.private.certificate import Certificate
from prack_grpc.private.errors import (
    BAD_METHOD,
    BAD_PARAMETER,
    FORBIDDEN,
    INTERNAL,
    NOT_FOUND,
    UNAUTHENTICATED,
    ApiError,
)
from prack_grpc.private.operators.together import Together
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

# What the framework itself answers.
BY_STATUS = {404: NOT_FOUND, 405: BAD_METHOD}


def caller(request: Request) -> Principal:
    """Who makes this call."""
    who: Principal = request.scope[PRINCIPAL]
    return who


def address(scope: Scope) -> str:
    """Where a call comes from, without its port."""
    return scope["client"][0] if scope.get("client") else ""


class RawRoute(APIRoute):
    """Described like any route of FastAPI, but called without its dependencies and models.

    With a `right`, it is only for those who have it.
    """

    right: Right | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, app = Request(scope, receive), scope["app"]
        try:
            if self.right and self.right not in scope[PRINCIPAL].rights:
                raise ApiError(FORBIDDEN)
            about = scope["path_params"].get("identifier")
            response = about and await app.about(about, request)
            response = response or await self.endpoint(request)
        except ApiError as error:
            if error.kind is FORBIDDEN:
                app.forbidden(scope, error)
            response = error.response()
        except Gone:
            return
        if app.notices:
            response = app.telling(scope, response)
        await response(scope, receive, send)


class ReadRoute(RawRoute):
    """Shows what the gateway does."""

    right = Right.READ


class OperateRoute(RawRoute):
    """Changes what the gateway does."""

    right = Right.OPERATE


class PrivateApp(FastAPI):
    """Its errors are problem documents, and it has no page that it does not add itself.

    As long as there are `notices`, its raw routes have `telling` add them to their responses. Where
    there may be other gateways, `together` they have one answer.
    """

    notices: Sized = ()
    together: Together | None = None

    def __init__(self, callers: Callers, title: str, description: str) -> None:
        super().__init__(
            title=title,
            version=prack_grpc.__version__,
            description=description,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
            telemetry={"tracing": False},
        )
        self.router.route_class = RawRoute
        self._callers = callers
        text = "refused a call that its credentials do not allow"
        self._complaint = Complaint(log, "forbidden", text, most=10)

    def forbidden(self, scope: Scope, error: ApiError) -> None:
        """Tell of it: these credentials may be stolen."""
        who, client = scope[PRINCIPAL].name, address(scope)
        about = {"path": scope["path"], "reason": error.detail}
        self._complaint.make(principal=who, client=client, **about)

    async def about(self, identifier: str, request: Request) -> Response | None:
        """The reply to a call about something that is not ours, None if it is."""
        return None

    def telling(self, scope: Scope, response: Response) -> Response:
        """The response with what its caller is to notice."""
        return response

    def build_middleware_stack(self) -> ASGIApp:
        """See Starlette. One in place of five: what raises gets an answer, or a cut connection."""
        return ExceptionMiddleware(self.router, handlers=HANDLERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        telling = tuple(field for field in scope.get("headers", ()) if field[0] in TELLING)
        callers = self._callers
        shown = telling, self.certified(scope)
        who = callers.admitted.get(shown)
        if who is None or who.revoked:
            who = callers.admits(shown) if scope["type"] == "http" else TRUSTED
        if who is None:
            await self._unknown(shown[1], scope, receive, send)
        else:
            scope[PRINCIPAL] = who
            await self.trusted(scope, receive, send)

    async def _unknown(
        self, names: tuple[str, ...], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve somebody who has not shown who he is, by fields or these `names`."""
        refusal = self._callers.refusal(scope, names)
        if refusal is None or refusal.kind is UNAUTHENTICATED:
            if reply := await self.elsewhere(scope, receive):
                await reply(scope, receive, send)
                return
        if refusal is None:  # a page that anybody may see
            await self.trusted(scope, receive, last(send) if self._callers.asks else send)
            return
        if refusal.kind is UNAUTHENTICATED:
            if who := self.recognized(scope):
                scope[PRINCIPAL] = who
                await self.trusted(scope, receive, send)
                return
            if any(name == AUTHORIZATION for name, _ in scope["headers"]):
                refusal = await self._callers.failed(address(scope))
        await refusal.response()(scope, receive, last(send))

    def certified(self, scope: Scope) -> tuple[str, ...]:
        """The names in the certificate of who makes this call."""
        shown: Certificate | None = scope.get("extensions", {}).get("prack", {}).get("certificate")
        return shown.alternatives if shown else ()

    def recognized(self, scope: Scope) -> Principal | None:
        """Who has shown credentials before."""
        return None

    async def elsewhere(self, scope: Scope, receive: Receive) -> Response | None:
        """The reply of the gateway that knows who calls; None if it is this one, or none."""
        return None

    async def relayed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope that another gateway passes on; it says whose that is."""
        if scope["type"] == "http":
            fields, callers = dict(scope["headers"]), self._callers
            scope[PASSED_ON] = True
            name, shown = fields.get(CALLER), fields.get(AUTHORIZATION)
            # A token of an issuer may be seen here for the first time.
            who = callers.caller([shown]) if callers.asks and shown else None
            scope[PRINCIPAL] = who or (callers.named(name.decode()) if name else callers.holder)
        await self.trusted(scope, receive, send)

    async def trusted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope of a caller who was checked."""
        merge = self.together.merge(scope) if self.together else None
        if self.together is None or merge is None:
            await super().__call__(scope, receive, send)
            return
        app, caller = super().__call__, scope[PRINCIPAL].name if PRINCIPAL in scope else ""
        try:
            body = await bodies.read(receive)
            response = await self.together.answer(merge, app, scope, body, caller)
        except ApiError as error:
            response = error.response()
        except Gone:
            return
        await response(scope, receive, send)


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - it is handled by its class
    return error.response()


async def _invalid(_: Request, error: Exception) -> Response:
    """The problem response for a parameter that FastAPI refuses."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return ApiError(BAD_PARAMETER, f"{name}: {first['msg']}", name).response()


async def _refused(request: Request, error: Exception) -> Response:
    """The problem response for an error of the framework."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 500:
        log.error("a bug of the gateway", exc_info=error, extra={"action": "internal"})
    response = ApiError(BY_STATUS.get(status, INTERNAL)).response()
    if status == 405:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """All methods of this path; the framework knows only those of its first endpoint."""
    path = request.scope["path"]
    routes = [route for route in request.app.routes if route.path_regex.match(path)]
    return sorted({method for route in routes for method in route.methods})


# Of whatever an endpoint raises.
HANDLERS = {
    ApiError: _told,
    RequestValidationError: _invalid,
    HTTPException: _refused,
    Exception: _refused,
}
