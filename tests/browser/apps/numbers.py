"""Server-sent events, each sent when the page has the one before: a FastAPI app."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import FastAPI, Header
from fastapi.responses import HTMLResponse, StreamingResponse

app = FastAPI()
seen: asyncio.Queue[None] = asyncio.Queue()

PAGE = """<!doctype html>
<title>Numbers</title>
<link rel="icon" href="data:,">
<p></p>
<script>
  const source = new EventSource("/numbers");
  source.onmessage = async ({data}) => {
    if (data === "6") source.close();
    await fetch("/seen", {method: "POST"});
    document.querySelector("p").append(`${data} `);
  };
</script>
"""


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    """Shows the numbers as they come."""
    return PAGE


@app.get("/numbers")
async def numbers(last_event_id: Annotated[int, Header()] = 0) -> StreamingResponse:
    """Three numbers; a browser then comes again for the next ones, and says where it was."""

    async def events() -> AsyncIterator[str]:
        yield "retry: 1\n\n"
        for number in range(last_event_id + 1, last_event_id + 4):
            yield f"id: {number}\ndata: {number}\n\n"
            await seen.get()

    return StreamingResponse(events(), media_type="text/event-stream")


@app.post("/seen", status_code=204)
async def acknowledge() -> None:
    """The page has a number."""
    seen.put_nowait(None)
