"""Ports on loopback."""

import os
import random
import socket
import time
from pathlib import Path

# Below the range from which the kernel takes the ports of outgoing connections: a port found free
# here stays free until its program listens, whatever connects in the meantime.
LOWEST, HIGHEST = 11000, 32000
_given = set()


def _own():
    """The range of this process: of those that run tests at the same time, each has another, so that
    none finds a port free that the next one has found, too."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = (HIGHEST - LOWEST) // count
    lowest = LOWEST + number % count * size  # one that takes a crashed one's place has a new number
    return lowest, lowest + size - 1


def free_port(host="127.0.0.1"):
    """A port nobody listens on; never the same twice in one run."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(1000):
        port = random.randint(*_own())
        if port in _given:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError(f"no free port on {host} between {LOWEST} and {HIGHEST}")


def listens(port, host="127.0.0.1"):
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def connections(port):
    """How many connections a server on this port has not closed yet. (In the table of the kernel's
    sockets 0A is one that listens, 06 one that both sides have closed.)"""
    rows = [line.split() for table in ("tcp", "tcp6")
            for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] not in ("0A", "06") for row in rows)


def wait_until(condition, timeout=10.0, what="the condition", interval=0.02):
    """The first true value of condition(); fails after timeout seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(interval)
