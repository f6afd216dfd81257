"""What is written of a job, and the line that it has."""

from prack_grpc.deferred.job import (
    LINES,
    line_of,
    read_fields,
    read_head,
    written_fields,
    written_head,
)
from tests.core.building import a_request


def test_every_byte_of_a_head_comes_back() -> None:
    every = bytes(range(1, 256))
    request = a_request(b"POST", b"/" + every, every, headers=[(b"x", every), (b"x", b"")])
    found = read_head(written_head(request), 7)
    assert (found.method, found.target, found.authority) == (b"POST", b"/" + every, every)
    assert (found.headers, found.body_length) == (request.headers, 7)
    assert read_fields(written_fields(request.headers)) == request.headers


def test_hosts_share_a_few_lines() -> None:
    lines = {line_of("prefer", f"{number}.test") for number in range(1000)}
    assert len(lines) == LINES
    assert line_of("call", "A.test") == line_of("call", "a.TEST")
    assert not lines & {line_of("call", f"{number}.test") for number in range(1000)}
