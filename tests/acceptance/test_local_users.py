"""What other users of the gateway's machine can do to it: nothing that stops it."""

import json
import socket

from tests.acceptance.processes import Launcher, fetch, free_ports


def test_a_control_socket_whose_name_is_taken_does_not_stop_the_gateway(launch: Launcher) -> None:
    ports = free_ports(3)
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(f"\0prack/127.0.0.1:{ports[1]}")
        gateway = launch.gateway(ports=ports)
        said = json.loads(gateway.line(".*upgrade_unavailable.*")[0])
        assert "end it, and restart the gateway" in said["message"]
        launch.worker(gateway)
        assert fetch(gateway.port, "/run/1").status == 200
        assert gateway.stop() == 0
