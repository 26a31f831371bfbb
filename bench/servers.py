"""The servers that are measured, and what each is given to do."""

import json
import os
import subprocess
from pathlib import Path

from measure import LOADER_CORE, ROOT, SERVER_CORE, TLS_SUITE, Server, find, free_port
from rows import ELSEWHERE

BINARY = ROOT / "build" / "archeio"

# A temporary directory of each of nginx's modules, which differ between Debian's packages.
NGINX = """\
{load}daemon off;
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
    {http}
    server {{ listen 127.0.0.1:{port} {speaking}backlog=1024; {what} }}
}}
"""

DOOR_HTTP = """\
archeio_cache zone=archeio:64m;
    archeio_snapshot {snapshot};
    archeio_existence /archeio-existence;
"""

DOOR = """\
location / {{ archeio; }}
location = /archeio-existence {{ internal; proxy_pass $archeio_question; proxy_method HEAD; }}
"""

NJS_MODULE = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")  # libnginx-mod-http-js

# What one of the proposals did: clients with one address are sent to one registry, the rest to
# another.
NJS_SCRIPT = """\
function registry(r) {
    return r.remoteAddress === process.env.MATCH_IP ? 'registry-1.docker.io' : 'k8s.gcr.io';
}
export default {registry};
"""

NJS_LOAD = """\
load_module {module};
env MATCH_IP=192.0.2.10;
"""

NJS_HTTP = """\
js_import proposal from {script};
    js_set $registry proposal.registry;
"""

# What nginx would say of its own accord, but for the suite: all servers are to use the same.
NGINX_TLS = """\
listen 127.0.0.1:{port} ssl http2 backlog=1024;
ssl_certificate {certificate};
ssl_certificate_key {key};
ssl_protocols TLSv1.3;
ssl_conf_command Ciphersuites {suite};
ssl_session_tickets on;
{what}
"""

H2O_TLS = """\
listen:
  host: 127.0.0.1
  port: {port}
  ssl:
    certificate-file: {certificate}
    key-file: {key}
    minimum-version: TLSv1.2
    ocsp-update-interval: 0
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
{tls}hosts:
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


def make_certificate(directory):
    """Files of a certificate that all servers use (ECDSA, P-256): (certificate, key)"""
    certificate, key = directory / "tls.crt", directory / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "30", "-subj", "/CN=registry.test",
                    "-addext", "subjectAltName=DNS:registry.test"],
                   check=True, capture_output=True)
    key.chmod(0o644)  # the servers' users are to read it
    return certificate, key


def nginx(directory, what=f"return 307 {ELSEWHERE}$request_uri;", access="off", core=SERVER_CORE,
          tls=None, load="", http=""):
    """tls: the files of a certificate. It then speaks HTTP/2 on .port, and TLS on .tls_port. load,
    http: lines for the beginning and the http block."""
    # pylint: disable=too-many-arguments
    directory.mkdir(exist_ok=True)
    port, tls_port = free_port(), None
    file = directory / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    if tls:
        tls_port = free_port()
        what = NGINX_TLS.format(port=tls_port, certificate=tls[0], key=tls[1], suite=TLS_SUITE,
                                what=what)
    file.write_text(NGINX.format(directory=directory, port=port, what=what, access=access, user=user,
                                 speaking="http2 " if tls else "", load=load, http=http))
    server = Server([find("nginx"), "-e", directory / "error.log", "-c", file], port,
                    directory / "log", core).wait()
    server.tls_port = tls_port
    return server


def nginx_door(directory, ranges, store):
    """nginx with archeio's module."""
    directory.mkdir()
    module = BINARY.parent / "nginx"
    subprocess.run([ROOT / "doors" / "nginx" / "build", module], check=True)
    config, snapshot = configure(directory / "archeio", ranges, store)[0], directory / "snapshot"
    subprocess.run([BINARY, "compile", "--config", config, "--output", snapshot], check=True,
                   capture_output=True)
    return nginx(directory, DOOR.format(), load=f"load_module {module}/ngx_http_archeio_module.so;\n",
                 http=DOOR_HTTP.format(snapshot=snapshot))


def nginx_njs(directory):
    """nginx with njs, which does the proposal's job."""
    directory.mkdir()
    script = directory / "proposal.js"
    script.write_text(NJS_SCRIPT)
    return nginx(directory, "rewrite ^/(.*)$ https://$registry/$1;",
                 load=NJS_LOAD.format(module=NJS_MODULE), http=NJS_HTTP.format(script=script))


def bucket(directory):
    """A store that has everything; beside the loader, so that it takes nothing from the server."""
    return nginx(directory, "return 200;", core=LOADER_CORE)


def haproxy(directory):
    port = free_port()
    file = directory / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=port, to=ELSEWHERE))
    return Server([find("haproxy"), "-db", "-f", file], port, directory / "haproxy.log").wait()


def h2o(directory, tls=None):
    """As nginx(), but .port speaks both versions."""
    port, tls_port = free_port(), None
    file = directory / "h2o.conf"
    user = "user: root\n" if os.geteuid() == 0 else ""
    more = ""
    if tls:
        tls_port = free_port()
        more = H2O_TLS.format(port=tls_port, certificate=tls[0], key=tls[1])
    file.write_text(H2O.format(port=port, to=ELSEWHERE, user=user, tls=more))
    server = Server([find("h2o"), "-c", file], port, directory / "h2o.log").wait()
    server.tls_port = tls_port
    return server


def configure(directory, ranges, store=None, access="off", workers=1, more=(), listen=()):
    """A configuration file for archeio; returns it and the port. Without a store, the preset's
    stores are served. more: further lines; listen: further listeners."""
    directory.mkdir()
    port = free_port()
    lines = ["preset: registry-k8s-io", "server:", f'  listen: ["127.0.0.1:{port}"'
             + "".join(f", {one}" for one in listen) + "]",
             '  admin: ""', f"  workers: {workers}", "  idle_timeout: 1h",
             "  client_address: google-lb",
             "log:", f"  access: {json.dumps(str(access))}", "  level: warning",
             "ranges:", f"  directory: {json.dumps(str(ranges))}", "  refresh: 0s", *more]
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


def archeio_tls(directory, ranges, tls, store=None, core=SERVER_CORE):
    """On .port in clear, on .tls_port over TLS."""
    tls_port = free_port()
    listener = (f'{{address: "127.0.0.1:{tls_port}",'
                f" tls: {{certificate: {tls[0]}, key: {tls[1]}}}}}")
    file, port = configure(directory, ranges, store, listen=[listener])
    server = archeio(file, port, core=core).wait()
    server.tls_port = tls_port
    return server
