"""What of a response has to be the same through Prack and without it."""

import httpx2

# What each hop writes for itself.
OWN = {"x-request-id", "connection", "date", "keep-alive", "server", "transfer-encoding", "via"}
# Times of files differ, as the files do.
TIMED = {"last-modified", "etag"}


def seen(response: httpx2.Response) -> list[tuple[str, str]]:
    """The end-to-end fields in their order."""
    return [
        (name, "..." if name in TIMED else value)
        for name, value in response.headers.multi_items()
        if name not in OWN
    ]


def seen_beside(response: httpx2.Response, direct: httpx2.Response) -> list[tuple[str, str]]:
    """Those that the direct response may have: what has no length of its own may get one."""
    known = "content-length" in direct.headers
    return [field for field in seen(response) if known or field[0] != "content-length"]
