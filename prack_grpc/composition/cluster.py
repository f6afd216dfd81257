"""What a gateway has of a cluster on NATS: `--nats`, or nothing.

It takes the extra `nats`; nothing of its libraries is imported before somebody wants it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from prack_grpc.bus.link import Meeting
from prack_grpc.settings.loading import SettingsError
from prack_grpc.settings.settings import Settings

if TYPE_CHECKING:
    from prack_grpc.bus.nats.bus import Bus
    from prack_grpc.bus.nats.words import NatsWords

MISSING = "the extra is not installed (No module named {}); run: pip install 'prack[nats]'"
AWAY = "NATS is away ({}): what other gateways would take waits for workers of this one"
UNSAID = "what operators say here reaches no other gateway: {}"


class OnNats:
    """The bus, the meeting and the words of a gateway with this id. Raises SettingsError."""

    def __init__(self, settings: Settings, own: str) -> None:
        self.meetings: Sequence[Meeting] = ()
        self.words: NatsWords | None = None
        self.bus: Bus | None = None
        if settings.nats and settings.cluster:
            self._begin(settings, own, settings.cluster)

    def _begin(self, settings: Settings, own: str, cluster: str) -> None:
        try:
            from prack_grpc.bus.nats.bus import Bus
            from prack_grpc.bus.nats.meeting import NatsMeeting
            from prack_grpc.bus.nats.servers import Servers
            from prack_grpc.bus.nats.words import NatsWords
        except ModuleNotFoundError as error:
            raise SettingsError([f"--nats: {MISSING.format(error.name)}"]) from None
        servers = Servers(
            settings.nats,
            settings.nats_user,
            settings.nats_password_file,
            settings.nats_token_file,
            settings.nats_creds,
            settings.nats_nkey,
            settings.nats_ca,
            settings.nats_cert,
            settings.nats_key,
        )
        try:
            servers.options()
        except (OSError, ValueError) as error:
            raise SettingsError([str(error)]) from None
        self.bus = Bus(servers, f"prack {own}")
        self.meetings = [NatsMeeting(self.bus, own, cluster)]
        self.words = NatsWords(self.bus, cluster)

    def notes(self) -> list[str]:
        """What does not keep the gateway from taking requests, but should be known."""
        if self.bus and self.bus.trouble:
            return [AWAY.format(self.bus.trouble)]
        if self.words and self.words.trouble:
            return [UNSAID.format(self.words.trouble)]
        return []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected inside, as far as NATS is there."""
        if self.bus is None:
            yield
            return
        task = asyncio.create_task(self.bus.run(), name="nats")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
