"""A form that takes files and lists them: a Flask app."""

import hashlib
import io

from flask import Flask, Response, redirect, render_template_string, request, send_file, url_for
from flask.typing import ResponseReturnValue

app = Flask(__name__)
files: dict[str, bytes] = {}

PAGE = """<!doctype html>
<title>Files</title>
<link rel="icon" href="data:,">
<form method="post" enctype="multipart/form-data">
  <input type="file" name="file"><button>Upload</button>
</form>
<ul>{% for name, body in files.items() %}
  <li><a href="{{ url_for('download', name=name) }}">{{ name }}</a>
  has {{ body|length }} bytes, SHA-256 {{ sha256(body).hexdigest() }}
{% endfor %}</ul>
"""


@app.get("/")
def index() -> str:
    """The form, and what has been uploaded."""
    return render_template_string(PAGE, files=files, sha256=hashlib.sha256)


@app.post("/")
def upload() -> ResponseReturnValue:
    """Keep a file."""
    file = request.files["file"]
    files[file.filename or ""] = file.read()
    return redirect(url_for("index"), code=303)


@app.get("/files/<name>")
def download(name: str) -> Response:
    """A file, to be kept by the browser."""
    return send_file(io.BytesIO(files[name]), as_attachment=True, download_name=name)
