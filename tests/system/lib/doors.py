"""A site that is reached over TLS, through a number of doors: archeio itself, and HAProxy and nginx
in front of it in each of their ways.

All clients are 127.0.0.1, which is the region of the bucket "eu"; the load balancers' own address
is that of the bucket "us". So where the blobs come from says whom archeio took for the client.
"""

import subprocess
from collections import namedtuple
from pathlib import Path

from .certificates import Authority
from .fronts import SOURCE, HAProxy, NginxTLS
from .ports import free_port
from .program import find
from .site import Site, Upstream

CLIENT = "127.0.0.1"
OWN = f"""\
# PREFIX CLOUD REGION
{CLIENT}/32 aws eu-west-3
{SOURCE}/32 aws us-east-2
"""

Line = namedtuple("Line", "method path status size client protocol")


class Doors(Site):
    """host("alone"), host("haproxy-tcp") and so on are where to connect: NAMES has them all."""

    NAMES = ("alone", *HAProxy.NAMES, *NginxTLS.NAMES)

    def __init__(self, directory, upstream):
        directory = Path(directory)
        authority = Authority(directory / "certs.d")
        self.ca = authority.file
        self.certificate = authority.sign()
        self.ports = {name: free_port() for name in ("clear", "tls", "proxied_tls",
                                                     "proxied_clear")}
        server = {"listen": [self._listener(name) for name in self.ports],
                  "client_address": "trusted-proxies", "trusted_proxies": [f"{SOURCE}/32"]}
        super().__init__(directory, upstream, {"server": server}, own=OWN,
                         port=self.ports["clear"])

    def add_fronts(self, forwarded):
        self.door = {"alone": self.ports["tls"]}
        for kind in (HAProxy, NginxTLS):
            front = kind(self.directory / kind.__name__, self.certificate, self.ca, self.ports)
            self.door |= self._own(front).port

    def _listener(self, name):
        listener = {"address": f"127.0.0.1:{self.ports[name]}"}
        if name.startswith("proxied"):
            listener["proxy_protocol"] = [f"{SOURCE}/32"]
        if name.endswith("tls"):
            listener["tls"] = self.certificate.pair
        return listener

    def host(self, who):
        return f"{CLIENT}:{self.door[who]}"

    def locate(self, who, digest, forwarded_for):
        """archeio's answer for one blob, with a header of the client's own: (status, Location)."""
        url = f"https://{self.host(who)}/v2/{Upstream.REPOSITORY}/blobs/{digest}"
        done = subprocess.run(
            [find("curl"), "-q", "-sS", "--noproxy", "*", "--cacert", self.ca, "-o", "/dev/null",
             "-H", f"X-Forwarded-For: {forwarded_for}", "-w", "%{http_code} %{redirect_url}", url],
            capture_output=True, text=True, timeout=30, check=True)
        status, _, location = done.stdout.partition(" ")
        return int(status), location

    def answers(self):
        """Each line of archeio's access log."""
        return [Line(a["method"], a["path"], a["status"], a["bytes"], a["client"], a["protocol"])
                for a in self.archeio.access_log()]
