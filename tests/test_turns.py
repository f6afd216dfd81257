"""Of a crowd, few go on in a turn of the loop."""

import asyncio
from functools import partial

from prack_grpc.turns import Turns


async def test_one_goes_on_in_each_turn_the_longest_waiting_first() -> None:
    turns, seen = Turns(), list[str]()
    for name in "abc":
        turns.wait(partial(seen.append, name))
    turns.wait(partial(turns.wait, partial(seen.append, "e")))
    turns.wait(partial(seen.append, "d"))
    for so_far in ("", "a", "ab", "abc", "abc", "abcd", "abcde"):
        assert "".join(seen) == so_far
        await asyncio.sleep(0)


async def test_several_may_go_on_in_each_turn() -> None:
    turns, seen = Turns(2), list[str]()
    for name in "abc":
        turns.wait(partial(seen.append, name))
    turns.wait(partial(turns.wait, partial(seen.append, "e")))
    turns.wait(partial(seen.append, "d"))
    for so_far in ("", "ab", "abc", "abcde"):
        assert "".join(seen) == so_far
        await asyncio.sleep(0)
    turns.wait(partial(seen.append, "f"))
    await asyncio.sleep(0)
    assert seen[-1] == "f"


async def test_time_may_pass_before_the_next() -> None:
    loop, began, seen = asyncio.get_running_loop(), asyncio.get_running_loop().time(), list[float]()
    turns, last = Turns(seconds=0.002), asyncio.Event()
    turns.wait(lambda: seen.append(loop.time() - began))
    turns.wait(lambda: seen.append(loop.time() - began))
    turns.wait(last.set)
    await last.wait()
    assert seen[0] > 0.0019
    assert seen[1] > 0.0038


async def test_what_costs_more_leaves_room_for_fewer() -> None:
    turns, seen = Turns(4), list[str]()

    def dear(name: str) -> None:
        seen.append(name)
        turns.left -= 1

    for name in "abcd":
        turns.wait(partial(dear, name))
    turns.wait(partial(seen.append, "e"))
    for so_far in ("ab", "abcd", "abcde"):
        await asyncio.sleep(0)
        assert "".join(seen) == so_far


async def test_clients_take_turns() -> None:
    turns, seen = Turns(), list[str]()
    for name in ("a1", "a2", "a3", "b1", "b2"):
        turns.wait(partial(seen.append, name), name[0])
    for _ in range(5):
        await asyncio.sleep(0)
    assert seen == ["a1", "b1", "a2", "b2", "a3"]


async def test_one_that_fails_keeps_none_of_the_others() -> None:
    turns, seen = Turns(2), list[str]()

    def fail() -> None:
        raise RuntimeError("it failed")

    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: seen.append(str(context["exception"]))
    )
    turns.wait(fail)
    for name in "abc":
        turns.wait(partial(seen.append, name))
    for _ in range(3):
        await asyncio.sleep(0)
    assert seen == ["it failed", "a", "b", "c"]
