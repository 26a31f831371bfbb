"""15,000 clients that stall, each in its own way, do not slow down those that do not. With the
release build: ARCHEIO_RELEASE names it, else it is built."""

import contextlib
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib import http
from lib.certificates import make_certificate
from lib.ports import free_port, wait_until
from lib.release import release_binary
from lib.tls import client_context

pytestmark = pytest.mark.alone

STALLED = {  # of each kind
    "slow-header": 6000,
    "slow-reader": 2000,
    "no-window": 2000,
    "idle": 2000,
    "half-tls": 1500,
    "idle-tls": 1500,
}
ROUNDS = 1000
MOST = 0.010  # seconds, for 99 of 100 requests
TARGET = "/v2/pause/manifests/3.10"
LOCATION = "https://upstream.example" + TARGET
REQUEST = f"GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@pytest.fixture
def stallers():
    """stallers(kind, port, count) starts one and waits until it stalls."""
    started = []

    def start(kind, port, count):
        process = subprocess.Popen(
            [sys.executable, Path(__file__).parent / "lib" / "staller.py", kind, str(port),
             str(count), f"127.0.0.{len(started) + 2}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "ready\n", f"{kind}: not {count} connections"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(sock):
    """How long the answer takes, in seconds."""
    begun = time.monotonic()
    sock.sendall(REQUEST)
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        chunk = sock.recv(65536)
        assert chunk, f"closed after {data!r}"
        data += chunk
    seconds = time.monotonic() - begun
    answer, = http.parse_answers(data)
    assert (answer.status, answer.location) == (307, LOCATION)
    return seconds


def ask_all_ways(*servers):
    """On connections that are kept and on new ones, in clear and over TLS: the seconds of each, for
    each server. They are asked in turn, so that whatever else the machine does hits all alike."""
    context = client_context()

    def new(ports, secure):
        sock = http.connect(ports[secure])
        return context.wrap_socket(sock) if secure else sock

    def fresh(ports):
        begun = time.monotonic()
        with new(ports, False) as sock:
            ask(sock)
        return time.monotonic() - begun

    seconds = [[] for _ in servers]
    with contextlib.ExitStack() as stack:
        kept = [[stack.enter_context(new(ports, secure)) for secure in (False, True)]
                for ports in servers]
        for _ in range(ROUNDS):
            for some, socks, ports in zip(seconds, kept, servers):
                some += [*map(ask, socks), fresh(ports)]
            time.sleep(0.002)
    return [sorted(some) for some in seconds]


def percentile(seconds, part):
    return seconds[len(seconds) * part // 100]


@pytest.mark.slow
def test_honest_clients_notice_nothing(archeio, stallers, tmp_path, monkeypatch):
    """With 15,000 connections that stall (slow heads, unread answers, HTTP/2 without windows,
    handshakes that stop, connections that say nothing), every honest request is answered, and 99 of
    100 within 10 ms, or within twice what they take meanwhile at a server that nobody else asks,
    where the machine is not ours alone."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 20000:
        pytest.skip(f"needs 20,000 descriptors for a process; the limit here is {most}")
    monkeypatch.setenv("ARCHEIO_BINARY", release_binary())
    pair = make_certificate(tmp_path, "stalled").pair

    def start():
        ports = free_port(), free_port()
        server = archeio({
            "server": {"listen": [{"address": f"127.0.0.1:{ports[0]}"},
                                  {"address": f"127.0.0.1:{ports[1]}", "tls": pair}],
                       "user": "root", "client_address": "peer",
                       # With the defaults they would be gone before all are there.
                       "header_timeout": "10m", "write_timeout": "10m"},
            "upstream": {"endpoint": "https://upstream.example"}}, port=ports[0])
        return server, ports

    (server, ports), (_, calm_ports) = start(), start()
    running = {}
    for kind, count in STALLED.items():
        running[kind] = stallers(kind, ports["tls" in kind], count)
    total = sum(STALLED.values())
    wait_until(lambda: server.metric("archeio_connections") >= total, 20, "all connections")
    seconds, calm = ask_all_ways(ports, calm_ports)
    p50, p99, calm_p99 = percentile(seconds, 50), percentile(seconds, 99), percentile(calm, 99)
    open_now = {}
    for kind, process in running.items():
        out, _ = process.communicate()
        open_now[kind] = int(out)
    print(f"\n{len(seconds)} requests beside {total} stalled connections: p50 {p50 * 1000:.2f} ms, "
          f"p99 {p99 * 1000:.2f} ms ({calm_p99 * 1000:.2f} without them), slowest "
          f"{seconds[-1] * 1000:.1f} ms; open at the end: {open_now}")
    assert open_now == STALLED, "not all of them stalled to the end"
    assert p99 < max(MOST, 2 * calm_p99)
