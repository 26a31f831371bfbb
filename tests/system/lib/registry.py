"""docker-registry: the upstream, the source of truth."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .ports import connections, free_port, wait_until
from .program import Program, find

CONFIG = """\
version: 0.1
log:
  level: warn
  accesslog:
    disabled: false
{storage}
{auth}
http:
  addr: 127.0.0.1:{port}
  secret: not-one
"""

FILES = """\
storage:
  filesystem:
    rootdirectory: {root}
"""

# Apache's combined log format, between lines of the registry's own log.
ACCESS = re.compile(r'^\S+ \S+ \S+ \[[^]]*\] "(\S+) (\S+) HTTP/[\d.]+" (\d+) (\d+)', re.M)


def _environment():
    """Without what its client of S3 would look at."""
    return {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}


@dataclass(frozen=True)
class Access:
    method: str
    path: str
    status: int
    size: int


class Registry:
    """Listens when the constructor returns. storage, auth: sections of its configuration; env: what
    its environment has besides."""

    def __init__(self, directory, storage=None, auth="", env=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.port = free_port()
        config = self.directory / "config.yml"
        storage = storage or FILES.format(root=self.directory / "data")
        config.write_text(CONFIG.format(storage=storage, auth=auth, port=self.port))
        self.program = Program([find("docker-registry"), "serve", config],
                               self.directory / "registry.log", env=_environment() | (env or {}))
        self.program.wait_for_port(self.port)

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def blobs(self):
        """{digest: file} of all that was ever pushed, manifests included."""
        found = {}
        base = self.directory / "data/docker/registry/v2/blobs"
        for data in base.glob("*/*/*/data"):
            found[f"{data.parent.parent.parent.name}:{data.parent.name}"] = data
        return found

    def settled(self):
        """accesses(), once nobody is connected any more: an answer is logged after it was sent, and
        before its connection is closed."""
        wait_until(lambda: connections(self.port) == 0, 30, "the end of the registry's connections")
        return self.accesses()

    def accesses(self):
        """What it has logged, in order."""
        return [Access(m, p, int(s), int(n))
                for m, p, s, n in ACCESS.findall(self.program.output())]

    def blob_reads(self):
        """The digests of blobs that were asked for, in order; once nobody is connected any more."""
        return [a.path.rpartition("/")[2] for a in self.settled()
                if a.method == "GET" and "/blobs/sha256:" in a.path]

    def stop(self):
        self.program.stop()
