"""A view in FastAPI that computes as long as that in Flask does; in a thread, as it would block."""

from fastapi import FastAPI

from bench.apps.flask_computing import COUNT

app = FastAPI()


@app.get("/")
def computed() -> int:
    """A sum that nobody needs."""
    return sum(number * number for number in range(COUNT))
