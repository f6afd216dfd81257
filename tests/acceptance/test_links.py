"""Gateways that die, stop without a word, or leave, as processes: who loses what, and how soon."""

import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prack_grpc.bus.link import DEAD_SECONDS
from tests.acceptance.load import Load
from tests.acceptance.processes import OVER, Gateway, Launcher, Reply, fetch

AT_ONCE = 1.0
Meet = Callable[[], Gateway]


@pytest.fixture
def meet(launch: Launcher, tmp_path: Path) -> Meet:
    """Starts gateways that are linked to each other."""
    met: list[Gateway] = []

    def meet() -> Gateway:
        env = {"MEET": str(tmp_path / "meet")}
        found = launch.gateway("--grace", "10", program="tests.peers.program", env=env)
        living = [one for one in met if one.popen.poll() is None]
        for number, _ in enumerate(living, start=1):
            found.line('"gateway_linked"', number)
        met.append(found)
        return found

    return meet


def code(reply: Reply) -> str:
    """The stable code of an error that a gateway made."""
    found: str = json.loads(reply.body)["code"]
    return found


@pytest.mark.parametrize("over", OVER)
def test_clients_of_one_gateway_are_served_by_workers_of_another(
    launch: Launcher, meet: Meet, over: str
) -> None:
    owner, host = meet(), meet()
    launch.worker(host, over)
    assert fetch(owner.port, "/run/there", "POST").body == b"there 1"
    size = 3_000_001
    body = fetch(owner.port, f"/blob/{size}").body
    assert len(body) == size
    taken = fetch(owner.port, "/sink/", "POST", body).body
    assert taken.startswith(b"%d bytes" % size)
    assert over == "rest" or taken.endswith(b" 0 wrong"), "REST brings it in one piece"
    assert fetch(host.port, "/run/here").body == b"here 1"


def test_uploads_reach_polls_of_another_gateway_that_are_busy(launch: Launcher, meet: Meet) -> None:
    owner, host = meet(), meet()
    launch.worker(host, "rest")
    bodies = [bytes([number]) * (100_000 * number) for number in range(1, 21)]
    with ThreadPoolExecutor(12) as pool:
        large = [pool.submit(fetch, owner.port, "/sink/", "POST", body) for body in bodies]
        small = [pool.submit(fetch, host.port, f"/run/{number}") for number in range(200)]
        for body, reply in zip(bodies, large, strict=True):
            taken = reply.result()
            assert (taken.status, taken.body[: taken.body.find(b" ")]) == (200, b"%d" % len(body))
        assert {reply.result().status for reply in small} == {200}


def test_what_a_killed_host_held_is_repeated_or_lost_at_once(launch: Launcher, meet: Meet) -> None:
    owner, doomed = meet(), meet()
    worker = launch.worker(doomed)
    with ThreadPoolExecutor() as pool:
        get = pool.submit(fetch, owner.port, "/hold/get")
        post = pool.submit(fetch, owner.port, "/hold/post", "POST")
        worker.line("holds get")
        worker.line("holds post")
        killed = time.monotonic()
        doomed.kill()
        assert (post.result().status, code(post.result())) == (502, "worker_lost")
        assert time.monotonic() - killed < AT_ONCE
        launch.worker(meet(), "grpc").line("holds get")
        launch.release("get")
        assert get.result().body == b"held get"


def test_a_host_that_stands_still_is_lost_after_a_while(launch: Launcher, meet: Meet) -> None:
    owner, silent = meet(), meet()
    worker = launch.worker(silent)
    with ThreadPoolExecutor() as pool:
        post = pool.submit(fetch, owner.port, "/hold/post", "POST")
        worker.line("holds post")
        stopped = time.monotonic()
        silent.send(signal.SIGSTOP)
        assert (post.result().status, code(post.result())) == (502, "worker_lost")
        assert DEAD_SECONDS - 1.5 < time.monotonic() - stopped < DEAD_SECONDS + 2.0
        silent.send(signal.SIGCONT)
        owner.line('"gateway_linked"', 2)
        assert fetch(owner.port, "/run/again", "POST").status == 200


def test_a_killed_owner_leaves_the_workers_of_others_free(launch: Launcher, meet: Meet) -> None:
    host, doomed = meet(), meet()
    worker = launch.worker(host, "prack", "--slots", "1")
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(fetch, doomed.port, "/hold/lost", "POST")
        worker.line("holds lost")
        doomed.kill()
        assert lost.exception() is not None
        launch.release("lost")
        assert fetch(host.port, "/run/next", "POST").body == b"next 1"


def test_a_lost_worker_is_the_owners_to_repeat(launch: Launcher, meet: Meet) -> None:
    owner, host = meet(), meet()
    doomed = launch.worker(host)
    with ThreadPoolExecutor() as pool:
        get = pool.submit(fetch, owner.port, "/hold/get")
        post = pool.submit(fetch, owner.port, "/hold/post", "POST")
        doomed.line("holds get")
        doomed.line("holds post")
        doomed.kill()
        assert (post.result().status, code(post.result())) == (502, "worker_lost")
        launch.release("get")
        launch.worker(host)
        assert get.result().body == b"held get"


def test_a_gateway_that_leaves_loses_no_request_of_another(launch: Launcher, meet: Meet) -> None:
    owner, stays, leaves = meet(), meet(), meet()
    for host in (stays, leaves):
        launch.worker(host, "prack", "--slots", "4")
    with Load(owner.port, 12) as load:
        load.more(300)
        leaves.send(signal.SIGTERM)
        assert leaves.wait() == 0
        load.more(300)
        late = launch.worker(meet(), "prack", "--slots", "4")
        load.more(300)
        assert late.popen.poll() is None
    assert not load.failures
