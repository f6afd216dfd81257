"""Bodies in chunks for applications that read only what CONTENT_LENGTH declares."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import Any

MAX_IN_MEMORY = 1024 * 1024  # bytes; a larger body goes to a temporary file


def needs_length() -> bool:
    """Whether the application that was loaded is of Django: it takes no length for no body."""
    return "django.core.handlers.wsgi" in sys.modules


@contextmanager
def read_whole(environ: dict[str, Any]) -> Iterator[None]:
    """Inside it, CONTENT_LENGTH tells the length of the body, which was read for that."""
    if "CONTENT_LENGTH" in environ:
        yield
        return
    with SpooledTemporaryFile(MAX_IN_MEMORY) as whole:
        shutil.copyfileobj(environ["wsgi.input"], whole)
        if size := whole.tell():
            environ["CONTENT_LENGTH"] = str(size)
        whole.seek(0)
        environ["wsgi.input"] = whole
        yield
