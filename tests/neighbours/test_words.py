"""What operators say to one gateway holds at all, also at one that joins later."""

from typing import Any

import pytest

from prack_grpc.core.queue.traffic import Split
from prack_grpc.neighbours import asking, mesh_words
from tests.neighbours.conftest import Join, Member, Pair, link, part
from tests.rest.conftest import until

SPLIT = {"service": "shop", "weights": {"v1": 90, "v2": 10}}


async def say(member: Member, path: str, **message: Any) -> Any:
    """An operator says this to the gateway."""
    method = "PUT" if path == "traffic" else "POST"
    reply = await member.rest.request(method, f"/api/v1/{path}", json=message)
    assert reply.status_code == 200, reply.text
    return reply.json()


def paused(member: Member) -> list[Any]:
    """Who is drained there."""
    return sorted(member.gateway.running.broker.status().paused)


def splits(member: Member) -> list[Split]:
    """How traffic is divided there."""
    return member.gateway.running.broker.status().splits


async def test_a_drain_is_in_effect_everywhere_before_it_is_confirmed(pair: Pair) -> None:
    await pair.here.join("w1", service="shop", version="v1")
    worker = await pair.there.join("w2", service="shop", version="v1")
    client = await pair.there.gateway.client()
    await client.get()
    await worker.script.event("requests")
    answer = await say(pair.here, "drain", service="shop", version="v1")
    assert paused(pair.there) == [("shop", "v1")]
    assert (answer["workers"], answer["held"], answer["unanswered"]) == (2, 1, [])
    await say(pair.there, "resume", service="shop", version="v1")
    assert paused(pair.here) == paused(pair.there) == []


async def test_traffic_is_divided_everywhere(pair: Pair) -> None:
    answer = await say(pair.here, "traffic", **SPLIT)
    assert (answer["weights"], answer["unanswered"]) == (SPLIT["weights"], [])
    assert splits(pair.there) == splits(pair.here) != []
    assert (await pair.there.told("traffic"))["traffic"][0]["weights"] == SPLIT["weights"]


async def test_a_gateway_that_joins_later_learns_and_tells(alone: Join) -> None:
    first, later = await alone(), await alone()
    await say(first, "drain", worker="w1")
    await say(later, "traffic", **SPLIT)
    await link(first, later)
    await until(lambda: paused(later) == ["w1"] and splits(first) == splits(later) != [])


async def test_of_two_that_were_apart_the_last_word_counts_at_both(pair: Pair) -> None:
    await say(pair.here, "drain", worker="w1")
    await part(pair.here, pair.there)
    await say(pair.here, "drain", worker="w2")
    await say(pair.there, "resume", worker="w1")
    await link(pair.here, pair.there)
    await until(lambda: paused(pair.here) == paused(pair.there) == ["w2"])


async def test_who_does_not_answer_is_told_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SECONDS", 0)
    monkeypatch.setattr(mesh_words, "SECONDS", 0)
    answer = await say(pair.here, "drain", worker="w1")
    assert answer["unanswered"] == [pair.there.id]
    assert paused(pair.there) == []
    monkeypatch.undo()
    await until(lambda: paused(pair.there) == ["w1"])


async def test_a_worker_that_leaves_one_gateway_ends_its_polls_at_all(pair: Pair) -> None:
    answer = await say(pair.here, "drain", worker="w1", leaving=True)
    assert answer == {"workers": 0, "held": 0, "unanswered": []}
    assert paused(pair.there) == []


async def test_a_restart_keeps_what_was_said_and_when(alone: Join, tmp_path: Any) -> None:
    file = tmp_path / "state.json"
    first, beside = await alone(state_file=file), await alone()
    await link(first, beside)
    await say(first, "drain", worker="w1")
    await say(first, "drain", worker="w2")
    await part(first, beside)
    await say(beside, "resume", worker="w1")
    again = await alone(state_file=file)
    assert paused(again) == ["w1", "w2"]
    await link(again, beside)
    await until(lambda: paused(again) == paused(beside) == ["w2"])
