"""Prack: a reverse-pull web gateway. Workers dial in and pull requests from one queue."""

__version__ = "0.1.0"
