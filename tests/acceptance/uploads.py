"""WSGI applications that say what they got of an upload, each the way its kind reads it."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from flask import Flask, request


def raw(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """To the end of the input."""
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


flask = Flask("uploads")


@flask.post("/")
def echo() -> bytes:
    """The body as Flask has it."""
    return request.get_data()


def view(got: HttpRequest) -> HttpResponse:
    """The body as Django has it."""
    return HttpResponse(got.body)


def django() -> WSGIHandler:
    """A factory, so that the others do not load as Django applications."""
    settings.configure(ROOT_URLCONF=(path("", view),), ALLOWED_HOSTS=["*"])
    return WSGIHandler()
