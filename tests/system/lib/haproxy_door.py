"""HAProxy that asks archeio: the sample configuration of doors/endpoint, and what a test adds."""

from pathlib import Path

from . import http
from .archeio import ROOT
from .ports import free_port, wait_until
from .program import Program, find

DOOR = ROOT / "doors" / "endpoint"

# The test is the load balancer, and says who the client is.
BEHIND_PROXIES = {"# http-request set-src": "http-request set-src"}


class HAProxyDoor:
    """In front of an archeio with the endpoint at decide_port. changes: {what one of the sample's files
    says once: what it is to say}. Asks archeio when the constructor returns."""

    def __init__(self, directory, decide_port, admin_port, changes=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.port, self.stats_port = free_port(), free_port()
        self.changes = dict(changes or {})
        self._copy("haproxy.lua", {})
        self._copy("haproxy.cfg", {"bind :8080": f"bind 127.0.0.1:{self.port}",
                                   "127.0.0.1:8081": f"127.0.0.1:{decide_port}",
                                   "port 9090": f"port {admin_port}"})
        assert not self.changes, f"nothing says {self.changes}"
        with open(self.directory / "haproxy.cfg", "a", encoding="utf-8") as f:
            f.write(f"\nfrontend stats\n    bind 127.0.0.1:{self.stats_port}\n    stats enable\n    stats uri /\n")
        self.program = Program([find("haproxy"), "-db", "-f", "haproxy.cfg"],
                               self.directory / "haproxy.log", cwd=self.directory)
        for port in self.port, self.stats_port:  # it listens there one after the other
            self.program.wait_for_port(port)
        self.wait_for_archeio("UP")

    def _copy(self, name, own):
        text = (DOOR / name).read_text(encoding="utf-8")
        for old, new in own.items():
            assert text.count(old) == 1, f"{name}: {old!r} is there {text.count(old)} times"
            text = text.replace(old, new)
        for old in [old for old in self.changes if old in text]:
            assert text.count(old) == 1, f"{name}: {old!r} is there {text.count(old)} times"
            text = text.replace(old, self.changes.pop(old))
        (self.directory / name).write_text(text, encoding="utf-8")

    def wait_for_archeio(self, state):
        """HAProxy has found out that archeio is UP, or DOWN."""
        def has_found_out():
            rows = http.request(self.stats_port, "/;csv").body.decode().splitlines()
            return any(row.startswith("archeio,archeio,") and f",{state}," in row for row in rows)
        wait_until(has_found_out, 20, f"archeio to be {state}")

    def request(self, target, method="GET", client=None, headers=()):
        pairs = list(headers)
        if client:
            pairs.append(("X-Forwarded-For", f"{client}, 130.211.0.1"))
        return http.request(self.port, target, method, pairs)

    def stop(self):
        self.program.stop()
