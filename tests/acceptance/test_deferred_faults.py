"""kill -9 of a gateway at many points of the life of webhooks: none that was acknowledged is lost.

Each point is a time after the first webhook of a burst that has its own seed, so that a failure
can be looked at again.
"""

import random
import time
from pathlib import Path

import pytest

from tests.acceptance.deferred import Burst, Inbox, Names, all_answered, killed
from tests.acceptance.processes import Launcher

pytestmark = pytest.mark.timeout(300)

KILLS = 12


def test_a_gateway_that_is_killed_at_any_time_loses_nothing(
    launch: Launcher, tmp_path: Path
) -> None:
    inbox, numbers, chance = Inbox(launch, tmp_path / "store.db"), Names(), random.Random(16)
    worker, accepted = inbox.worker(), dict[str, str]()
    for _ in range(KILLS):
        accepted |= killed(inbox, numbers, chance.randrange(40))
        inbox.start()
    all_answered(inbox, accepted, worker)


def test_workers_and_gateway_are_killed_by_turns(launch: Launcher, tmp_path: Path) -> None:
    inbox, numbers, chance = Inbox(launch, tmp_path / "store.db"), Names(), random.Random(17)
    workers, accepted = [inbox.worker()], dict[str, str]()
    for _ in range(3):
        burst = Burst(inbox.gateway.port, numbers)
        time.sleep(chance.uniform(0.05, 0.3))
        workers[-1].kill()
        workers.append(inbox.worker())
        time.sleep(chance.uniform(0.05, 0.3))
        inbox.gateway.kill()
        accepted |= burst.over()
        inbox.start()
    all_answered(inbox, accepted, *workers)


def test_two_gateways_share_a_store_and_the_living_takes_over(
    launch: Launcher, tmp_path: Path
) -> None:
    first, second, numbers = (
        Inbox(launch, tmp_path / "store.db"),
        Inbox(launch, tmp_path / "store.db"),
        Names(),
    )
    workers = [first.worker(), second.worker()]
    accepted = killed(first, numbers, 50)
    all_answered(second, accepted, *workers)
