"""Writes the messages of proto/ as the tables of the Node library.

    python -m scripts.node_messages DESCRIPTORS > clients/node/lib/stream/messages.js

DESCRIPTORS is what `protoc --descriptor_set_out` writes. The tables are read by codec.js.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)

HEAD = """\
// Written by `make proto` from proto/prack/v1/worker.proto. Do not edit.

import { BOOL, BYTES, INT64, LATIN1, Message, TEXT, UINT, many } from "./codec.js";
"""
KINDS = {
    FieldDescriptorProto.TYPE_BOOL: "BOOL",
    FieldDescriptorProto.TYPE_BYTES: "BYTES",
    FieldDescriptorProto.TYPE_ENUM: "UINT",
    FieldDescriptorProto.TYPE_INT64: "INT64",
    FieldDescriptorProto.TYPE_STRING: "TEXT",
    FieldDescriptorProto.TYPE_UINT32: "UINT",
    FieldDescriptorProto.TYPE_UINT64: "UINT",
}
# Octets of a head are characters in Node: one for each.
CHARACTERS = {"authority", "headers", "http_version", "method", "scheme", "target", "trailers"}


def main(descriptors: str) -> None:
    """Write the module to standard output."""
    files = FileDescriptorSet.FromString(Path(descriptors).read_bytes()).file
    print(HEAD)
    for file in files:
        print("\n\n".join([*map(enum, file.enum_type), *messages(file.message_type)]))


def enum(one: EnumDescriptorProto) -> str:
    """Its values, without the prefix that proto asks for."""
    prefix = one.value[0].name.removesuffix("UNSPECIFIED")
    lines = [f"  {value.name.removeprefix(prefix)}: {value.number}," for value in one.value]
    return "\n".join([f"export const {one.name} = {{", *lines, "};"])


def messages(every: Iterable[DescriptorProto]) -> Iterator[str]:
    """Each behind those that its fields hold."""
    waiting = {one.name: one for one in every}
    while waiting:
        ready = [one for one in waiting.values() if not waiting.keys() & set(held(one))]
        for one in ready:
            del waiting[one.name]
            yield message(one)


def held(one: DescriptorProto) -> list[str]:
    return [name(field.type_name) for field in one.field if kind(field) == name(field.type_name)]


def message(one: DescriptorProto) -> str:
    lines = [f"  {field.json_name}: [{field.number}, {shape(field)}]," for field in one.field]
    return "\n".join([f"export const {one.name} = new Message({{", *lines, "});"])


def shape(field: FieldDescriptorProto) -> str:
    repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
    return f"many({kind(field)})" if repeated else kind(field)


def kind(field: FieldDescriptorProto) -> str:
    if field.type == FieldDescriptorProto.TYPE_MESSAGE:
        return name(field.type_name)
    return "LATIN1" if field.name in CHARACTERS else KINDS[field.type]


def name(qualified: str) -> str:
    return qualified.rpartition(".")[2]


if __name__ == "__main__":
    main(*sys.argv[1:])
