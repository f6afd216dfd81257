"""The applications that the contenders serve. They do next to nothing: the way there counts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class App:
    """One of them: `target` is MODULE:ATTRIBUTE, `interface` "asgi" or "wsgi"."""

    target: str
    interface: str
    about: str


APPS = {
    "hello": App("bench.apps.hello:app", "asgi", "bare ASGI"),
    "fastapi": App("bench.apps.fastapi_items:app", "asgi", "FastAPI, JSON"),
    "flask": App("bench.apps.flask_items:app", "wsgi", "Flask, JSON"),
    "django": App("bench.apps.django_items:app", "wsgi", "Django, JSON"),
    "traffic": App("bench.apps.traffic:app", "asgi", "bodies, streams, events, WebSockets"),
    "computing-fastapi": App("bench.apps.fastapi_computing:app", "asgi", "FastAPI, computing"),
    "computing": App("bench.apps.flask_computing:app", "wsgi", "Flask, computing"),
    "one-slot": App("bench.apps.one_slot:app", "asgi", "one request at a time"),
}
ITEMS = {"message": "Hello, world!", "items": [{"id": i, "name": f"item {i}"} for i in range(5)]}
