"""How the proxies are configured: as their manuals advise for the front of an app server."""

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

CADDY = Template("""\
{
    admin off
    auto_https off
    log {
        level ERROR
    }
}
http://:$port {
    bind 127.0.0.1
    reverse_proxy $servers {
        lb_policy least_conn
        transport http {
            keepalive_idle_conns_per_host 1024
        }
    }
}
""")

TRAEFIK = Template("""\
[global]
checkNewVersion = false
sendAnonymousUsage = false
[entryPoints.public]
address = "127.0.0.1:$port"
[providers.file]
filename = "$routes"
watch = false
[serversTransport]
maxIdleConnsPerHost = 1024
""")

TRAEFIK_ROUTES = Template("""\
[http.routers.app]
rule = "PathPrefix(`/`)"
service = "app"
[http.services.app.loadBalancer]
strategy = "p2c"
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


def caddy(folder: Path, port: int, servers: Sequence[int]) -> list[str]:
    """The command of a Caddy in front of these ports."""
    addresses = " ".join(f"127.0.0.1:{server}" for server in servers)
    config = _written(folder, CADDY.substitute(port=port, servers=addresses))
    # It keeps a copy of its configuration.
    command = ["env", f"XDG_CONFIG_HOME={folder}", "caddy", "run"]
    return [*command, "--config", str(config), "--adapter", "caddyfile"]


def traefik(folder: Path, port: int, servers: Sequence[int]) -> list[str]:
    """The command of a Traefik in front of these ports."""
    each = "[[http.services.app.loadBalancer.servers]]\nurl = "
    urls = (f'{each}"http://127.0.0.1:{server}"' for server in servers)
    routes = folder / "routes.toml"
    config = _written(folder, TRAEFIK.substitute(port=port, routes=routes), "traefik.toml")
    routes.write_text(TRAEFIK_ROUTES.substitute(servers="\n".join(urls)))
    return ["traefik", f"--configfile={config}"]


def _written(folder: Path, text: str, name: str = "proxy.conf") -> Path:
    folder.mkdir()
    path = folder / name
    path.write_text(text)
    return path
