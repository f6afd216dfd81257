"""Runs ASGI applications."""
