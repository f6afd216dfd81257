"""The names of requests."""

import re

from prack_grpc.broker.ticket import NAMES, Identifiers, another, gateway_id


def test_names_begin_with_their_gateway_and_are_never_the_same() -> None:
    own = gateway_id()
    identifiers = Identifiers(own)
    names = [identifiers.next() for _ in range(2 * NAMES + 1)]
    names += [another(name) for name in names]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(own + "[0-9a-f]{24}", name) for name in names)


def test_a_gateway_has_another_id_at_each_start() -> None:
    assert len({gateway_id() for _ in range(10)}) == 10
