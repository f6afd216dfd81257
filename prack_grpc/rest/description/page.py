"""The API description as one HTML page, without scripts or external resources."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from prack_grpc.private.errors import HEADERS

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
pre, code { font-family: ui-monospace, monospace; font-size: 0.9em; background: #8882 }
pre { padding: 0.7em; overflow: auto }
h2 { border-top: 1px solid #8888; padding-top: 1em; font-size: 1.1em }
td { padding: 0 1em 0.3em 0; vertical-align: top }
:root { color-scheme: light dark }
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# Nothing is loaded, and run only this style.
PAGE_HEADERS = HEADERS | {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
INLINE = re.compile(r"(`[^`]+`|\*\*[^*]+\*\*)")


def page(schema: dict[str, Any]) -> str:
    """The OpenAPI description as HTML."""
    info = schema["info"]
    title = escape(f"{info['title']} {info['version']}")
    return "".join(
        (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
            f"<style>{STYLE}</style><h1>{title}</h1>",
            _text(info["description"]),
            '<p>For programs: <a href="/openapi.json">openapi.json</a></p>',
            *_operations(schema["paths"]),
            *_schemas(schema["components"]["schemas"]),
            "</html>",
        )
    )


def _operations(paths: dict[str, Any]) -> Iterator[str]:
    for path, item in paths.items():
        for method, operation in item.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield _text(operation.get("summary", "") + "\n\n" + operation.get("description", ""))
            yield from _parameters(operation.get("parameters", []))
            for media, body in operation.get("requestBody", {}).get("content", {}).items():
                yield f"<p>Takes {_schema(body['schema'])} as {escape(media)}</p>"
            rows = operation["responses"].items()
            yield _table((f"<code>{status}</code>", _response(row)) for status, row in rows)


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    yield _table(
        (f"<code>{escape(one['name'])}</code>", f"{one['in']}: {_schema(one['schema'])}")
        for one in parameters
    )


def _response(response: dict[str, Any]) -> str:
    bodies = [_schema(body.get("schema", {})) for body in response.get("content", {}).values()]
    return " ".join((_inline(response["description"]), *filter(None, bodies)))


def _schema(schema: dict[str, Any]) -> str:
    """One line about what is expected."""
    if name := schema.get("$ref", "").rpartition("/")[2]:
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if choices := schema.get("oneOf"):
        return " or ".join(map(_schema, choices))
    if schema.get("type") == "array" and "$ref" in schema["items"]:
        return f"a list of {_schema(schema['items'])}"
    return _inline(str(schema.get("description") or schema.get("type", "")))


def _schemas(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f'<h2 id="{escape(name)}">{escape(name)}</h2>'
        yield f"<pre>{escape(json.dumps(schema, indent=2))}</pre>"


def _table(rows: Iterator[tuple[str, str]]) -> str:
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return f"<table><tr>{'<tr>'.join(lines)}</table>" if lines else ""


def _text(text: str) -> str:
    """Paragraphs and indented code, with `code` and **bold** words."""
    blocks = filter(str.strip, text.split("\n\n"))
    return "".join(
        f"<pre>{escape(block)}</pre>" if block.startswith("    ") else f"<p>{_inline(block)}</p>"
        for block in (block.strip("\n") for block in blocks)
    )


def _inline(text: str) -> str:
    return "".join(map(_mark, INLINE.split(text)))


def _mark(part: str) -> str:
    if part.startswith("`") and part.endswith("`") and len(part) > 2:
        return f"<code>{escape(part[1:-1])}</code>"
    if part.startswith("**") and part.endswith("**") and len(part) > 4:
        return f"<strong>{escape(part[2:-2])}</strong>"
    return escape(part)
