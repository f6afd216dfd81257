"""The FastAPI application of a private port: checks the caller before anything else."""

import logging
from collections.abc import Coroutine, Iterable, Sized
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

import prack_grpc
from prack_grpc.core.worker import TRUSTED, Principal, Right
from prack_grpc.neighbours.call import CALLER, PASSED_ON
from prack_grpc.private import bodies
from prack_grpc.private.bodies import Coming, Gone, Whole
from prack_grpc.private.callers import AUTHORIZATION, PRINCIPAL, TELLING, Callers, Shown, last
from prack_grpc.private.certificate import Certificate
from prack_grpc.private.eager import Connection, Pause, Upload, resumed
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


Reply = Coroutine[Any, Any, Response | None]
# The folder of what was handed out, and how routes in it begin.
REQUESTS = "/api/v1/requests/"
NAMED = REQUESTS + "{identifier}"


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
        response = await self.reply(Request(scope, receive))
        if response is not None:
            await response(scope, receive, send)

    async def reply(self, request: Request) -> Response | None:
        """What the caller gets; None if he has gone."""
        scope = request.scope
        app: PrivateApp = scope["app"]
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
            return None
        except Exception as error:
            response = _bug(error)
        return app.telling(scope, response) if app.notices else response


class ReadRoute(RawRoute):
    """Shows what the gateway does."""

    right = Right.READ


class OperateRoute(RawRoute):
    """Changes what the gateway does."""

    right = Right.OPERATE


class HotRoute(RawRoute):
    """Found in a table, and begun without a task where the body of the call is here.

    Its endpoint must not use `asyncio.timeout` then before it waits for the first time.
    """


class Table:
    """The hot routes by method and path; the framework tries one route after the other."""

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        self._fixed: dict[tuple[str, str], HotRoute] = {}
        self._named: dict[tuple[str, str], HotRoute] = {}  # by what follows the identifier
        for route in routes:
            if isinstance(route, HotRoute):
                _, named, rest = route.path.partition(NAMED)
                table, path = (self._named, rest) if named else (self._fixed, route.path)
                table |= {(method, path): route for method in route.methods or ()}

    def find(self, scope: Scope) -> HotRoute | None:
        """The route of this call; its identifier is in the scope then."""
        method, path = scope["method"], scope["path"]
        scope["path_params"] = {}
        route = self._fixed.get((method, path))
        if route is None and path.startswith(REQUESTS):
            identifier, slash, rest = path[len(REQUESTS) :].partition("/")
            route = self._named.get((method, slash + rest)) if identifier else None
            scope["path_params"] = {"identifier": identifier}
        return route


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
        self.table = Table()
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

    def begin(self, scope: Scope, body: bytes, client: Connection) -> bool:
        """Serve a call that is here whole, at first without a task.

        False, with nothing done, where it has no hot route, or its caller was not seen before: then
        call this object.
        """
        return self._begin(scope, Whole(body, client), client)

    def begin_early(self, scope: Scope, upload: Upload, client: Connection) -> bool:
        """The same for a call whose body is on its way."""
        return self._begin(scope, Coming(upload), client)

    def _begin(self, scope: Scope, receive: Receive, client: Connection) -> bool:
        route = self.table.find(scope)
        who = self._callers.admitted.get(self._shown(scope)) if route else None
        if route is None or who is None or who.revoked:
            return False
        scope[PRINCIPAL], scope["app"] = who, self
        _go(route.reply(Request(scope, receive)), scope, client)
        return True

    def _shown(self, scope: Scope) -> Shown:
        telling = [field for field in scope.get("headers", ()) if field[0] in TELLING]
        return tuple(telling), self.certified(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        callers, shown = self._callers, self._shown(scope)
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
            await self._serve(scope, receive, send)
            return
        app, caller = self._serve, scope[PRINCIPAL].name if PRINCIPAL in scope else ""
        try:
            body = await bodies.read(receive)
            response = await self.together.answer(merge, app, scope, body, caller)
        except ApiError as error:
            response = error.response()
        except Gone:
            return
        await response(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.table.find(scope) if scope["type"] == "http" else None
        if route is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await route.app(scope, receive, send)


def _go(work: Reply, scope: Scope, client: Connection, _: object = None) -> None:
    """Go on with a call that has no task, as long as it needs none."""
    try:
        waits = work.send(None)
    except StopIteration as done:
        if done.value is not None and not _is_sent(done.value, client):
            client.run(partial(_send, done.value, scope))
    else:
        if isinstance(waits, Pause):
            waits.add_done_callback(partial(_go, work, scope, client))
        else:
            client.run(partial(_go_on, resumed(work, waits), scope, client))


def _is_sent(response: Response, client: Connection) -> bool:
    """Send at once what is whole, to a caller who reads. False, with nothing sent, otherwise."""
    reply = client.reply() if type(response).__call__ is Response.__call__ else None
    if reply is None:
        return False
    reply.respond(response.status_code, response.raw_headers, bytes(response.body))
    return True


async def _go_on(
    work: Reply,
    scope: Scope,
    client: Connection,
    *asgi: Any,
) -> None:
    response = await work
    if response is not None and not _is_sent(response, client):
        await _send(response, scope, *asgi)


async def _send(response: Response, scope: Scope, _: Scope, receive: Receive, send: Send) -> None:
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
    if not isinstance(error, HTTPException):
        return _bug(error)
    status = error.status_code
    response = ApiError(BY_STATUS.get(status, INTERNAL)).response()
    if status == 405:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _bug(error: Exception) -> Response:
    log.error("a bug of the gateway", exc_info=error, extra={"action": "internal"})
    return ApiError(INTERNAL).response()


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
