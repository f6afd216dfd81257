"""What a run says at its end."""

from fuzz.__main__ import Outcome, read

FINE = """
#8226	DONE   cov: 1789 ft: 4665 corp: 57/4331b lim: 234 exec/s: 85 rss: 94Mb
stat::number_of_executed_units: 8226
stat::average_exec_per_sec:     85
stat::new_units_added:          80
"""
CRASHED = """
 === Uncaught Python exception: ===
artifact_prefix='build/fuzz/crashes/front-'; Test unit written to build/fuzz/crashes/front-crash-d65
stat::number_of_executed_units: 26
stat::new_units_added:          7
"""


def test_a_good_run_has_counts() -> None:
    assert read("front", FINE, 0) == Outcome("front", 8226, 80, [], failed=False)


def test_a_crash_is_a_file() -> None:
    crash = "build/fuzz/crashes/front-crash-d65"
    assert read("front", CRASHED, 77) == Outcome("front", 26, 7, [crash], failed=True)


def test_one_that_does_not_run_has_failed() -> None:
    assert read("front", "ModuleNotFoundError", 1).failed
