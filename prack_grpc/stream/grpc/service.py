"""`prack.v1.WorkerService`, over gRPC."""

from collections.abc import Awaitable, Callable, Mapping

import prack_grpc
from prack.v1 import worker_pb2 as pb
from prack_grpc.core.worker import Principal
from prack_grpc.stream.grpc.call import Call, Status
from prack_grpc.stream.grpc.carrier import GrpcCarrier
from prack_grpc.stream.hello import FEATURES, MAX_HELLO, MINOR, limits_message
from prack_grpc.stream.streams import Streams

NAME = "prack.v1.WorkerService"
# Answers a call; what it raises is its status, otherwise it is OK.
Method = Callable[[Call], Awaitable[None]]


def methods(streams: Streams, who: Callable[[Call], Principal]) -> Mapping[str, Method]:
    """The service, by path; `who` tells who has made a call."""

    async def connect(call: Call) -> None:
        call.most = MAX_HELLO
        error = await streams.serve(GrpcCarrier(call, who(call)))
        if error is not None:
            raise Status(error.kind.status, str(error))

    async def get_info(call: Call) -> None:
        pb.GetInfoRequest.FromString(await call.request())
        info = pb.GetInfoResponse(
            version=prack_grpc.__version__,
            minor_min=MINOR,
            minor_max=MINOR,
            features=sorted(FEATURES),
            limits=limits_message(streams.limits),
        )
        await call.write(info.SerializeToString())

    return {f"/{NAME}/Connect": connect, f"/{NAME}/GetInfo": get_info}
