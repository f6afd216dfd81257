"""What the browser shows while the application does not start."""

from __future__ import annotations

import base64
import hashlib
import html
from contextlib import AbstractAsyncContextManager, nullcontext

from prack_worker.exchange import Exchange

STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:3rem auto;max-width:60rem;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}"
    "pre{padding:1rem;border-left:.25rem solid #b00020;background:#8881}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere}"
)
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
<h1>{title}</h1>
<pre>{text}</pre>
<p>{advice}</p>
</body>
</html>
"""
ADVICE = "Mend it and save: then this address is the application's again."
DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# It runs nothing and loads nothing, whatever the traceback quotes.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class FailurePage:
    """Answers each request with 500 and the reason: a page for browsers, text for all others.

    WebSockets wait: they have no page.

    Args:
        name: of the application.
        text: what it failed with, a traceback as a rule.
    """

    interruptible = True

    def __init__(self, name: str, text: str) -> None:
        title = f"{name} does not run"
        page = PAGE.format(
            title=html.escape(title), text=html.escape(text), style=STYLE, advice=ADVICE
        )
        self._page = page.encode(errors="replace")
        self._text = f"{title}\n\n{text}\n\n{ADVICE}\n".encode(errors="replace")

    def running(self) -> AbstractAsyncContextManager[None]:
        """There is nothing to start."""
        return nullcontext()

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        for_browser = _takes_html(exchange.request.headers)
        body = self._page if for_browser else self._text
        kind = b"text/html" if for_browser else b"text/plain"
        headers = (
            (b"content-type", kind + b"; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"content-security-policy", POLICY.encode()),
            (b"x-content-type-options", b"nosniff"),
        )
        await exchange.send_head(500, headers, body, end=True)


def _takes_html(headers: list[tuple[bytes, bytes]]) -> bool:
    """Browsers name it when they ask for a page; `*/*` is said by whoever takes anything."""
    return any(name == b"accept" and b"text/html" in value.lower() for name, value in headers)
