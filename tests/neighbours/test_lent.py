"""A request that a worker of another gateway has is counted once, and so is its slot."""

from typing import Any

from tests.neighbours.conftest import Join, Member, Pair, link, part
from tests.neighbours.test_together import looked
from tests.rest.conftest import answer, until

POOL: dict[str, Any] = {"service": "shop", "version": "v1"}


async def seen(member: Member) -> Any:
    """What there is of slots and requests."""
    (version,) = (await member.told("versions"))["versions"]
    (route,) = (await member.told("routes"))["routes"]
    (worker,) = (await member.told("workers"))["workers"]
    queue = await member.told("queue")
    return (
        [(row["slots"], row["workers"]) for row in (version, route)],
        [version["held"], worker["held"], route["busy"]],
        [queue[name] for name in ("in_flight", "open_leases", "accepted", "leased")],
    )


async def test_figures_are_those_of_one_queue(pair: Pair) -> None:
    worker = await pair.there.join("w2", 3, **POOL)
    client = await pair.here.gateway.client()
    await client.get(b"/first")
    request = await worker.script.event("requests")
    for member in (pair.here, pair.there):
        assert await seen(member) == ([(3, 1), (3, 1)], [1, 1, 1], [1, 1, 1, 1])
        live = (await member.shown("exchanges", state="live"))["exchanges"]
        assert [(row["target"], row["gateways"]) for row in live] == [("/first", [pair.here.id])]
    await looked(pair.here, pair.there)
    for member in (pair.here, pair.there):
        overview = await member.shown("overview")
        assert overview["slots"] == {"total": 3, "used": 1}
        assert sum(overview["workers"].values()) == 1
        (need,) = (await member.shown("scale"))["routes"]
        assert (need["slots"], need["busy"], need["waiting"]) == (3, 1, 0)
        text = (await member.admin.get("/metrics")).text.splitlines()
        used = [float(line.split()[1]) for line in text if line.startswith("prack_slots_used{")]
        slots = [float(line.split()[1]) for line in text if line.startswith("prack_slots{")]
        assert (sum(used), sum(slots)) == (1, 3)
    await worker.script.answer(request)
    await client.response()
    for member in (pair.here, pair.there):
        assert (await member.told("queue"))["done"]["worker"] == 1
        ended = (await member.shown("exchanges"))["exchanges"]
        assert [row["target"] for row in ended] == ["/first"]


async def test_a_worker_elsewhere_is_as_good_as_one_here(pair: Pair, alone: Join) -> None:
    await pair.there.join("w2", **POOL)
    await until(lambda: bool(pair.here.gateway.running.broker.status().workers))
    sentences = (await pair.here.shown("overview"))["sentences"]
    assert not [one for one in sentences if "no worker" in one["text"]]
    ready = await alone(ready_with_worker=True)
    assert (await ready.admin.get("/readyz")).status_code == 503
    await part(pair.here, pair.there)
    await link(pair.here, pair.there, ready)
    await until(lambda: bool(ready.gateway.running.broker.status().workers))
    assert (await ready.admin.get("/readyz")).status_code == 200


async def test_a_drain_says_what_is_held_for_others(pair: Pair) -> None:
    worker = await pair.there.join("w2", 3, **POOL)
    client = await pair.here.gateway.client()
    await client.get()
    request = await worker.script.event("requests")
    drain = await pair.here.rest.post("/api/v1/drain", json={"worker": "w2"})
    assert drain.json() == {"workers": 1, "held": 1, "unanswered": []}
    await worker.script.answer(request)
    assert (await client.response()).status == 200
    drain = await pair.here.rest.post("/api/v1/drain", json={"worker": "w2"})
    assert drain.json()["held"] == 0


async def test_a_rest_answer_at_the_clients_gateway_reaches_the_workers(pair: Pair) -> None:
    poll = pair.there.rest.get("/api/v1/request", params={"wait": 10})
    client = await pair.here.gateway.client()
    await client.get()
    identifier = (await poll).json()["identifier"]
    assert identifier.startswith(pair.there.id)
    reply = await pair.here.rest.post("/api/v1/response", json=answer(identifier, b"there"))
    assert reply.status_code == 200
    assert (await client.response()).body == b"there"
