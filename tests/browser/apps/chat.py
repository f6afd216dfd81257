"""A chat room: a FastAPI app."""

from fastapi import FastAPI, WebSocket
from fastapi.responses import HTMLResponse

app = FastAPI()
people: dict[WebSocket, str] = {}

PAGE = """<!doctype html>
<title>Chat</title>
<link rel="icon" href="data:,">
<form><input name="words"><button>Send</button></form>
<ul></ul>
<script>
  const socket = new WebSocket(`ws://${location.host}/room${location.search}`);
  socket.onmessage = ({data}) => {
    const line = document.createElement("li");
    line.textContent = data;
    document.querySelector("ul").append(line);
  };
  document.forms[0].onsubmit = (event) => {
    event.preventDefault();
    socket.send(event.target.words.value);
    event.target.reset();
  };
</script>
"""


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    """The room; `?name=` says who enters."""
    return PAGE


@app.websocket("/room")
async def room(socket: WebSocket, name: str) -> None:
    """One person, from coming to leaving."""
    await socket.accept()
    people[socket] = name
    await tell(f"{name} came")
    async for words in socket.iter_text():
        await tell(f"{name}: {words}")
    del people[socket]
    await tell(f"{name} left")


async def tell(line: str) -> None:
    """To everybody."""
    for socket in list(people):
        await socket.send_text(line)
