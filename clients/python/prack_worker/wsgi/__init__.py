"""Runs WSGI applications."""
