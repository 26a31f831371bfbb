"""The servers that archeio is compared with, and what they are given to do: to answer each request
that they understand, or to pass it on to archeio."""

import asyncio
import re
import subprocess
import sys
import threading
from pathlib import Path

import verdicts

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from lib.archeio import Archeio  # pylint: disable=wrong-import-position
from lib.nginx import Nginx  # pylint: disable=wrong-import-position
from lib.ports import free_port  # pylint: disable=wrong-import-position
from lib.program import Program, find  # pylint: disable=wrong-import-position

# Limits are the packages' own, but that nobody gives up: how long one waits is not compared.
NGINX = """\
    client_header_timeout 60s; client_body_timeout 60s; keepalive_timeout 60s;
    upstream next {{ server 127.0.0.1:{to}; keepalive 1; }}
    server {{ listen 127.0.0.1:{port};
        location / {{ proxy_pass http://next; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_set_header Host $http_host; }} }}"""

# One connection to the next server, for all clients, and no second try.
HAPROXY = """\
global
    nbthread 1
    maxconn 1000
defaults
    mode http
    retries 0
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend in
    bind 127.0.0.1:{port}
    default_backend next
backend next
    server only 127.0.0.1:{to} {limits}
"""
ONE_CONNECTION = "maxconn 1 pool-max-conn 1"


def nginx(directory, port, to, **_):
    return Nginx(directory, [port], NGINX.format(port=port, to=to))


def haproxy(directory, port, to, shared):
    directory.mkdir(parents=True)
    file = directory / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=port, to=to, limits=ONE_CONNECTION if shared else ""))
    return started([find("haproxy"), "-db", "-f", file], directory, port)


def node(directory, port, to, shared):
    directory.mkdir(parents=True)
    argv = [find("node"), HERE / "node.js", "forward" if shared else "answer", port]
    return started(argv + ([to] if shared else []), directory, port)


def started(argv, directory, port):
    program = Program(argv, directory / "log")
    program.wait_for_port(port)
    return program


PEERS = {"nginx": nginx, "HAProxy": haproxy, "llhttp": node}


def versions():
    """{name: what it says of itself}."""
    def said(*argv):
        done = subprocess.run([find(argv[0]), *argv[1:]], capture_output=True, text=True,
                              check=True)
        return done.stdout + done.stderr
    return {
        "nginx": re.search(r"nginx/(\S+)", said("nginx", "-v")).group(1),
        "HAProxy": re.search(r"version (\S+)", said("haproxy", "-v")).group(1),
        "llhttp": said("node", "-p", "`${process.versions.llhttp} in Node ${process.version}`"
                       ).strip(),
    }


class Peers:
    """All of them on free ports: .port[name]. With `to`, the port of a server, they pass requests
    on to it, each over one connection that all its clients share; without, to one that answers
    each with 200."""

    def __init__(self, directory, to=None):
        shared = to is not None
        self.backend = None if shared else Backend()
        self.port = {name: free_port() for name in PEERS}
        self.started = [start(directory / name, self.port[name],
                              to if shared else self.backend.port, shared=shared)
                        for name, start in PEERS.items()]

    def stop(self):
        """Whatever they wait for."""
        for one in self.started:
            getattr(one, "program", one).kill()
        if self.backend:
            self.backend.stop()


UPSTREAM = "https://upstream.example:8443"


def archeio(directory):
    """As patient as the others are made; HTTP/1.1 alone, which is what is compared."""
    port = free_port()
    return Archeio(directory, {
        "server": {"header_timeout": "60s", "idle_timeout": "60s",
                   "listen": [{"address": f"127.0.0.1:{port}", "protocols": ["http/1.1"]}]},
        "log": {"access": str(directory / "access.log")},
        "upstream": {"endpoint": UPSTREAM, "path": "mirror/images"}}, port=port)


def ask_all(directory, rows):
    """{row: {server: text of its verdict}} of all of them, archeio last."""
    others = Peers(directory / "peers")
    ours = archeio(directory / "archeio")
    try:
        return verdicts.judge({**others.port, "archeio": ours.port}, rows)
    finally:
        ours.stop()
        others.stop()


class Backend:
    """Believes all that a proxy passes on: reads a request to its end, answers 200, closes."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"

    def __init__(self):
        self.port = free_port()
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port,
                                                          limit=1 << 20))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await self._read_body(reader, head.lower())
            writer.write(self.ANSWER + (b"" if head.startswith(b"HEAD ") else b"seen\n"))
            await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the proxy gave it up
        finally:
            writer.close()

    @staticmethod
    async def _read_body(reader, head):
        length = re.search(rb"\r\ncontent-length: *(\d+)", head)
        if length:
            left = int(length.group(1))
            while left > 0:
                left -= len(await reader.readexactly(min(left, 65536)))
        elif b"\r\ntransfer-encoding:" in head:
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
