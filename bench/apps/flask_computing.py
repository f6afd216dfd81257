"""A view in Flask that computes for some twenty milliseconds, always as much."""

from flask import Flask

app = Flask(__name__)
COUNT = 600_000


@app.get("/")
def computed() -> str:
    """A sum that nobody needs."""
    return str(sum(number * number for number in range(COUNT)))
