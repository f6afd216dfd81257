"""A fleet that is scaled by Prack's signal, in virtual time."""

import random
from itertools import product

import pytest

from bench.measurements import elastic, scaling
from bench.measurements.elastic import Autoscaler, Course, Fleet, Simulation
from bench.measurements.scaling import LOADS, RISE, WORKS, over, simulate
from bench.plan import Plan
from bench.samples import percentile
from prack_grpc.telemetry.scale import HEADROOM, LATE, TARGET_WAIT, slots_wanted

SEED = 1
# Seconds until a backlog is gone by which a step has filled the queue: 20 workers are not enough
# to drain it in 10.
DRAINING = 25
BEFORE_WORKERS_ARE_HERE = scaling.USUAL.poll + elastic.START_SECONDS


def p95(course: Course) -> float:
    return percentile(course.waits, 95)


def most(course: Course) -> int:
    return max(count for _, count in course.workers)


@pytest.mark.parametrize(("load", "work"), [*product(LOADS, WORKS)])
def test_signal_keeps_the_target_through_a_tenfold_load(load: str, work: str) -> None:
    course = simulate(load, work, "slots_wanted", SEED)
    assert p95(course) <= TARGET_WAIT
    missed = over(course)
    assert missed <= {"step": BEFORE_WORKERS_ARE_HERE + DRAINING, "ramp": 30}[load]
    assert most(course) > 4 * elastic.LEAST
    assert course.workers[-1][1] == elastic.LEAST
    assert course.turns() == 1


def test_step_is_late_only_until_its_workers_are_here() -> None:
    course = simulate("step", "exponential", "slots_wanted", SEED)
    end = RISE + BEFORE_WORKERS_ARE_HERE + DRAINING
    late = [
        at
        for at, wait in zip(course.arrivals, course.waits, strict=True)
        if wait > TARGET_WAIT and not RISE <= at < end
    ]
    assert len(late) < LATE * len(course.waits)
    assert most(course) == elastic.MOST


def test_quicker_autoscaler_is_late_for_a_shorter_time() -> None:
    usual, quicker = (
        simulate("step", "exponential", signal, SEED)
        for signal in ("slots_wanted", "slots_wanted, quicker")
    )
    missed, missed_by_usual = over(quicker), over(usual)
    assert missed < missed_by_usual
    assert p95(quicker) <= TARGET_WAIT


def test_length_of_the_queue_is_late_and_flaps() -> None:
    course = simulate("step", "exponential", "queue length", SEED)
    assert p95(course) > 10 * TARGET_WAIT
    assert course.turns() > 1


def test_usage_grows_too_slowly_for_a_step() -> None:
    usage, wanted = (
        simulate("step", "exponential", signal, SEED) for signal in ("usage", "slots_wanted")
    )
    assert p95(usage) > 10 * TARGET_WAIT
    missed, missed_by_wanted = over(usage), over(wanted)
    assert missed > 2 * missed_by_wanted


def test_fleet_of_the_wanted_size_waits_as_the_formula_says() -> None:
    rate, hold = 40.0, 0.2
    slots = slots_wanted(rate / HEADROOM, hold, 0, 0, TARGET_WAIT)
    fixed = Autoscaler(poll=3600, window=3600)
    waits: list[float] = []
    for seed in range(3):
        simulation = Simulation(
            lambda _: rate, 1500, lambda rng: rng.expovariate(1 / hold), elastic.usage, fixed, seed
        )
        simulation.fleet.resize(slots - simulation.fleet.slots)
        waits += simulation.run().waits
    late = sum(wait > TARGET_WAIT for wait in waits) / len(waits)
    assert LATE / 2 < late < LATE * 2  # the formula may be a slot short


def test_same_seed_gives_the_same_course() -> None:
    def course(seed: int) -> Course:
        load, work = scaling.step, WORKS["heavy-tailed"]
        return Simulation(load, 400, work, elastic.slots_wanted, scaling.USUAL, seed).run()

    waits = course(1).waits
    assert (waits == course(1).waits, waits == course(2).waits) == (True, False)


def test_workers_that_drain_finish_what_they_hold() -> None:
    fleet = Fleet()
    for _ in range(fleet.slots):
        fleet.arrive(0)
        assert fleet.hand_out() == 0
    before = fleet.slots
    fleet.resize(-3)
    assert fleet.slots == before
    fleet.arrive(1)
    fleet.finish()
    assert fleet.slots == before - 1
    assert fleet.hand_out() is None


@pytest.mark.parametrize(
    ("counts", "turns"), [([2], 0), ([2, 5, 9], 0), ([2, 5, 3, 2], 1), ([2, 5, 3, 4], 2)]
)
def test_turns_are_counted(counts: list[int], turns: int) -> None:
    assert Course(workers=[(float(at), count) for at, count in enumerate(counts)]).turns() == turns


def test_mean_of_the_workers_is_over_time() -> None:
    assert Course(workers=[(0.0, 2), (10.0, 6)]).mean_workers(40) == 5


def test_load_and_work_are_what_the_page_says() -> None:
    rng = random.Random(SEED)
    for work in WORKS.values():
        times = [work(rng) for _ in range(100_000)]
        assert sum(times) / len(times) == pytest.approx(scaling.MEAN_SECONDS, rel=0.05)
    for load, _ in LOADS.values():
        assert load(0) == scaling.LOW
        assert load(scaling.FALL) == {scaling.step: scaling.LOW, scaling.ramp: scaling.HIGH}[load]
        assert load(scaling.FALL - 1) == pytest.approx(scaling.HIGH, rel=0.01)


def test_report_has_a_row_for_each_course(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "LOADS", {"brief": (scaling.step, 60.0)})
    text = scaling.report(scaling.run(Plan(rounds=2, seconds=0, contenders=())))
    rows = [line for line in text.splitlines() if line.startswith("| brief, ")]
    assert len(rows) == len(WORKS) * len(scaling.SCALED)
