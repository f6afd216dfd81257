"""Prack: a web gateway turned around. Workers dial in and pull requests from one queue."""

__version__ = "0.1.0"
