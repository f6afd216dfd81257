"""Pebble, the test authority that speaks ACME, and the DNS that it asks.

It really looks for proofs: at the ports that it was given, of whatever address the DNS has for a
name, which is 127.0.0.1 unless a test says otherwise.
"""

import json
import ssl
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.processes import SECONDS, Launcher, Process, free_ports, until_answered
from tests.support.certificates import Authority
from tests.support.tools import needed

COMMAND = "make pebble"
REFUSED = "blocked.example"  # the authority signs nothing for this name
QUARTER = 90 * 86_400


@dataclass
class Pebble:
    """An authority that can be called, at `directory`; `ca` is whom to trust about that.

    It looks for proofs at two ports: those of the gateway.
    """

    process: Process
    directory: str
    management: str
    dns: str
    ca: Authority
    http: int
    tls: int
    store: Path

    def flags(self, *names: str, by_http: bool = True) -> list[str]:
        """Those of a gateway that has it sign for these names."""
        found = ["--acme", "anna@shop.example", "--acme-domains", ",".join(names)]
        found += ["--acme-store", str(self.store), "--acme-directory", self.directory]
        found += ["--acme-ca", str(self.ca.file)]
        return found + (["--http-redirect", str(self.http)] if by_http else [])

    @property
    def ports(self) -> Sequence[int]:
        """Those of such a gateway."""
        return (self.tls, 0, 0)

    def client(self) -> ssl.SSLContext:
        """What a client needs that trusts this authority, and looks at no name."""
        context = ssl.create_default_context(cadata=self._ask("/roots/0").decode())
        context.check_hostname = False
        return context

    @property
    def stored(self) -> Path:
        """The file in which a gateway keeps the certificate, with its key."""
        return self.store / self.directory.split("/")[2] / "certificate.pem"

    def urge(self) -> None:
        """Suggest that this certificate is renewed at once (RFC 9773)."""
        certificate = "".join(self.stored.read_text().partition("-----BEGIN CERTIFICATE")[1:])
        window = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
        told = {"certificate": certificate, "ariResponse": json.dumps({"suggestedWindow": window})}
        self._ask("/set-renewal-info/", told)

    def move(self, name: str, address: str) -> None:
        """Have this name lead elsewhere."""
        told = {"host": name, "addresses": [address]}
        for command in ("clear-a", "add-a"):
            _post(f"{self.dns}/{command}", told)

    def _ask(self, path: str, told: object = None) -> bytes:
        return _post(f"{self.management}{path}", told, self.ca.client())


def _post(url: str, told: object, tls: ssl.SSLContext | None = None) -> bytes:
    """Also a GET, of nothing."""
    data = None if told is None else json.dumps(told).encode()
    with urllib.request.urlopen(url, data, SECONDS, context=tls) as reply:  # noqa: S310
        body: bytes = reply.read()
        return body


def pebble(launch: Launcher, folder: Path, *, refused_nonces: int = 5) -> Pebble:
    """An authority of its own; so many of a hundred good nonces it refuses."""
    program, names = (
        needed("pebble", built_by=COMMAND),
        needed("pebble-challtestsrv", built_by=COMMAND),
    )
    own, management, http, tls, dns, dns_management = free_ports(6)
    nothing = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", "")
    server = (names, "-dnsserver", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{dns_management}")
    launch.process(*server, *nothing)
    ca = Authority(folder)
    shown = ca.issue("IP:127.0.0.1", file="pebble")
    settings = {
        "listenAddress": f"127.0.0.1:{own}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(shown.cert),
        "privateKey": str(shown.key),
        "httpPort": http,
        "tlsPort": tls,
        "domainBlocklist": [REFUSED],
        "keyAlgorithm": "ecdsa",
        "profiles": {"default": {"description": "", "validityPeriod": QUARTER}},
    }
    config = folder / "pebble.json"
    config.write_text(json.dumps({"pebble": settings}))
    env = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(refused_nonces)}
    command = (program, "-config", str(config), "-dnsserver", f"127.0.0.1:{dns}")
    process = launch.process(*command, env=env)
    for port in (own, management, dns_management):
        until_answered(port, "/")  # those with TLS say so
    return Pebble(
        process,
        f"https://127.0.0.1:{own}/dir",
        f"https://127.0.0.1:{management}",
        f"http://127.0.0.1:{dns_management}",
        ca,
        http,
        tls,
        folder / "store",
    )
