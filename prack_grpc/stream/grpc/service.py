"""`prack.v1.WorkerService`, over gRPC."""

import asyncio
from collections.abc import Callable

import grpc

import prack_grpc
from prack.v1 import worker_pb2 as pb
from prack_grpc.core.worker import Principal
from prack_grpc.stream.grpc.carrier import Context, GrpcCarrier
from prack_grpc.stream.hello import FEATURES, MINOR, limits_message
from prack_grpc.stream.streams import Streams

NAME = "prack.v1.WorkerService"


def handler(
    streams: Streams, who: Callable[[Context], Principal], calls: set[asyncio.Task[object]]
) -> grpc.GenericRpcHandler:
    """The service; carriers read and write bytes.

    `who` tells who has made a call; tasks that serve streams are in `calls`.
    """

    async def connect(_: object, context: Context) -> None:
        if task := asyncio.current_task():
            calls.add(task)
            task.add_done_callback(calls.discard)
        error = await streams.serve(GrpcCarrier(context, who(context)))
        if error is not None:
            await context.abort(grpc.StatusCode[error.kind.status], str(error))

    async def get_info(request: pb.GetInfoRequest, context: Context) -> pb.GetInfoResponse:
        return pb.GetInfoResponse(
            version=prack_grpc.__version__,
            minor_min=MINOR,
            minor_max=MINOR,
            features=sorted(FEATURES),
            limits=limits_message(streams.limits),
        )

    return grpc.method_handlers_generic_handler(
        NAME,
        {
            "Connect": grpc.stream_stream_rpc_method_handler(connect),
            "GetInfo": grpc.unary_unary_rpc_method_handler(
                get_info,
                pb.GetInfoRequest.FromString,
                pb.GetInfoResponse.SerializeToString,
            ),
        },
    )
