"""What breaks the small worker, each way for one case and more."""

from tests.conformance.stream.ways import (  # noqa: F401 - each adds its own
    bodies,
    exchanges,
    frames,
    leaving,
    sessions,
    websockets,
)
from tests.conformance.stream.ways.catalogue import WAYS as WAYS
