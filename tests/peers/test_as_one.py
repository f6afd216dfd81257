"""Tests of a single gateway, over two: between client and worker there is a link."""

from tests.stream.test_exchange import *  # noqa: F403
