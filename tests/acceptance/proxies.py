"""Starts the proxies of deploy/, in front of a gateway.

Their files are used as they are, but for ports, names and certificates.
"""

import subprocess
from pathlib import Path

from tests.acceptance.processes import ROOT, Gateway, Launcher, free_ports, until_answered
from tests.support.tools import needed

# With fewer connections than an attack has, each of them twice, nginx closes those that are idle.
NGINX = """
user root;
worker_processes 2;
daemon off;
error_log stderr notice;
pid {folder}/pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site;
}}
"""
HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen prack
    bind 127.0.0.1:{port}
    server prack 127.0.0.1:{gateway} {option}
"""
CADDY_OPTIONS = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"


def self_signed(folder: Path) -> Path:
    """A certificate for localhost that it has signed itself; its key lies beside it."""
    path = folder / "fullchain.pem"
    subprocess.run(
        [
            *(needed("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(path.with_name("privkey.pem")), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    return path


def nginx(launch: Launcher, folder: Path, server: int, certificate: Path) -> int:
    """nginx with deploy/nginx.conf before the server at this port; its own."""
    program = needed("nginx", "nginx")
    plain, port = free_ports(2)
    site = replaced(
        (ROOT / "deploy/nginx.conf").read_text(),
        ("127.0.0.1:8080", f"127.0.0.1:{server}"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("/etc/ssl/prack", str(certificate.parent)),
    )
    (folder / "site").write_text(site)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    process = launch.process(program, "-p", str(folder), "-c", str(folder / "nginx.conf"))
    process.line("start worker process ")
    return port


def haproxy(launch: Launcher, folder: Path, gateway: Gateway, option: str) -> int:
    """HAProxy that passes connections on, with this option of its `server` line; its port."""
    (port,) = free_ports(1)
    file = folder / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=port, gateway=gateway.port, option=option))
    launch.process(needed("haproxy", "haproxy"), "-db", "-f", str(file))
    until_answered(port, "/")
    return port


def caddy(launch: Launcher, folder: Path, server: int, certificate: Path) -> int:
    """Caddy with deploy/Caddyfile before the server at this port; its own."""
    program = needed("caddy", "caddy")
    (port,) = free_ports(1)
    tls = f"bind 127.0.0.1\ntls {certificate} {certificate.with_name('privkey.pem')}"
    site = replaced(
        (ROOT / "deploy/Caddyfile").read_text(),
        ("127.0.0.1:8080", f"127.0.0.1:{server}"),
        ("www.example.com {", f"https://localhost:{port} {{\n{tls}"),
    )
    (folder / "Caddyfile").write_text(CADDY_OPTIONS + site)
    command = (program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile"))
    process = launch.process(*command, env={"HOME": str(folder), "XDG_DATA_HOME": str(folder)})
    process.line("serving initial configuration")
    return port


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """The text with each of these changes, every one of which must find its place."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text
