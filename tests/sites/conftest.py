"""Launches what a test needs, a browser among it."""

from tests.acceptance.conftest import shared
from tests.browser.conftest import chromium

__all__ = ["chromium", "shared"]
