"""`grpc.reflection.v1alpha.ServerReflection`: what the port speaks, for tools such as grpcurl."""

from collections.abc import Iterator, Mapping

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2 as pb

from prack_grpc.stream.grpc.call import CODES, Call
from prack_grpc.stream.grpc.service import Method

NAME = "grpc.reflection.v1alpha.ServerReflection"


def methods(*services: str) -> Mapping[str, Method]:
    """The service, by path; it tells of these and of itself."""

    async def info(call: Call) -> None:
        while (data := await call.receive()) is not None:
            request = pb.ServerReflectionRequest.FromString(data)
            answer = _answer(request, (*services, NAME))
            answer.original_request.CopyFrom(request)
            await call.write(answer.SerializeToString())

    return {f"/{NAME}/ServerReflectionInfo": info}


def _answer(
    request: pb.ServerReflectionRequest, services: tuple[str, ...]
) -> pb.ServerReflectionResponse:
    answer, pool = pb.ServerReflectionResponse(), descriptor_pool.Default()
    try:
        match request.WhichOneof("message_request"):
            case "list_services":
                for name in services:
                    answer.list_services_response.service.add(name=name)
            case "file_by_filename":
                _describe(answer, pool.FindFileByName(request.file_by_filename))
            case "file_containing_symbol":
                _describe(answer, pool.FindFileContainingSymbol(request.file_containing_symbol))
            case _:
                _refuse(answer, "UNIMPLEMENTED", "this is not told here")
    except KeyError:
        _refuse(answer, "NOT_FOUND", "there is nothing of this name")
    return answer


def _describe(answer: pb.ServerReflectionResponse, file: FileDescriptor) -> None:
    for one in dict.fromkeys(_with_imports(file)):
        proto = FileDescriptorProto()
        one.CopyToProto(proto)
        answer.file_descriptor_response.file_descriptor_proto.append(proto.SerializeToString())


def _with_imports(file: FileDescriptor) -> Iterator[FileDescriptor]:
    yield file
    for other in file.dependencies:
        yield from _with_imports(other)


def _refuse(answer: pb.ServerReflectionResponse, status: str, message: str) -> None:
    answer.error_response.error_code = CODES[status]
    answer.error_response.error_message = message
