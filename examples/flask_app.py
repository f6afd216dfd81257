"""A shelf for files: a Flask app, nothing of Prack in it.

prack-worker examples.flask_app:app
flask --app examples.flask_app run    (without Prack)
"""

import tempfile
from pathlib import Path

from flask import Flask, Response, redirect, render_template_string, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.utils import secure_filename

app = Flask(__name__)
FILES = tempfile.TemporaryDirectory(prefix="shelf-")

PAGE = """<!doctype html>
<title>Shelf</title>
<h1>Hello {{ name }}</h1>
<form method="post" action="{{ url_for('upload') }}" enctype="multipart/form-data">
  <input type="file" name="file"><button>Upload</button>
</form>
"""


@app.get("/")
def index() -> str:
    """The start page; `?name=` says whom to greet."""
    return render_template_string(PAGE, name=request.args.get("name", "there"))


@app.post("/files")
def upload() -> ResponseReturnValue:
    """Keep an uploaded file."""
    file = request.files["file"]
    name = secure_filename(file.filename or "")
    file.save(Path(FILES.name) / name)
    return redirect(url_for("download", name=name), code=303)


@app.get("/files/<name>")
def download(name: str) -> Response:
    """A file that was uploaded before; knows about ranges and what a browser has already."""
    return send_file(Path(FILES.name) / name, conditional=True)


@app.route("/settings", methods=["GET", "PUT"])
def settings() -> ResponseReturnValue:
    """Two cookies at a time."""
    if request.method == "GET":
        return {name: request.cookies.get(name) for name in ("theme", "language")}
    response = Response(status=204)
    for name in ("theme", "language"):
        response.set_cookie(name, request.form[name], httponly=True, samesite="Lax")
    return response


@app.get("/count/<int:last>")
def count(last: int) -> Response:
    """Numbers, each sent when it is made."""
    return Response((f"{number}\n" for number in range(1, last + 1)), mimetype="text/plain")


@app.errorhandler(FileNotFoundError)
def missing(_: FileNotFoundError) -> ResponseReturnValue:
    """No such file."""
    return {"error": "there is no such file"}, 404
