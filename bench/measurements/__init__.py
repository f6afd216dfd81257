"""What can be measured, in the order of the report."""

from types import ModuleType
from typing import Protocol, cast

from bench.measurements import (
    bodies,
    chunks,
    clients,
    cluster,
    computing,
    depth,
    figures,
    footprint,
    frameworks,
    gateways,
    languages,
    lending,
    peers,
    readers,
    rest,
    scaling,
    sockets,
    streams,
    tail,
    throughput,
    workers,
)
from bench.plan import Plan
from bench.samples import Samples


class Measurement(Protocol):
    """What each module here offers."""

    ABOUT: str
    QUICK: Plan
    FULL: Plan

    def duration(self, plan: Plan) -> float:
        """Seconds that `run` takes, roughly."""

    def run(self, plan: Plan) -> Samples:
        """Measure."""

    def report(self, samples: Samples) -> str:
        """Markdown, from a heading of the third level on."""


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


MODULES = (
    tail,
    frameworks,
    computing,
    throughput,
    peers,
    bodies,
    streams,
    chunks,
    readers,
    sockets,
    rest,
    languages,
    gateways,
    cluster,
    lending,
    scaling,
    depth,
    clients,
    workers,
    footprint,
    figures,
)
MEASUREMENTS = {_name(module): cast(Measurement, module) for module in MODULES}
