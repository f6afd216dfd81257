"""Runs an application in any language, over HTTP: the worker is a proxy beside it."""
