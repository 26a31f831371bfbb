"""Starting programs on one core, and what the kernel says they used."""

import http.client
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERVER_CORE, LOADER_CORE = 0, 1
TLS_SUITE = "TLS_AES_128_GCM_SHA256"

# Variables that would configure archeio.
CONFIGURING = ("PORT", "UPSTREAM_REGISTRY_ENDPOINT", "UPSTREAM_REGISTRY_PATH",
               "SIGNATURE_UPSTREAM_ENDPOINT", "DEFAULT_AWS_BASE_URL", "ARCHEIO_RANGES",
               "ARCHEIO_CONFIG")


def find(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def pin(core):
    return lambda: os.sched_setaffinity(0, {core} if core is not None else os.sched_getaffinity(0))


class Server:
    """A program on the server's core (or another, or, with None, on all), listening on .port."""

    def __init__(self, argv, port, log, core=SERVER_CORE):
        self.port = port
        self.log = Path(log)
        self.begun = time.monotonic()
        env = {k: v for k, v in os.environ.items() if k not in CONFIGURING}
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=subprocess.STDOUT, env=env,
                                            preexec_fn=pin(core), start_new_session=True)

    def wait(self, timeout=20.0):
        """Returns when it listens."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        text = self.log.read_text(errors="replace")
        self.stop()
        raise RuntimeError(f"{self.process.args[0]} does not listen on port {self.port}:\n{text}")

    def pids(self):
        """It and all below it."""
        found, new = [], [self.process.pid]
        while new:
            pid = new.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                new += map(int, task.read_text().split())
        return found

    def cpu(self):
        """Seconds that all its threads have run, user and system, to the nanosecond."""
        return sum(int(f.read_text().split()[0]) for pid in self.pids()
                   for f in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9

    def memory(self):
        """{"Rss": bytes, "Private": bytes, "Private_Clean": bytes of files that only it maps}"""
        kib = dict.fromkeys(("Rss", "Private_Clean", "Private_Dirty"), 0)
        for pid in self.pids():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            for name, n in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M):
                if name in kib:
                    kib[name] += int(n)
        return {"Rss": kib["Rss"] * 1024,
                "Private": (kib["Private_Clean"] + kib["Private_Dirty"]) * 1024,
                "Private_Clean": kib["Private_Clean"] * 1024}

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def ask(port, path, headers, method="GET"):
    """(status, Location, bytes of the whole answer)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in answer.getheaders()) + "\r\n"
        return answer.status, answer.getheader("Location"), len(head) + len(body)
    finally:
        connection.close()


def load(server, url, headers, seconds, connections=64):
    """By HTTP/1.1: seconds of CPU that the server used per request, and requests per second."""
    argv = ["taskset", "-c", str(LOADER_CORE), find("wrk"), "-t1", f"-c{connections}",
            f"-d{seconds}s"]
    for name, value in headers.items():
        argv += ["-H", f"{name}: {value}"]
    before = server.cpu()
    out = subprocess.run([*argv, url], capture_output=True, text=True, check=True).stdout
    used = server.cpu() - before
    requests = int(re.search(r"(\d+) requests in", out)[1])
    # wrk calls a redirect neither, so both of these are trouble.
    trouble = re.search(r"Socket errors:.*|Non-2xx or 3xx responses:.*", out)
    if trouble or not requests:
        raise RuntimeError(f"wrk at {url}: {trouble and trouble[0] or 'no answer'}")
    return used / requests, requests / seconds


def load_h2(server, url, headers, seconds, connections=32, streams=10):
    """The same by HTTP/2. The URL names the host, as h2load sends it."""
    argv = ["taskset", "-c", str(LOADER_CORE), find("h2load"), "-t1", f"-c{connections}",
            f"-m{streams}", f"-D{seconds}", "--tls13-ciphers", TLS_SUITE]
    for name, value in headers.items():
        argv += ["-H", f"{name}: {value}"] if name != "Host" else []
    before = server.cpu()
    out = subprocess.run([*argv, url], capture_output=True, text=True, check=True).stdout
    used = server.cpu() - before
    done, failed = (int(re.search(rf"(\d+) {word}", out)[1]) for word in ("done", "failed"))
    # A status counts when the head comes, an answer when it is whole.
    if failed or not done or not re.search(r"codes: 0 2xx, \d+ 3xx, 0 4xx, 0 5xx", out):
        raise RuntimeError(f"h2load at {url}: {out}")
    return used / done, done / seconds


def handshakes(server, port, seconds, kind):
    """Seconds of CPU that the server used per handshake ("full" or "resumed")."""
    before = server.cpu()
    out = subprocess.run(["taskset", "-c", str(LOADER_CORE),
                          ROOT / "build" / "bench" / "bench-handshakes", str(port), str(seconds),
                          kind], capture_output=True, text=True, check=True).stdout
    return (server.cpu() - before) / int(out.split()[0])


def count_lines(file):
    with open(file, "rb") as data:
        return sum(block.count(b"\n") for block in iter(lambda: data.read(1 << 20), b""))


def first_answer(start, path, headers):
    """Milliseconds from start(), which starts a Server, to the first byte of its first answer."""
    head = f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
    begun = time.monotonic()
    server = start()
    try:
        while True:
            try:
                with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
                    connection.sendall(head.encode())
                    assert connection.recv(1) == b"H"
                    return (time.monotonic() - begun) * 1000
            except ConnectionRefusedError:
                if server.process.poll() is not None:
                    raise RuntimeError(server.log.read_text(errors="replace")) from None
                time.sleep(0.0002)
    finally:
        server.stop()


def idle_connections(port, n, path, headers):
    """n connections, each of which has got one answer."""
    head = f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
    kept = []
    for _ in range(n):
        one = socket.create_connection(("127.0.0.1", port), 5)
        one.sendall(head.encode())
        kept.append(one)
        assert one.recv(4096).startswith(b"HTTP/1.1 307")
    return kept


median = statistics.median
