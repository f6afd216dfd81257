"""A gateway whose certificate is renewed again and again, while clients and workers use it."""

import signal
import ssl

from tests.acceptance.load import Load
from tests.acceptance.processes import OVER, Launcher
from tests.support.certificates import Authority

NAME, FILE = "IP:127.0.0.1", "reloaded"


def reload_under_load(launch: Launcher, authority: Authority, times: int) -> Load:
    """What became of the requests of these clients. Raises AssertionError unless all ports show
    the newest certificate at the end.
    """
    shown = authority.issue(NAME, file=FILE)
    gateway = launch.gateway(*shown.flags(), *shown.flags("api-tls"))
    for over in OVER:
        launch.worker(gateway, over, "--tls-ca", str(authority.file))
    with Load(gateway.port, fresh=4, tls=authority.client()) as load:
        for number in range(times):
            load.more(20)
            authority.issue(NAME, file=FILE)
            gateway.send(signal.SIGHUP)
            gateway.line('"tls_loaded"', number=2 * (number + 2))
    assert not gateway.records("tls_not_reloaded")
    newest = shown.cert.read_text()
    for port in (*gateway.ports, gateway.admin_port):
        assert ssl.get_server_certificate(("127.0.0.1", port)) == newest
    return load
