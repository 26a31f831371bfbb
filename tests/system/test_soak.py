"""Requests without end, with everything else that happens to a server: reloads, hostile
connections, stores that die and come back. No answer is wrong, and nothing grows.

ARCHEIO_SOAK says how many requests (`make soak REQUESTS=...`).
"""

import contextlib
import itertools
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lib.archeio import ROOT, binary
from lib.certificates import make_certificate
from lib.ports import free_port, wait_until
from lib.release import release_binary

pytestmark = pytest.mark.alone

REQUESTS = int(os.environ.get("ARCHEIO_SOAK", "400000"))
AT_ONCE = 100000
SECONDS = 10  # at least, of each part: so that all that happens has happened
MIB = 1 << 20
KEPT = 16  # connections that are kept to stores, now more and now fewer
UPSTREAM = "https://upstream.example"

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes.fromhex("000000040000000000")
HOSTILE = [
    b"\x00" * 100,
    b"GET / HTTP/1.1\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /v2/a/blobs/sha256:zz HTTP/1.1\r\nHost: a\r\n\r\n" * 50,
    b"GET /" + b"a" * 20000,
    b"POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n" + b"x" * 70000,
    PREFACE[:10],
    PREFACE + SETTINGS + bytes.fromhex("000000040100000000") * 2000,
    PREFACE + SETTINGS + bytes.fromhex("0000080600000000000102030405060708") * 5000,
    PREFACE + SETTINGS + b"".join(  # requests that are reset at once
        bytes.fromhex("000004010500000000")[:5] + struct.pack(">I", stream) +
        bytes.fromhex("82868441") + struct.pack(">IBI", 4 << 8 | 3, 0, stream) + bytes(4)
        for stream in range(1, 2001, 2)),
    bytes.fromhex("1603010200010001fc0303") + bytes(200),
    bytes.fromhex("160301ffff") + bytes(400),
]


class Store:
    """Runs, dies by one signal or freezes by another, and comes back."""

    def __init__(self, log):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.process = None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "tests" / "soak" / "store.py", str(self.port)],
                stderr=log)

    def die(self):
        self.process.kill()
        self.process.wait()

    def freeze(self, seconds, stop):
        self.process.send_signal(signal.SIGSTOP)
        stop.wait(seconds)
        self.process.send_signal(signal.SIGCONT)


class Trouble:
    """Threads that go on until the end of the block; what fails in one fails the test."""

    def __init__(self, *what):
        self.stop = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self.run, args=(one,)) for one in what]

    def run(self, one):
        try:
            one(self.stop)
        except Exception as e:  # whatever it is, the test has to know
            self.failures.append(e)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures


def reloads(server, config):
    def run(stop):
        for i in itertools.count():
            if stop.wait(0.2):
                return
            config["existence"]["wait"] = f"{1000 + i % 10}ms"
            server.write(config)
            server.reload()
    return run


def hostile_clients(ports):
    chooser = random.Random(3)

    def once(port):
        with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
            if chooser.random() < 0.5:  # a reset instead of an end
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(chooser.choice(HOSTILE))
            if chooser.random() < 0.5:
                sock.settimeout(0.2)
                sock.recv(65536)

    def run(stop):
        while not stop.wait(0.002):
            with contextlib.suppress(OSError):
                once(chooser.choice(ports))
    return run


def dying(stores):
    def run(stop):
        for store in itertools.cycle(stores):
            if stop.wait(2):
                return
            store.freeze(2, stop)
            if stop.wait(2):
                return
            store.die()
            stop.wait(2)
            store.start()
    return run


def footprint(pid):
    """(private memory that was written, anonymous memory, descriptors)"""
    sizes = {}
    for file in ("smaps_rollup", "status"):
        for line in Path(f"/proc/{pid}/{file}").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if rest.endswith("kB"):
                sizes[name] = int(rest.split()[0]) * 1024
    return sizes["Private_Dirty"], sizes["RssAnon"], len(os.listdir(f"/proc/{pid}/fd"))


@pytest.fixture
def stores(tmp_path):
    made = [Store(tmp_path / "store.log") for _ in range(2)]
    yield made
    for store in made:
        store.die()


@pytest.fixture
def loader(build, monkeypatch):
    """The loader, built where archeio was, which is now what is tested."""
    path = release_binary() if build == "release" else binary()
    monkeypatch.setenv("ARCHEIO_BINARY", path)
    build = Path(path).parent
    subprocess.run(["ninja", "--quiet", "-C", build, "tests/soak/load"], check=True)
    return build / "tests" / "soak" / "load"


@pytest.mark.slow
@pytest.mark.parametrize("build", ["under test", "release"])
def test_nothing_is_wrong_and_nothing_grows(archeio, build, loader, stores, tmp_path):
    """Every answer to so many requests, in clear, over TLS and by HTTP/2, is the right one, and
    memory and descriptors are at the end what they were after a tenth of them. (A sanitizer keeps
    memory that was freed: what grows is looked for in the release build.)"""
    pair = make_certificate(tmp_path, "soak").pair
    secure_port, port = free_port(), free_port()
    config = {
        "server": {"listen": [{"address": f"127.0.0.1:{port}"},
                              {"address": f"127.0.0.1:{secure_port}", "tls": pair}],
                   "user": "root", "client_address": "peer"},
        "upstream": {"endpoint": UPSTREAM},
        "existence": {"present_ttl": "2s", "absent_ttl": "1s", "wait": "1s"},
        "stores": [{"name": f"store{i}", "url": store.url, "serves": ["default"]}
                   for i, store in enumerate(stores)]}
    server = archeio(config, port=port)

    def run(requests):
        """(answers in all, those from stores)"""
        until = time.monotonic() + SECONDS
        answers = from_stores = 0
        while answers < requests or time.monotonic() < until:
            upstream, stored = load(min(max(requests - answers, AT_ONCE), 10 * AT_ONCE))
            answers += upstream + stored
            from_stores += stored
        return answers, from_stores

    def load(requests):
        done = subprocess.run(
            [loader, str(requests), str(port), str(secure_port), UPSTREAM,
             ",".join(store.url for store in stores)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [int(n) for n in done.stdout.split()]

    def settled():
        wait_until(lambda: server.metric("archeio_connections") == 0, 30, "no connections")
        return footprint(server.pid)

    begun = time.monotonic()
    with Trouble(reloads(server, config), hostile_clients([port, secure_port]), dying(stores)):
        run(REQUESTS // 10)
    before = settled()
    with Trouble(reloads(server, config), hostile_clients([port, secure_port]), dying(stores)):
        answers, from_stores = run(REQUESTS)
    after = settled()
    print(f"\n{answers} requests in {time.monotonic() - begun:.0f} s, "
          f"{from_stores} to stores, {server.output().count('archeio: reloaded')} reloads; "
          f"Private_Dirty, RssAnon, descriptors: {before} after the warm-up, {after} at the end")
    assert from_stores > answers // 20
    if build == "release":
        assert after[0] <= before[0] + MIB and after[1] <= before[1] + MIB
    assert after[2] <= before[2] + KEPT
