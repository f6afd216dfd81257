"""Runs an ASGI or WSGI application behind a Prack gateway, by dialling in."""

from prack_worker.version import VERSION as __version__

__all__ = ["__version__"]
