"""A small JSON API in Flask."""

from typing import Any

from flask import Flask

from bench.apps import ITEMS

app = Flask(__name__)


@app.get("/")
def items() -> dict[str, Any]:
    """What such an API answers."""
    return ITEMS
