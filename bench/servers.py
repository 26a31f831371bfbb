"""The servers that are measured, and what each is given to do."""

import json
import os
from pathlib import Path

from measure import LOADER_CORE, SERVER_CORE, Server, find, free_port

ROOT = Path(__file__).resolve().parents[1]
BINARY = ROOT / "build" / "archeio"
ELSEWHERE = "https://us-central1-docker.pkg.dev/v2/k8s-artifacts-prod/images"

# A temporary directory of each of nginx's modules, which differ between Debian's packages.
NGINX = """\
daemon off;
{user}worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log {access};
    server_tokens off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{ listen 127.0.0.1:{port} backlog=1024; {what} }}
}}
"""

HAPROXY = """\
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend redirect
    bind 127.0.0.1:{port}
    http-request redirect code 307 prefix {to}
"""

H2O = """\
num-threads: 1
{user}listen:
  host: 127.0.0.1
  port: {port}
hosts:
  default:
    paths:
      "/":
        redirect:
          status: 307
          url: {to}
"""


def bare(directory, size):
    port = free_port()
    return Server([ROOT / "build" / "bench" / "bench-bare", port, size], port,
                  directory / "bare.log").wait()


def nginx(directory, what=f"return 307 {ELSEWHERE}$request_uri;", access="off", core=SERVER_CORE):
    directory.mkdir()
    port = free_port()
    file = directory / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    file.write_text(NGINX.format(directory=directory, port=port, what=what, access=access, user=user))
    return Server([find("nginx"), "-e", directory / "error.log", "-c", file], port,
                  directory / "log", core).wait()


def bucket(directory):
    """A store that has everything; beside the loader, so that it takes nothing from the server."""
    return nginx(directory, "return 200;", core=LOADER_CORE)


def haproxy(directory):
    port = free_port()
    file = directory / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=port, to=ELSEWHERE))
    return Server([find("haproxy"), "-db", "-f", file], port, directory / "haproxy.log").wait()


def h2o(directory):
    port = free_port()
    file = directory / "h2o.conf"
    user = "user: root\n" if os.geteuid() == 0 else ""
    file.write_text(H2O.format(port=port, to=ELSEWHERE, user=user))
    return Server([find("h2o"), "-c", file], port, directory / "h2o.log").wait()


def configure(directory, ranges, store=None, access="off", workers=1):
    """A configuration file for archeio; returns it and the port. Without a store, the preset's
    stores are served."""
    directory.mkdir()
    port = free_port()
    lines = ["preset: registry-k8s-io", "server:", f'  listen: ["127.0.0.1:{port}"]',
             '  admin: ""', f"  workers: {workers}", "  idle_timeout: 1h",
             "log:", f"  access: {json.dumps(str(access))}", "  level: warning",
             "ranges:", f"  directory: {json.dumps(str(ranges))}", "  refresh: 0s"]
    if store:
        lines += ["stores:", "  - name: bucket", f"    url: {store}", "    serves: [aws, default]"]
    file = directory / "archeio.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file, port


def archeio(file, port, snapshot=None, core=SERVER_CORE):
    argv = [BINARY, "serve", "--config", file]
    if snapshot:
        argv += ["--snapshot", snapshot]
    return Server(argv, port, file.parent / "log", core)
