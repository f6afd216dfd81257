"""Runs rows against servers, each once."""

from tests.differential.apps import APPS, Servers, host
from tests.differential.differences import DIFFERENCES, Difference
from tests.differential.facts import Deviation, Facts, deviations, facts
from tests.differential.row import HOST, Row, request
from tests.differential.wire import talk

Found = list[tuple[Deviation, Difference | None]]


class Comparison:
    """What deviates for each row and transport, and what explains it."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._direct: dict[int, list[Facts]] = {}
        self._found: dict[tuple[int, str], Found] = {}

    async def of(self, row: Row, over: str) -> Found:
        """All deviations of Prack from the application's own server."""
        key = id(row), over
        if key not in self._found:
            if id(row) not in self._direct:
                self._direct[id(row)] = await _facts(row, self._servers.direct[row.app])
            prack = await _facts(row, self._servers.gateways[over])
            where = f"{row.app}-{over} {row.name}"
            self._found[key] = [
                (deviation, next((d for d in DIFFERENCES if d.explains(where, deviation)), None))
                for deviation in deviations(self._direct[id(row)], prack)
            ]
        return self._found[key]


async def _facts(row: Row, port: int) -> list[Facts]:
    name = host(row.app).encode()
    probe = request(APPS[row.app].alive, b"Connection: close")
    requests = [sent.replace(HOST, name) for sent in row.requests]
    return facts(await talk(port, requests, probe.replace(HOST, name)), row.varies)
