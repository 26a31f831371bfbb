"""What is asked for, and a row of a table: a server that is measured again and again."""

import os
import sys

import measure
from measure import median

DIGEST = "sha256:" + "4e45b4ab11c1a7f0" * 4
BLOB = f"/v2/kube-apiserver/blobs/{DIGEST}"
MANIFEST = "/v2/kube-apiserver/manifests/v1.29.2"
ELSEWHERE = "https://us-central1-docker.pkg.dev/v2/k8s-artifacts-prod/images"
HOP = "35.191.10.20"  # the load balancer's own
UNKNOWN = "192.0.2.1"  # a client that is in no cloud
CONTAINERD = {
    "Host": "registry.k8s.io",
    "User-Agent": "containerd/1.7.24",
    "Accept": "application/vnd.docker.distribution.manifest.v2+json, "
              "application/vnd.docker.distribution.manifest.list.v2+json, "
              "application/vnd.oci.image.manifest.v1+json, "
              "application/vnd.oci.image.index.v1+json, */*",
    "Accept-Encoding": "gzip",
}


def headers(client):
    return {**CONTAINERD, "X-Forwarded-For": f"{client}, {HOP}"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def verdict(value, most):
    return "reached" if value <= most else "**not reached**"


class Row:
    """log: the access log's file, if there is one. How it is asked stands in `url` (its scheme and
    port) and `load`, one of measure.py's."""

    def __init__(self, name, server, path, client, log=None, url=None, load=measure.load):
        self.name, self.server, self.path, self.client = name, server, path, client
        self.log = log
        self.url, self.load = url or f"http://127.0.0.1:{server.port}", load
        self.cpu, self.rate, self.lines = [], [], []

    def run(self, seconds):
        if self.log:
            os.truncate(self.log, 0)
        used, rate = self.load(self.server, self.url + self.path, headers(self.client), seconds)
        self.cpu.append(used * 1e6)
        self.rate.append(rate)
        if self.log:
            self.lines.append(measure.count_lines(self.log) / (rate * seconds))

    def forget(self):
        self.cpu, self.rate, self.lines = [], [], []

    @property
    def us(self):
        return median(self.cpu)


def run_all(rows, options):
    """Each row in each round, after a second of warming up."""
    for row in rows:
        row.run(1)
        row.forget()
    for i in range(options.rounds):
        for row in rows:
            row.run(options.seconds)
        say(f"round {i + 1} of {options.rounds}: "
            + ", ".join(f"{r.cpu[-1]:.2f}" for r in rows) + " us")


def await_present(port, client, url):
    """Asks until the blob is known to be in the store."""
    for _ in range(100):
        status, location, size = measure.ask(port, BLOB, headers(client))
        if status == 307 and location.startswith(url):
            return size
    raise RuntimeError(f"the blob is sent to {location}, not to {url}")


def check_upstream(port, path, client):
    status, location, _ = measure.ask(port, path, headers(client))
    if status != 307 or not location.startswith(ELSEWHERE):
        raise RuntimeError(f"{path}: {status} {location}")
