"""The cases of docs/rest.md."""

from prack_grpc.conformance.rest.cases import (  # noqa: F401 - each adds its own
    answers,
    errors,
    leaving,
    polls,
    websockets,
)
from prack_grpc.conformance.rest.cases.catalogue import CATALOGUE as CATALOGUE
