"""Routing data of the whole Internet: archeio reads of it what is read of it line by line, from its CSV
and from a database that MaxMind's writer made of it, and what that costs."""

import bisect
import csv
import http.client
import ipaddress
import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from lib.archeio import binary, environment, run, to_yaml
from lib.mmdb import write_mmdb
from lib.ports import free_port, listens

MANIFEST = "/v2/team/app/manifests/v1"
UPSTREAM = "https://upstream.example"
ADDRESSES = 10_000
NAMED = 1_000  # autonomous systems that routes name, each one
SLOWEST = 5.0  # seconds that a start may take, whatever else the machine does
LARGEST = 200_000  # KiB of memory that it may need


def data():
    path = Path(os.environ.get("CONFORMANCE_ROUTING", "build-conformance/npm/node_modules/"
                               "@ip-location-db/asn"))
    assert path.is_dir(), f"{path} is missing: make conformance gets it"
    return path


class Table:
    """A file's lines, in their order; where two overlap, the first counts."""

    def __init__(self, file):
        self.lines = []  # (first, last, number, name)
        end = -1
        with file.open(encoding="utf-8", newline="") as lines:
            for first, last, asn, name in csv.reader(lines):
                first, last = (int(ipaddress.ip_address(a)) for a in (first, last))
                if last > end:
                    self.lines.append((max(first, end + 1), last, int(asn), name))
                    end = last
        self.firsts = [line[0] for line in self.lines]

    def owner(self, address):
        i = bisect.bisect_right(self.firsts, int(address)) - 1
        return self.lines[i][2] if i >= 0 and int(address) <= self.lines[i][1] else None


@pytest.fixture(scope="module")
def tables():
    return {ipaddress.IPv4Address: Table(data() / "asn-ipv4.csv"),
            ipaddress.IPv6Address: Table(data() / "asn-ipv6.csv")}


@pytest.fixture(scope="module")
def directories(tables, tmp_path_factory):
    """{form: a directory that holds all networks in that form, and one that is published}"""
    made = {form: tmp_path_factory.mktemp(form) for form in ("csv", "mmdb")}
    for path in made.values():
        (path / "own.txt").write_text("192.0.2.0/24 lab\n")
        os.utime(path / "own.txt", (1700000000, 1700000000))
    for name in "asn-ipv4.csv", "asn-ipv6.csv":
        shutil.copy(data() / name, made["csv"])
    write_mmdb(made["mmdb"] / "asn.mmdb", [
        (kind(first), kind(last), asn, name) for kind, table in tables.items()
        for first, last, asn, name in table.lines], record_size=28, alias=False)
    return made


@pytest.fixture(scope="module")
def named(tables):
    """Those with the most lines."""
    count = Counter(asn for table in tables.values() for _, _, asn, _ in table.lines if asn)
    return [asn for asn, _ in count.most_common(NAMED)]


def routes_to(asns):
    return [{"name": f"as{asn}", "when": {"asn": [f"as{asn}"]},
             "to": {"url": f"https://as{asn}.example"}} for asn in asns]


def site(directory, **more):
    return {"upstream": {"endpoint": UPSTREAM},
            "ranges": {"directory": str(directory), "refresh": "0s"}} | more


def addresses(tables):
    """Any of IPv4; and where a line begins or ends, and beside it, of both."""
    chosen = random.Random(26900)
    yield from (ipaddress.IPv4Address(chosen.getrandbits(32)) for _ in range(ADDRESSES // 2))
    for kind, table in tables.items():
        for _ in range(ADDRESSES // 16):
            first, last, _, _ = chosen.choice(table.lines)
            inside = chosen.randint(first, last)
            yield from (kind(a) for a in (max(first - 1, 0), first, inside, last))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "mmdb"])
def test_clients_are_of_the_systems_that_the_lines_say(archeio, directories, tables, named, form):
    """Ten thousand addresses and a thousand routes, each for one system: whose an address is, is sent
    to that system's route; all others go to the upstream."""
    server = archeio(site(directories[form], routes=routes_to(named)))
    assert "error" not in server.output() and "warning" not in server.output()
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    wanted, wrong, n = set(named), [], 0
    for address in addresses(tables):
        owner = tables[type(address)].owner(address)
        connection.request("GET", MANIFEST, headers={"X-Forwarded-For": f"{address}, 130.211.0.1"})
        answer = connection.getresponse()
        answer.read()
        location = answer.getheader("Location")
        host = f"https://as{owner}.example" if owner in wanted else UPSTREAM
        n += 1
        if not location.startswith(host + "/"):
            wrong.append(f"{address} of AS{owner} was sent to {location}")
    connection.close()
    assert n == ADDRESSES
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])


def test_both_forms_become_the_same_snapshot(directories, named, tmp_path):
    """Byte for byte."""
    images = []
    for form, directory in directories.items():
        file = tmp_path / f"{form}.yaml"
        file.write_text(to_yaml(site(directory, routes=routes_to(named))))
        done = run("compile", "--config", file, "--output", tmp_path / form)
        assert done.returncode == 0, done.stderr
        images.append((tmp_path / form).read_bytes())
    assert images[0] == images[1]


# ── What it costs ──


def start(directory, *arguments):
    """serve: (seconds until its port is open, KiB resident at most until then)"""
    port = free_port()
    file = directory / "serve.yaml"
    config = (directory / "site.yaml").read_text()
    file.write_text(config + f'\nserver:\n  listen: ["127.0.0.1:{port}"]\n  admin: ""\n')
    begun = time.monotonic()
    process = subprocess.Popen([binary(), "serve", "--config", str(file), *map(str, arguments)],
                               env=environment(), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        while not listens(port):
            assert process.poll() is None and time.monotonic() - begun < 60
        seconds = time.monotonic() - begun
        status = Path(f"/proc/{process.pid}/status").read_text()
        return seconds, int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "mmdb"])
def test_a_start_is_not_slowed_by_seconds(directories, named, tmp_path, capsys, form):
    """Without routing data, with a provider of two large systems, with a thousand systems: a start
    from the configuration, and one from the snapshot."""
    provider = {"name": "a", "when": {"provider": ["p"]}, "to": {"url": "https://a.example"}}
    for who, more in {
            "nobody": {"routes": [provider | {"when": {"cloud": ["aws"]}}]},
            "2 systems": {"providers": {"p": ["as16509", "as14618"]}, "routes": [provider]},
            f"{NAMED} systems": {"routes": routes_to(named)}}.items():
        (tmp_path / "site.yaml").write_text(to_yaml(site(directories[form], **more)))
        snapshot = tmp_path / "snapshot"
        done = run("compile", "--config", tmp_path / "site.yaml", "--output", snapshot)
        assert done.returncode == 0, done.stderr
        slow, memory = start(tmp_path)
        fast, less = start(tmp_path, "--snapshot", snapshot)
        with capsys.disabled():
            print(f"\n{form}, {who}: {slow * 1000:.0f} ms, {memory // 1024} MiB at most; from the "
                  f"snapshot, {snapshot.stat().st_size / 1e6:.1f} MB: {fast * 1000:.0f} ms, "
                  f"{less // 1024} MiB", end="")
        assert slow < SLOWEST and fast < SLOWEST
        assert memory < LARGEST
