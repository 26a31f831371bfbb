"""A site of our own: a registry, a bucket in each of two regions, archeio, and a load balancer.

    client --> front (one port per pretended client) --> archeio --307--> bucket or registry

The addresses are those of RFC 5737 and RFC 3849, which belong to nobody.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from . import http, image as images
from .archeio import Archeio, merge
from .clients import Skopeo
from .nginx import Bucket, Front
from .ports import wait_until
from .registry import Registry

PATH = "mirror/images"  # upstream.path: what lies at the registry below it is served

CLIENTS = {
    "eu": "192.0.2.10",  # aws/eu-west-3
    "us": "192.0.2.140",  # aws/us-east-2
    "eu6": "2001:db8:3::1",  # aws/eu-west-3
    "gcp": "198.51.100.7",  # gcp/europe-west1
    "unknown": "203.0.113.9",
}

# Who pulls, and where the blobs must come from.
SOURCES = [("eu", "eu"), ("us", "us"), ("eu6", "eu"), ("gcp", "upstream"), ("unknown", "upstream")]

AWS = {
    "syncToken": "1785313625",
    "createDate": "2026-07-29-08-27-05",
    "prefixes": [
        {"ip_prefix": prefix, "region": region, "service": "AMAZON",
         "network_border_group": region}
        for prefix, region in (("192.0.2.0/25", "eu-west-3"), ("192.0.2.128/25", "us-east-2"))],
    "ipv6_prefixes": [
        {"ipv6_prefix": "2001:db8:3::/48", "region": "eu-west-3", "service": "AMAZON",
         "network_border_group": "eu-west-3"}],
}

OWN = """\
# PREFIX CLOUD REGION
198.51.100.0/24 gcp europe-west1
"""


def write_ranges(directory, own=OWN):
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "aws-ip-ranges.json").write_text(json.dumps(AWS))
    (directory / "own.txt").write_text(own)
    return directory


class Upstream:
    """A registry with images in it. One for the whole run: nothing changes what is there."""

    REPOSITORY = "team/app"

    def __init__(self, directory):
        self.directory = Path(directory)
        self.registry = Registry(self.directory / "registry")
        self.skopeo = Skopeo()
        self.image = self.add("v1", layers=4)
        self.other = self.add("v2", layers=3)

    def add(self, tag, layers):
        made = images.make(self.directory / f"image-{tag}", tag, layers)
        self.push(made)
        return made

    def push(self, image, tag=None):
        self.skopeo.push(image, self.registry.host, f"{PATH}/{self.REPOSITORY}", tag)

    def stop(self):
        self.skopeo.close()
        self.registry.stop()


@dataclass(frozen=True)
class Trace:
    """Where the bytes of one pull came from, as the servers' access logs have it."""

    digest: str  # of the manifest that the client got
    seconds: float  # that the pull took
    blobs: dict  # "eu", "us" or "upstream" -> {digest: bytes}
    manifests: dict  # the same; what is no blob
    answers: list  # of archeio, as the front logged them, or itself


def expect(trace, image, source):
    """All of the image came, its blobs from that source, and its manifests from the upstream."""
    assert trace.digest == image.digest
    wanted = {digest: image.size[digest] for digest in image.blobs}
    assert trace.blobs == {source: wanted}, "a blob came from elsewhere, or not whole"
    assert set(trace.manifests) == {"upstream"}, "a manifest came from elsewhere"
    assert {a.status for a in trace.answers} <= {200, 307}


