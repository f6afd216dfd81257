"""Runs rows against servers, each once."""

from tests.differential.apps import Servers, kind
from tests.differential.difference import Difference
from tests.differential.differences import DIFFERENCES
from tests.differential.facts import Deviation, Facts, deviations
from tests.differential.row import Row
from tests.differential.socket_row import SocketRow

Found = list[tuple[Deviation, Difference | None]]


class Comparison:
    """What deviates for each row and transport, and what explains it."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._direct: dict[int, list[Facts]] = {}
        self._found: dict[tuple[int, str], Found] = {}

    async def of(self, row: Row | SocketRow, over: str) -> Found:
        """All deviations of Prack from the application's own server."""
        key = id(row), over
        if key not in self._found:
            if id(row) not in self._direct:
                self._direct[id(row)] = await row.facts(self._servers.direct[row.app])
            prack = await row.facts(self._servers.gateways[over].port)
            where = f"{row.app}-{kind(over)} {row.name}"
            self._found[key] = [
                (deviation, next((d for d in DIFFERENCES if d.explains(where, deviation)), None))
                for deviation in deviations(self._direct[id(row)], prack)
            ]
        return self._found[key]
