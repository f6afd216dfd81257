"""One answer of many, without gateways."""

import json
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from prack_grpc.neighbours import merging
from prack_grpc.neighbours.merging import figures, rows
from prack_grpc.telemetry.scale import slots_wanted

DIALLED = {"transport": "prack"}


def test_counts_are_summed_and_ages_are_those_of_the_oldest() -> None:
    merged = figures(
        [
            {"waiting": 1, "oldest": 0.5, "done": {"worker": 2, "client_gone": 1}, "rate": None},
            {"waiting": 2, "oldest": 3.5, "done": {"worker": 3}, "rate": 2.0},
        ]
    )
    assert merged == {
        "waiting": 3,
        "oldest": 3.5,
        "done": {"worker": 5, "client_gone": 1},
        "rate": 2.0,
    }


def test_shares_and_quantiles_count_by_requests() -> None:
    busy = {"requests_per_second": 9.0, "errors": {"worker": 0.1}, "p95": 1.0, "p50": None}
    calm = {"requests_per_second": 1.0, "errors": {"worker": 0.0}, "p95": 2.0, "p50": 0.5}
    merged = figures([busy, calm])
    assert merged["requests_per_second"] == 10.0
    assert round(merged["errors"]["worker"], 6) == 0.09
    assert round(merged["p95"], 6) == 1.1
    assert merged["p50"] == 0.5


def test_parts_of_a_wait_are_no_counts() -> None:
    wait = {"total": {"p50": 1.0, "p99": None}, "queue": {"p50": 0.5, "p99": None}}
    one = {"requests_per_second": 1.0, "wait": wait}
    assert figures([one, one])["wait"] == wait


def test_what_is_here_or_there_is_in_the_better_state() -> None:
    for states, best in (
        (("drained", "draining"), "draining"),
        (("paused", "active"), "active"),
        ((None, "drained"), "drained"),
        (("lost", "active"), "active"),
        ((None, None), None),
    ):
        assert figures([{"state": state} for state in states])["state"] == best


def test_guests_are_told_by_their_own_gateway() -> None:
    lent = {"route": "*/", "workers": 2, "slots": 7, "guests": 1, "borrowed": 3}
    own = {"route": "*/", "workers": 1, "slots": 4, "guests": 0, "borrowed": 0}
    merge = rows("routes", "route")
    (row,) = merge({"a": {"routes": [lent]}, "b": {"routes": [own]}}, {})["routes"]
    assert row == {"route": "*/", "workers": 2, "slots": 8}
    guest = {"worker": "via b", "transport": "link"}
    merge = rows("workers", "worker", apart=True)
    assert merge({"a": {"workers": [guest]}}, {})["workers"] == []


def test_a_worker_at_two_gateways_is_one() -> None:
    merge = rows("workers", "worker", apart=True)
    parts = {
        "a": {"workers": [{"worker": "w", "slots": 1, "connected_at": 5.0, **DIALLED}], "total": 1},
        "b": {"workers": [{"worker": "w", "slots": 2, "connected_at": 3.0, **DIALLED}], "total": 1},
    }
    (row,) = merge(parts, {})["workers"]
    both = {"worker": "w", "slots": 3, "connected_at": 3.0, "gateways": ["a", "b"]}
    assert row == {**both, **DIALLED}


def test_a_table_is_ordered_and_cut_as_that_of_one() -> None:
    keys = {"held": lambda row: -row.held, "error": lambda row: -row.errors.worker}
    merge = merging.ordered(rows("workers", "worker", apart=True), "workers", keys, "held")
    few, many = {"worker": 0.1}, {"worker": 0.2}
    parts = {
        "a": {"workers": [{"worker": "x", "held": 1, "errors": many, **DIALLED}], "total": 1},
        "b": {"workers": [{"worker": "y", "held": 2, "errors": few, **DIALLED}], "total": 1},
    }
    assert [row["worker"] for row in merge(parts, {})["workers"]] == ["y", "x"]
    first = merge(parts, {"sort": "error", "most": "1"})
    assert ([row["worker"] for row in first["workers"]], first["total"]) == (["x"], 2)


def test_that_no_worker_is_connected_is_said_only_if_it_is_so() -> None:
    alone = {"level": "info", "route": None, "text": merging.ALONE}
    late = {"level": "warning", "route": "*/", "text": "late"}
    (told,) = merging.sentences({"a": [alone], "b": [late]})
    assert told == {**late, "text": "gateway b: late"}
    assert [one["text"] for one in merging.sentences({"a": [alone], "b": [late, alone]})] == [
        "gateway b: late",
        merging.ALONE,
    ]


def test_curves_are_laid_upon_each_other() -> None:
    a = {"start": 10, "series": {"requests": [1, 3], "total_p95": [1.0, 1.0]}, "marks": []}
    b = {"start": 11, "series": {"requests": [1, 5], "total_p95": [2.0, 9.0]}, "marks": []}
    a["marks"], b["marks"] = [{"at": 2.0}], [{"at": 1.0}]
    merged = merging.history({"a": a, "b": b}, {})
    assert merged["series"] == {"requests": [1, 4], "total_p95": [1.0, 1.25]}
    assert [mark["at"] for mark in merged["marks"]] == [1.0, 2.0]
    assert (merged["start"], merged["unanswered"] if "unanswered" in merged else None) == (10, None)


def test_slots_are_wanted_for_all_that_comes_and_not_for_each_alone() -> None:
    row: dict[str, Any] = {
        "wait": 0.2,
        "waiting": 0,
        "busy": 2,
        "slots": 4,
        "arrival_rate": 10.0,
        "expected_rate": 10.0,
        "service_seconds": 0.2,
        "slots_wanted": slots_wanted(10.0, 0.2, 0, 2, 0.2),
    }
    both = merging.needs({"a": row, "b": row}, {"route": "*/"})
    assert both["slots_wanted"] == slots_wanted(20.0, 0.2, 0, 4, 0.2) < 2 * row["slots_wanted"]
    assert (both["slots"], both["wait"]) == (8, 0.2)
    table = merging.needs({"a": {"wait": 0.2, "routes": [{**row, "route": "*/"}]}}, {})
    assert table["routes"] == [{**row, "route": "*/"}]


TEXT = b"""\
# HELP a_total About a.
# TYPE a_total counter
a_total{gateway="%b"} 1.0
# HELP b About b.
# TYPE b gauge
b{gateway="%b"} 2.0
"""


def test_each_family_of_metrics_stands_at_one_place() -> None:
    text = merging.exposition([TEXT % (b"x", b"x"), TEXT % (b"y", b"y")]).decode()
    families = {one.name: one.samples for one in text_string_to_metric_families(text)}
    assert {name: len(samples) for name, samples in families.items()} == {"a": 2, "b": 2}
    modern = merging.exposition([(TEXT % (one, one)) + b"# EOF\n" for one in (b"x", b"y")])
    assert modern == text.encode() + b"# EOF\n"


def test_who_is_silent_is_named() -> None:
    alone = {"level": "info", "route": None, "text": merging.ALONE}
    part = {"gateway": {"state": "ready"}, "sentences": [alone]}
    merged = json.loads(
        merging.encoded(merging.overview, {"a": json.dumps(part).encode()}, {}, ["b"])
    )
    assert merged["unanswered"] == ["b"]
    assert "gateway b did not answer" in merged["sentences"][0]["text"]
