"""nginx: as a bucket, and in front of archeio."""

import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from .ports import free_port, wait_until
from .program import Program, find, whole_lines

# Where it writes what it has no use for; a template, as the rest.
TEMPORARY = """\
    client_body_temp_path {directory}/tmp-body;
    proxy_temp_path {directory}/tmp-proxy;
    fastcgi_temp_path {directory}/tmp-fastcgi;
    uwsgi_temp_path {directory}/tmp-uwsgi;
    scgi_temp_path {directory}/tmp-scgi;
"""

MAIN = """\
daemon off;
{user}worker_processes 1;
worker_rlimit_nofile 65536;
pid {directory}/nginx.pid;
error_log {directory}/error.log notice;
events {{ worker_connections 30000; }}
http {{
    access_log off;
""" + TEMPORARY + """\
    default_type application/octet-stream;
    log_format json escape=json
        '{{"method":"$request_method","path":"$uri","status":$status,"size":$body_bytes_sent,'
        '"seconds":$request_time,"agent":"$http_user_agent","client":"$pretended_client"}}';
    map $server_port $pretended_client {{ default ""; {clients} }}
{servers}
}}
"""


@dataclass(frozen=True)
class Access:
    method: str
    path: str
    status: int
    size: int
    seconds: float  # from the first byte of the request to the last of the answer
    agent: str
    client: str  # whom the front pretended; empty in a bucket's log


class Nginx:
    """One nginx with the given server blocks. Listens when the constructor returns."""

    def __init__(self, directory, ports, servers, clients=""):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.ports = ports
        self.servers = servers
        self.clients = clients
        self.access_path = self.directory / "access.log"
        self.program = None
        self.start()

    def _write(self):
        user = "user root;\n" if os.geteuid() == 0 else ""
        config = self.directory / "nginx.conf"
        config.write_text(MAIN.format(user=user, directory=self.directory, servers=self.servers,
                                      clients=self.clients))
        return config

    def start(self):
        self.program = Program([find("nginx"), "-e", self.directory / "error.log",
                                "-c", self._write()], self.directory / "nginx.log")
        for port in self.ports:
            self.program.wait_for_port(port)
        # A signal that comes before it has started its worker would wait for the next one.
        wait_until(self._workers, what="nginx's worker")

    def reload(self, servers):
        """Changes the server blocks; returns when no worker with the old ones is left."""
        self.servers = servers
        self._write()
        old = self._workers()
        os.kill(self.program.pid, signal.SIGHUP)
        wait_until(lambda: self._workers() and not old & self._workers(), what="nginx reloaded")

    def _workers(self):
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children")
        return set(children.read_text().split())

    def accesses(self):
        """What it has logged, which it does after it has answered: to be waited for."""
        return [Access(**json.loads(line)) for line in whole_lines(self.access_path)]

    def freeze(self):
        """Accepts (the kernel does), and never answers."""
        self.program.send(signal.SIGSTOP)

    def thaw(self):
        self.program.send(signal.SIGCONT)

    def stop(self):
        self.program.stop()


class Bucket(Nginx):
    """Object storage: files under containers/images/. Every request is in accesses()."""

    GOOD = "root {root};"
    EMPTY = "return 404;"
    FAILING = "return 500;"
    RESETTING = "reset_timedout_connection on; return 444;"  # 444 and this: RST

    def __init__(self, directory):
        self.port = free_port()
        self.root = Path(directory) / "objects"
        super().__init__(directory, [self.port], self._server(directory, self.GOOD))

    def _server(self, directory, behaviour):
        return (f"    server {{ listen 127.0.0.1:{self.port} backlog=8192; keepalive_timeout 60s;\n"
                f"        access_log {directory}/access.log json;\n"
                f"        {behaviour.format(root=self.root)} }}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def put(self, digest, file):
        target = self.root / "containers" / "images" / digest
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)
        except OSError:
            shutil.copyfile(file, target)
        target.chmod(0o644)

    def remove(self, digest):
        (self.root / "containers" / "images" / digest).unlink()

    def behave(self, behaviour):
        """GOOD, EMPTY, FAILING or RESETTING from now on."""
        self.reload(self._server(self.directory, behaviour))

    def gets(self):
        """The digests that were fetched whole, with how many bytes."""
        return [(a.path.rsplit("/", 1)[1], a.size) for a in self.accesses()
                if a.method == "GET" and a.status == 200]

    def heads(self):
        return [a.path.rsplit("/", 1)[1] for a in self.accesses() if a.method == "HEAD"]


class Front(Nginx):
    """A load balancer: one port per pretended client address, all proxied to one archeio."""

    # The client's own header stays to the left, as load balancers do; a hop of theirs to the right.
    GOOGLE = "$http_x_forwarded_for, {client}, 130.211.0.1"
    PLAIN = "$http_x_forwarded_for, {client}"

    def __init__(self, directory, backend, clients, forwarded=GOOGLE):
        """clients: {name: address}; backend: archeio's port. port[name] is where to connect."""
        self.port = {name: free_port() for name in clients}
        blocks = [self._server(directory, self.port[name], backend, forwarded, address)
                  for name, address in clients.items()]
        names = " ".join(f'{self.port[name]} "{name}";' for name in clients)
        super().__init__(directory, list(self.port.values()), "\n".join(blocks), names)

    @staticmethod
    def _server(directory, port, backend, forwarded, address):
        return (f"    server {{ listen 127.0.0.1:{port};\n"
                f"        access_log {directory}/access.log json;\n"
                f"        location / {{ proxy_pass http://127.0.0.1:{backend};\n"
                f"            proxy_http_version 1.1; proxy_set_header Connection \"\";\n"
                f"            proxy_set_header Host $http_host;\n"
                f"            proxy_set_header X-Forwarded-For"
                f" \"{forwarded.format(client=address)}\"; }} }}")
