"""Tests that need more open files than a process is given."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def open_files(most: int) -> Iterator[None]:
    """Let this process, and those that it starts, open so many. Skips where it must not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < most:
        pytest.skip(f"a process may have {hard} files open here: raise `ulimit -Hn` to {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
