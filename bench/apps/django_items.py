"""A small JSON API in Django, with the middleware that a new project has for every response."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from bench.apps import ITEMS

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)


def items(_: HttpRequest) -> JsonResponse:
    """What such an API answers."""
    return JsonResponse(ITEMS)


urlpatterns = [path("", items)]
app = get_wsgi_application()