class Site:
    """Ready when the constructor returns; stop() checks how archeio ended.

    config: what differs from the configuration below. serves: whom each bucket serves. own: the
    prefixes beside AWS's. port: the first that archeio listens on.
    """

    SERVES = {"eu": ["aws/eu-west-3"], "us": ["aws/us-east-2"]}

    ca = None  # with a file that clients shall trust, they pull over TLS

    def __init__(self, directory, upstream, config=None, serves=None, forwarded=Front.GOOGLE,
                 own=OWN, port=None):
        self.directory = Path(directory)
        self.upstream = upstream
        self.registry = upstream.registry
        self.started = []
        self.buckets = {name: self._own(Bucket(self.directory / f"bucket-{name}"))
                        for name in ("eu", "us")}
        for bucket in self.buckets.values():
            self.fill(bucket)
        archeio = self.directory / "archeio"
        write_ranges(archeio / "ranges", own)
        settings = merge(self.config(archeio, serves or self.SERVES), config or {})
        self.archeio = self._own(self.serve(archeio, settings, port))
        self.add_fronts(forwarded)

    def serve(self, directory, settings, port):
        return Archeio(directory, settings, port=port)

    def add_fronts(self, forwarded):
        self.front = self._own(Front(self.directory / "front", self.archeio.port,
                                     CLIENTS, forwarded))

    def _own(self, program):
        self.started.append(program)
        return program

    def config(self, directory, serves):
        return {
            "server": {"client_address": "google-lb"},
            "log": {"access": str(directory / "access.log")},
            "upstream": {"endpoint": self.registry.url, "path": PATH, "blobs_for": ["gcp"]},
            "stores": [{"name": name, "url": bucket.url, "serves": serves[name]}
                       for name, bucket in self.buckets.items()],
        }

    def fill(self, bucket):
        for digest, file in self.registry.blobs().items():
            bucket.put(digest, file)

    def host(self, who):
        return f"127.0.0.1:{self.front.port[who]}"

    def answers(self):
        """What archeio answered so far."""
        return self.front.accesses()

    def marks(self):
        """How much of each log is old."""
        return {name: len(log()) for name, log in self._logs().items()}

    def _logs(self):
        return {**{name: b.accesses for name, b in self.buckets.items()},
                "upstream": self.registry.accesses, "front": self.answers}

    def _complete(self, marks):
        """What is new in each log, once all is there: a server logs an answer after it has sent it.
        Clients follow each redirect once; only the prober sends HEADs to buckets."""
        new = {name: log()[marks[name]:] for name, log in self._logs().items()}
        redirects = sum(a.status == 307 for a in new["front"])
        followed = sum(a.method == "GET" for name in self.buckets for a in new[name])
        followed += sum(a.path != "/v2/" for a in new["upstream"])
        return new if 0 < redirects == followed else None

    def pull(self, client, who, reference=":v1"):
        """Pulls, and reads in the logs what happened."""
        marks = self.marks()
        pulled = client.pull(self.host(who), Upstream.REPOSITORY, reference, self.ca)
        new = wait_until(lambda: self._complete(marks), 10, "each redirect's target in a log")
        blobs, manifests = {}, {}
        for name in (*self.buckets, "upstream"):
            for access in new[name]:
                if access.method != "GET" or access.status != 200 or access.path == "/v2/":
                    continue
                digest = access.path.rsplit("/", 1)[1]
                kind = blobs if "/blobs/" in access.path or name != "upstream" else manifests
                kind.setdefault(name, {})[digest] = access.size
        # skopeo and podman try TLS first; that the front answers by itself, with no method in its log.
        answers = [access for access in new["front"] if access.method]
        return Trace(pulled.digest, pulled.seconds, blobs, manifests, answers)

    def locate(self, who, digest, **options):
        """archeio's answer for one blob, through the front, once that is in its log: a pull's marks
        come behind it."""
        before = len(self.answers())
        answer = http.request(self.front.port[who], f"/v2/{Upstream.REPOSITORY}/blobs/{digest}",
                              **options)
        wait_until(lambda: len(self.answers()) > before, what="the answer in the front's log")
        return answer

    def stop(self):
        problems = []
        for program in reversed(self.started):
            try:
                program.stop()
            except AssertionError as e:
                problems.append(str(e))
        assert not problems, "\n".join(problems)
