"""What is asked for follows from the seed, and the answer from what was asked."""

from soak.answers import Script
from soak.orders import KINDS, Orders


def test_the_same_seed_asks_for_the_same() -> None:
    first, second = Orders(7), Orders(7)
    assert [first.next() for _ in range(200)] == [second.next() for _ in range(200)]
    assert [Orders(8).next() for _ in range(200)] != [Orders(9).next() for _ in range(200)]


def test_every_kind_comes_and_no_name_twice() -> None:
    orders = Orders(1)
    drawn = [orders.next() for _ in range(2000)] + orders.burst(100) + orders.pipeline()
    assert {order.kind for order in drawn} == set(KINDS)
    assert len({order.nonce for order in drawn}) == len(drawn)


def test_an_answer_has_the_length_that_its_script_says() -> None:
    orders = Orders(1)
    for order in (orders.next() for _ in range(200)):
        script = Script.parse(order.target.partition("?")[2])
        assert script == order.script
        assert len(order.answer()) == script.pieces * script.size
        assert sum(map(len, order.upload())) == order.parts * order.part
