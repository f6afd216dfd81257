"""What it takes to have a successor take over from a gateway that is up."""

from collections.abc import Awaitable, Callable
from functools import partial

from prack_grpc.composition.parts import Parts
from prack_grpc.composition.running import Running
from prack_grpc.handover.successor import Successor, UpgradeFailed
from prack_grpc.handover.upgrade import Upgrades
from prack_grpc.listener import AddressInUse, bind, free
from prack_grpc.signals import Stop
from prack_grpc.state import file as state


class Upgrade:
    """Replaces the gateway of these parts; `successor` is there once it has taken over."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._upgrades = Upgrades(parts.predecessor)

    @property
    def successor(self) -> Successor | None:
        """Who has taken over."""
        return self._upgrades.successor

    def leave_workers(self, running: Running, successor: Successor) -> None:
        """Have REST workers call the successor, which passes on what is for us."""
        relayed = partial(running.rest.adopt, app=running.workers.relayed)
        successor.lend(relayed, running.sharing.leave)
        # What a supervisor has dealt us is for nobody else.
        running.rest.leave(shared=self._parts.parent is None)
        running.admin.leave()
        running.polls.hurry()

    async def upgrade(
        self,
        running: Running,
        stop: Stop,
        start: Callable[[], Awaitable[Successor]] | None = None,
    ) -> str:
        """Have a successor take over, which `start` makes; see Upgrades."""
        start = start or partial(Successor.start, self._parts.sockets, running.grpc_port)
        return await self._upgrades.run(partial(self._replace, running, start), stop)

    async def _replace(
        self, running: Running, start: Callable[[], Awaitable[Successor]]
    ) -> Successor:
        async with self._parts.certification.ordering:
            successor = await start()
            running.stream.release()
            try:
                await successor.take_over(state.dump(running.steering))
            except UpgradeFailed as failed:
                await self._listen_again(running, failed)
                raise
            return successor

    async def _listen_again(self, running: Running, failed: UpgradeFailed) -> None:
        """Take the gRPC port back. Raises UpgradeFailed if somebody else has it."""
        host, port = self._parts.settings.grpc_host, running.grpc_port
        try:
            if self._parts.parent is None and port:
                await free(host, port)
            bind(running.stream, host, port)
        except AddressInUse as error:
            raise UpgradeFailed(
                f"{failed}; the gRPC port is closed until a restart: {error}"
            ) from None
        await running.stream.start()
