"""A guest book: a Django site in one file, nothing of Prack in it.

prack-worker examples.django_site:application
python -m examples.django_site runserver    (without Prack)
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path

import django
from django import forms
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template import engines
from django.urls import path, reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

settings.configure(
    # Workers of one site share a key, or each takes the others' sessions for forgeries.
    SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_urlsafe(),
    ALLOWED_HOSTS=["127.0.0.1", ".localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"context_processors": ["django.template.context_processors.csrf"]},
        }
    ],
    USE_TZ=True,
)
django.setup()

BOOK = """<!doctype html>
<title>Guest book</title>
<h1>Guest book</h1>
<p>You signed {{ names|length }} time{{ names|length|pluralize }}.</p>
<ul>{% for name in names %}<li>{{ name }}{% endfor %}</ul>
<form method="post">{% csrf_token %}{{ form }}<button>Sign</button></form>
<form method="post" action="{{ files }}" enctype="multipart/form-data">
  {% csrf_token %}<input type="file" name="file"><button>Upload</button>
</form>
"""
FILES = tempfile.TemporaryDirectory(prefix="guest-book-")


class Signature(forms.Form):
    """What a guest leaves."""

    name = forms.CharField(max_length=40)


@require_http_methods(["GET", "POST"])
def book(request: HttpRequest) -> HttpResponse:
    """The guest book of this browser, kept in a signed cookie."""
    names = request.session.get("names", [])
    form = Signature(request.POST or None)
    if request.method == "POST" and form.is_valid():
        request.session["names"] = [*names, form.cleaned_data["name"]]
        return redirect("book")
    context = {"names": names, "form": form, "files": reverse("files")}
    page = engines["django"].from_string(BOOK).render(context, request)
    return HttpResponse(page, status=422 if form.errors else 200)


@require_http_methods(["POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Keep an uploaded file; Django has put a large one on the disk already."""
    file = request.FILES["file"]
    with (Path(FILES.name) / file.name).open("wb") as kept:
        for chunk in file.chunks():
            kept.write(chunk)
    return redirect("file", file.name)


@require_safe
def download(request: HttpRequest, name: str) -> FileResponse:
    """A file that was uploaded before."""
    place = Path(FILES.name) / name
    if not place.is_file():
        raise Http404(name)
    return FileResponse(place.open("rb"))


@require_safe
def table(request: HttpRequest, rows: int) -> StreamingHttpResponse:
    """A report that is sent while it is made."""
    lines = (f"{number},{number * number}\r\n" for number in range(1, rows + 1))
    attachment = {"Content-Disposition": content_disposition_header(True, "squares.csv")}
    return StreamingHttpResponse(lines, content_type="text/csv", headers=attachment)


urlpatterns = [
    path("", book, name="book"),
    path("files/", upload, name="files"),
    path("files/<str:name>", download, name="file"),
    path("squares/<int:rows>/", table),
]
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line([sys.argv[0], *(sys.argv[1:] or ["runserver"])])
