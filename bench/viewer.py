"""Somebody who looks: `python -m bench.viewer PORT` keeps a page open, and scrapes every 5 s.

PORT is the admin port. It goes on until it is killed.
"""

import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

SCRAPE_SECONDS = 5.0
TIMEOUT = 60.0


def fetch(url: str) -> Any:
    """What answers there, as soon as the gateway is up."""
    while True:
        try:
            return urllib.request.urlopen(url, timeout=TIMEOUT)  # noqa: S310 - on loopback
        except urllib.error.URLError:
            time.sleep(0.05)


def scrape(url: str) -> None:
    """Again and again."""
    while True:
        with fetch(f"{url}/metrics") as reply:
            reply.read()
        time.sleep(SCRAPE_SECONDS)


def main(port: str) -> None:
    """Read what is pushed."""
    url = f"http://127.0.0.1:{port}"
    threading.Thread(target=scrape, args=(url,), daemon=True).start()
    with fetch(f"{url}/api/v1/events") as events:
        print("the page is open", flush=True)
        for _ in events:
            pass


if __name__ == "__main__":
    main(sys.argv[1])
