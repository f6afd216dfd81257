"""Tests of the streams of a single gateway, over two: between client and worker there is a link."""

from tests.stream.test_exchange import *  # noqa: F403
from tests.stream.test_redelivery import *  # noqa: F403

# Between gateways tiers are rough: of the slots that are borrowed, and those that could be.
del test_a_higher_tier_waits_for_the_lower_to_be_busy  # noqa: F821
