"""Metrics, each with its series."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from prack_grpc.telemetry.books.histogram import SHOWN, cumulative
from prack_grpc.telemetry.books.place import Times

UPPER_BOUNDS = tuple(map(floatToGoString, (*SHOWN, float("inf"))))
# The values of the labels, and that of the series.
Series = Iterable[tuple[Sequence[str], float]]


def counter(name: str, about: str, series: Series, *labels: str) -> Metric:
    """What only grows; its name ends in `_total`."""
    family = CounterMetricFamily(name, about, labels=labels)
    for of, value in series:
        family.add_metric(of, value)
    return family


def gauge(name: str, about: str, series: Series, *labels: str) -> Metric:
    """What comes and goes."""
    family = GaugeMetricFamily(name, about, labels=labels)
    for of, value in series:
        family.add_metric(of, value)
    return family


def only(value: float) -> Series:
    """The series of a metric without labels."""
    return [((), value)]


def histogram(
    name: str, about: str, series: Iterable[tuple[Sequence[str], Times]], *labels: str
) -> Metric:
    """Times in seconds."""
    family = HistogramMetricFamily(name, about, labels=labels)
    for of, times in series:
        counts = (count for _, count in cumulative(times.counts))
        family.add_metric(of, list(zip(UPPER_BOUNDS, counts, strict=True)), times.sum)
    return family
