"""The cases of proto/README.md, in its order."""

from prack_grpc.conformance.stream.cases import (  # noqa: F401 - each adds its own
    bodies,
    cancels,
    exchanges,
    frames,
    leaving,
    liveness,
    sessions,
    tunnels,
    websockets,
)
from prack_grpc.conformance.stream.cases.catalogue import CATALOGUE as CATALOGUE
