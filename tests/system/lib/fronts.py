"""Load balancers that speak TLS to clients, or let it through: HAProxy and nginx.

Each connects to archeio from SOURCE, so that an answer for that address would be seen.
"""

import os
from pathlib import Path

from .nginx import TEMPORARY
from .ports import free_port
from .program import Program, find

SOURCE = "127.0.0.77"

HAPROXY = """\
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s

# TLS goes through.
listen haproxy-tcp
    mode tcp
    bind 127.0.0.1:{port[haproxy-tcp]}
    server archeio 127.0.0.1:{proxied_tls} source {source} send-proxy-v2

# TLS ends here, and what is in it goes on as it is, HTTP/2 or not.
listen haproxy-tcp-clear
    mode tcp
    bind 127.0.0.1:{port[haproxy-tcp-clear]} ssl crt {pem} alpn h2,http/1.1
    server archeio 127.0.0.1:{proxied_clear} source {source} send-proxy-v2

listen haproxy-http
    mode http
    bind 127.0.0.1:{port[haproxy-http]} ssl crt {pem} alpn h2,http/1.1
    option forwardfor
    server archeio 127.0.0.1:{clear} source {source}

listen haproxy-http-h2
    mode http
    bind 127.0.0.1:{port[haproxy-http-h2]} ssl crt {pem} alpn h2,http/1.1
    option forwardfor
    server archeio 127.0.0.1:{clear} source {source} proto h2

listen haproxy-http-tls
    mode http
    bind 127.0.0.1:{port[haproxy-http-tls]} ssl crt {pem} alpn h2,http/1.1
    option forwardfor
    server archeio 127.0.0.1:{tls} source {source} ssl verify required ca-file {ca} alpn h2
"""

NGINX = """\
load_module {modules}/ngx_stream_module.so;
daemon off;
{user}worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log notice;
events {{ worker_connections 1024; }}
http {{
    access_log off;
""" + TEMPORARY + """\
    server {{
        listen 127.0.0.1:{port[nginx-http]} ssl http2;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        location / {{
            proxy_pass http://127.0.0.1:{clear};
            proxy_bind {source};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
stream {{
    server {{
        listen 127.0.0.1:{port[nginx-stream]};
        proxy_pass 127.0.0.1:{proxied_tls};
        proxy_bind {source};
        proxy_protocol on;
    }}
}}
"""


class _Front:
    """port[name] is where to connect, for each name in NAMES; backends are archeio's ports."""

    def __init__(self, directory, certificate, ca, backends):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.port = {name: free_port() for name in self.NAMES}
        config = self.directory / "front.conf"
        config.write_text(self.TEMPLATE.format(
            port=self.port, pem=certificate.both, ca=ca, source=SOURCE, directory=self.directory,
            **backends, **self._more()))
        self.program = Program(self._command(config), self.directory / "front.log")
        for port in self.port.values():
            self.program.wait_for_port(port)

    def _more(self):
        return {}

    def stop(self):
        self.program.stop()


class HAProxy(_Front):
    NAMES = ("haproxy-tcp", "haproxy-tcp-clear", "haproxy-http", "haproxy-http-h2",
             "haproxy-http-tls")
    TEMPLATE = HAPROXY

    def _command(self, config):
        return [find("haproxy"), "-db", "-f", config]


class NginxTLS(_Front):
    NAMES = ("nginx-http", "nginx-stream")
    TEMPLATE = NGINX
    MODULES = Path("/usr/lib/nginx/modules")

    def _more(self):
        assert (self.MODULES / "ngx_stream_module.so").exists(), \
            "nginx's stream module is not installed: apt-get install libnginx-mod-stream"
        return {"modules": self.MODULES, "user": "user root;\n" if os.geteuid() == 0 else ""}

    def _command(self, config):
        return [find("nginx"), "-e", self.directory / "error.log", "-c", config]
