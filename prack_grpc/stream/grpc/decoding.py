"""Requests on the gRPC port that are no messages: INVALID_ARGUMENT, not a traceback of gRPC's."""

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)
undecodable = Complaint(log, "bad_request", "rejected a gRPC request that is no message", most=5)

Context = grpc.aio.ServicerContext[Any, Any]
# In the place of a request that is none.
UNDECODABLE = object()


class Decoding(grpc.aio.ServerInterceptor):
    """Has every method check its requests first; that of workers reads its frames itself."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        each = inspect.isasyncgenfunction(handler.stream_stream)
        return handler._replace(
            request_deserializer=_tolerant(handler.request_deserializer),
            unary_unary=handler.unary_unary and _one(handler.unary_unary),
            unary_stream=handler.unary_stream and _one(handler.unary_stream),
            stream_stream=_each(handler.stream_stream) if each else handler.stream_stream,
        )


def _tolerant(parse: Callable[[bytes], object]) -> Callable[[bytes], object]:
    def tolerant(data: bytes) -> object:
        try:
            return parse(data)
        except DecodeError:
            return UNDECODABLE

    return tolerant


def _one(serve: Callable[[Any, Context], Awaitable[Any]]) -> Callable[[Any, Context], Any]:
    async def checked(request: Any, context: Context) -> Any:
        await _check(request, context)
        return await serve(request, context)

    return checked


def _each(serve: Callable[[Any, Context], AsyncIterator[Any]]) -> Callable[[Any, Context], Any]:
    async def requests(given: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        async for request in given:
            await _check(request, context)
            yield request

    async def checked(given: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        async for answer in serve(requests(given, context), context):
            yield answer

    return checked


async def _check(request: object, context: Context) -> None:
    if request is UNDECODABLE:
        undecodable.make(peer=context.peer())
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is not of this type")
