"""`grpc.health.v1.Health`: whether the gateway takes work, for those who ask by gRPC."""

import asyncio
from collections.abc import Mapping
from typing import Any

from grpc_health.v1 import health_pb2

from prack_grpc.stream.grpc.call import Call, Status
from prack_grpc.stream.grpc.service import Method

NAME = "grpc.health.v1.Health"
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health:
    """What is said of each service; the nameless one is the gateway."""

    def __init__(self, *services: str) -> None:
        self._status: dict[str, Any] = {}
        self._services = services
        self._changed = asyncio.Event()

    def methods(self) -> Mapping[str, Method]:
        """The service, by path."""
        return {f"/{NAME}/Check": self._check, f"/{NAME}/Watch": self._watch}

    def report(self, ready: bool) -> None:
        """Tell those who ask, and those who watch."""
        response = health_pb2.HealthCheckResponse
        status = response.SERVING if ready else response.NOT_SERVING
        self._status = dict.fromkeys(self._services, status)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _check(self, call: Call) -> None:
        service = await _asked(call)
        if service not in self._status:
            raise Status("NOT_FOUND", "there is no such service")
        await self._say(call, service)

    async def _watch(self, call: Call) -> None:
        service = await _asked(call)
        while True:
            changed = self._changed
            await self._say(call, service)
            await changed.wait()

    async def _say(self, call: Call, service: str) -> None:
        status = self._status.get(service, UNKNOWN)
        response = health_pb2.HealthCheckResponse(status=status)
        await call.write(response.SerializeToString())


async def _asked(call: Call) -> str:
    """The name of the service. Raises DecodeError."""
    request = health_pb2.HealthCheckRequest.FromString(await call.request())
    return request.service
