"""Launches what a test needs."""

from tests.acceptance.conftest import launch

__all__ = ["launch"]
