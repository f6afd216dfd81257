"""Applications that live on WebSockets, and that check Host and Origin: Streamlit and Jupyter.

They bring a hundred packages, so they have an environment of their own: `make test-sidecar`.
"""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.acceptance.processes import Gateway, Launcher, fetch
from tests.browser.browser import Browser
from tests.sidecar.beside import beside

HERE = Path(__file__).parent
MIB = 1024 * 1024
TOKEN = "known-to-both"
AUTHORIZED = {"Authorization": f"token {TOKEN}"}


def serve(launch: Launcher, folder: Path, command: str, ready: str) -> Gateway:
    """A gateway to this program of that environment."""
    programs = os.environ.get("SIDECAR_BIN")
    if programs is None:
        pytest.fail("these programs have an environment of their own: run make test-sidecar")
    gateway = launch.gateway()
    words = ("sh", "-c", f"HOME={folder} exec {programs}/{command}")
    worker = beside(launch, gateway, "--ready", ready, command=words)
    worker.line("Connected to", seconds=60)
    return gateway


def test_streamlit_in_a_browser(launch: Launcher, tmp_path: Path) -> None:
    flags = "--server.port=$PORT --server.headless=true --browser.gatherUsageStats=false"
    command = f"streamlit run {HERE}/counter.py {flags}"
    gateway = serve(launch, tmp_path, command, "/_stcore/health")
    browser = Browser(launch, tmp_path)

    def counted(_: object) -> bool:
        browser.press("Count")  # it is drawn anew each time
        return True

    try:
        browser.driver.get(f"http://127.0.0.1:{gateway.port}/")
        for count in range(3):
            browser.see(f"Counted {count} times")
            browser.wait().until(counted)
        browser.see("Counted 3 times")
        file = tmp_path / "large.bin"
        file.write_bytes(bytes(5 * MIB))
        browser.driver.find_element("css selector", "input[type=file]").send_keys(str(file))
        browser.see(f"large.bin has {5 * MIB} bytes")
    finally:
        browser.driver.quit()


@pytest.fixture
def jupyter(launch: Launcher, tmp_path: Path) -> Gateway:
    """A gateway to a Jupyter server."""
    flags = f"--ServerApp.port=$PORT --IdentityProvider.token='{TOKEN}' --allow-root --no-browser"
    command = f"jupyter server --ServerApp.root_dir={tmp_path} {flags}"
    return serve(launch, tmp_path, command, "/api")


def kernel(gateway: Gateway) -> str:
    """The address of the WebSocket of a new kernel."""
    reply = fetch(gateway.port, "/api/kernels", "POST", b"{}", AUTHORIZED)
    assert reply.status == 201, reply.body
    return f"/api/kernels/{json.loads(reply.body)['id']}/channels?session_id={uuid.uuid4().hex}"


async def ran(socket: ClientConnection, code: str) -> str:
    """What a kernel has printed."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    empty: dict[str, Any] = {"parent_header": {}, "metadata": {}, "channel": "shell"}
    await socket.send(json.dumps({"header": header, "content": content, **empty}))
    while True:
        message = json.loads(await socket.recv())
        if message["msg_type"] == "stream":
            text: str = message["content"]["text"]
            return text


def cookie(gateway: Gateway) -> str:
    """That of a browser which has shown the token once: then Origin is checked."""
    reply = fetch(gateway.port, f"/api/status?token={TOKEN}")
    return "; ".join(v.partition(";")[0] for n, v in reply.headers if n == "set-cookie")


async def test_a_jupyter_kernel_over_its_websocket(jupyter: Gateway) -> None:
    own = f"127.0.0.1:{jupyter.port}"
    uri, fields = f"ws://{own}{kernel(jupyter)}", {"Cookie": cookie(jupyter)}
    async with connect(uri, additional_headers=fields, origin=Origin(f"http://{own}")) as socket:
        assert await ran(socket, "print(6 * 7)") == "42\n"
        assert len(await ran(socket, "print('x' * 500_000)")) == 500_001
    with pytest.raises(InvalidStatus) as refused:
        await connect(uri, additional_headers=fields, origin=Origin("http://evil.example"))
    assert refused.value.response.status_code == 403


def test_jupyter_sees_the_clients_host(jupyter: Gateway) -> None:
    foreign = {**AUTHORIZED, "Host": "evil.example"}
    assert fetch(jupyter.port, "/api/status", headers=AUTHORIZED).status == 200
    assert fetch(jupyter.port, "/api/status", headers=foreign).status == 403
