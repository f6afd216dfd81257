"""Everything that operators can do."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from prack_grpc.core.queue.traffic import Pool, Split
from tests.core.life import POOLS, splits
from tests.core.lines import SERVICE
from tests.core.workers import Workers


class Operators(Workers):
    """Workers and versions that are taken out of service, and splits that change."""

    @rule(
        who=st.sampled_from([*POOLS, "stream", "rest"]),
        paused=st.sampled_from([True, False, False]),
    )
    def pause(self, who: Pool | str, paused: bool) -> None:
        effects = self.core.pause(who, paused, self.now)
        self.model.pause(who, paused, self.now)
        self.perform(effects)
        assert list(self.core.paused) == self.model.paused

    @rule(split=splits)
    def divide(self, split: Split | None) -> None:
        effects = self.core.divide(SERVICE, split, self.now)
        self.model.divide(split)
        self.perform(effects)
