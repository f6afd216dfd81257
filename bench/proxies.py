"""How nginx and HAProxy are configured: as their manuals advise for the front of an app server."""

import os
from collections.abc import Sequence
from pathlib import Path
from string import Template

# Connections to the application are kept, as many as the largest run opens: without that nginx
# would spend its time on dialling. An application that is slow is not put aside (max_fails).
NGINX = Template("""\
$user
daemon off;
worker_processes auto;
worker_rlimit_nofile $files;
pid $folder/nginx.pid;
error_log stderr warn;
events { worker_connections $files; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    map $$http_upgrade $$connection_field { default upgrade; "" ""; }
    upstream app {
        zone app 256k;
        $balance
        $servers
        keepalive 1024;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:$port backlog=2048;
        location / {
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $$http_upgrade;
            proxy_set_header Connection $$connection_field;
            proxy_set_header Host $$http_host;
            proxy_set_header X-Forwarded-For $$proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $$scheme;
            $location
        }
    }
}
""")

HAPROXY = Template("""\
defaults
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 75s
    timeout tunnel 1h
    option forwardfor
    $option
frontend public
    bind 127.0.0.1:$port backlog 2048
    default_backend app
backend app
    balance leastconn
    http-reuse always
    $servers
""")


def nginx(
    folder: Path, port: int, servers: Sequence[int], balance: str = "", location: str = ""
) -> list[str]:
    """The command of an nginx in front of these ports; `balance` "" is round robin."""
    text = NGINX.substitute(
        user="user root;" if os.geteuid() == 0 else "",
        files=16_384,
        folder=folder,
        port=port,
        balance=balance,
        servers=" ".join(f"server 127.0.0.1:{server} max_fails=0;" for server in servers),
        location=location,
    )
    config = _written(folder, text)
    return ["nginx", "-p", str(folder), "-c", str(config), "-e", "stderr"]


def haproxy(
    folder: Path, port: int, servers: Sequence[int], each: str = "", option: str = ""
) -> list[str]:
    """The command of a HAProxy in front of these ports; `each` holds for each of them."""
    lines = [f"server app{i} 127.0.0.1:{server} {each}" for i, server in enumerate(servers)]
    text = HAPROXY.substitute(port=port, option=option, servers="\n    ".join(lines))
    config = _written(folder, text)
    return ["haproxy", "-db", "-f", str(config)]


def _written(folder: Path, text: str) -> Path:
    folder.mkdir()
    path = folder / "proxy.conf"
    path.write_text(text)
    return path
