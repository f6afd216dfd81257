"""The settings of requests that outlive their clients."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from prack_grpc.core.deferred.rules import Policy
from prack_grpc.core.errors import BadRoute
from prack_grpc.core.limits import MAX_BY_ROUTE, MIB
from prack_grpc.core.queue.routes import Route
from prack_grpc.deferred.destinations import Destinations
from prack_grpc.deferred.signature import secret_of
from prack_grpc.settings.values import Count, File, Lasting, Size, Written

POLICY = Policy()
JETSTREAM = Path("jetstream")
NEED_STORE = (
    "async_route",
    "async_size",
    "async_attempts",
    "async_age",
    "async_keep",
    "callback_hosts",
)


def routes(text: str) -> list[Route]:
    """Routes from `POST hooks.example.com/*; /import`. Raises ValueError."""
    try:
        found = list(map(Route.parse, filter(str.strip, text.split(";"))))
    except BadRoute as error:
        raise ValueError(f"expected routes such as POST hooks.example.com/*: {error}") from None
    if len(found) > MAX_BY_ROUTE:
        raise ValueError(f"expected at most {MAX_BY_ROUTE} routes")
    return found


def _routes(text: str) -> str:
    routes(text)
    return text


def _listed(value: object) -> object:
    return tuple(map(str.strip, value.split(","))) if isinstance(value, str) else value


def _callbacks(value: tuple[str, ...]) -> tuple[str, ...]:
    Destinations(value)
    return value


Routes = Annotated[str, AfterValidator(_routes), Written("ROUTES")]
Callbacks = Annotated[
    tuple[str, ...], BeforeValidator(_listed), AfterValidator(_callbacks), Written("HOSTS")
]


class DeferredSettings(BaseModel):
    """A part of Settings."""

    async_store: File | None = Field(
        None,
        description="file that keeps requests whose clients do not wait: those with `Prefer: "
        "respond-async`, and those of --async-route; or `jetstream`, with --nats",
    )
    async_route: Routes | None = Field(
        None,
        description="requests that are kept and answered with 202, whatever their clients prefer: "
        "`POST hooks.example.com/*; POST /import`",
    )
    async_size: Size = Field(1024 * MIB, description="bytes in --async-store, then 503")
    async_attempts: Count = Field(
        POLICY.attempts, description="how often a kept request is tried, then it is a dead letter"
    )
    async_age: Lasting = Field(
        int(POLICY.age),
        description="how long a kept request is tried, also while no worker is there, then it is "
        "a dead letter",
    )
    async_keep: Lasting = Field(86_400, description="how long the answer to it is kept")
    callback_hosts: Callbacks = Field(
        (),
        description="whom clients may have called with the result, "
        "`api.example.com,*.example.org`; and networks of those that are not public",
    )
    callback_secret: str | None = Field(
        None, description="secret that signs these calls, `whsec_...` (variable only)", repr=False
    )
    callback_secret_file: File | None = Field(None, description="file with this secret")

    @property
    def in_jetstream(self) -> bool:
        """Whether it is no file."""
        return self.async_store == JETSTREAM

    def deferral_problems(self, has_nats: bool) -> list[str]:
        """What does not go together."""
        problems = []
        if self.in_jetstream and not has_nats:
            problems.append("--async-store: jetstream needs --nats; or name a file")
        if self.async_store is None:
            given = [name for name in NEED_STORE if name in self.model_fields_set]
            problems += [f"--{name.replace('_', '-')}: needs --async-store" for name in given]
        if self.callback_hosts and self.callback_secret is None:
            problems.append("--callback-hosts: set --callback-secret-file, which signs the calls")
        if self.callback_secret is not None:
            try:
                secret_of(self.callback_secret)
            except ValueError as error:
                problems.append(f"the callback secret: {error}")
        return problems
