"""Hostile HTTP/2: what is malformed ends its stream or the connection, what is a waste ends the
connection when there is too much of it, and honest clients on other connections notice nothing."""

import multiprocessing
import os
import re
import statistics
import sys
import time
from pathlib import Path

import pytest
from hpack import Decoder
from hyperframe.frame import HeadersFrame

from lib import http, http2
from lib.archeio import Archeio

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hostile"))
import floods  # pylint: disable=wrong-import-position
import frames  # pylint: disable=wrong-import-position

UPSTREAM = "https://upstream.example:8443"


def configuration(**server):
    return {"server": server, "upstream": {"endpoint": UPSTREAM, "path": "mirror/images"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that must outlive all of the table."""
    one = Archeio(tmp_path_factory.mktemp("http2"), configuration(header_timeout="1s",
                                                                  write_timeout="1s"))
    yield one
    one.stop()


# ── The table ──


def statuses(talk):
    """{stream: status}"""
    decoder = Decoder()
    return {f.stream_id: dict(decoder.decode(f.data))[":status"]
            for f in talk.frames if isinstance(f, HeadersFrame)}


def judge(row, talk):
    """None, or what is wrong."""
    answers, resets = statuses(talk), talk.resets()
    if row.kind == "C":
        if not talk.closed or talk.goaway() not in row.codes:
            return f"closed: {talk.closed}, GOAWAY: {talk.goaway()}"
        return None
    if talk.closed or talk.goaway() is not None:
        return f"closed: {talk.closed}, GOAWAY: {talk.goaway()}"
    if row.kind == "S":
        return None if resets.get(row.stream) in row.codes else f"resets: {resets}"
    if resets:
        return f"resets: {resets}"
    if row.kind != "ok" and answers.get(row.stream) != row.kind:
        return f"answers: {answers}"
    return None


@pytest.mark.parametrize("row", frames.rows(), ids=lambda row: row.name)
def test_every_row_ends_what_it_must_and_nothing_else(server, row):
    """A row that breaks the connection gets GOAWAY with the right code, and the end; one that breaks
    a stream gets RST_STREAM, and the next request on the connection its answer."""
    with http2.connect(server.port) as talk:
        talk.send(http2.HELLO, http2.SETTINGS_ACK, row.data)
        talk.hear_all_before() if row.kind != "C" else talk.hear()
        assert judge(row, talk) is None, f"{judge(row, talk)} in {talk.frames}"
        if row.kind != "C" and row.stream < 0x7fffffff:
            talk.send(http2.headers(101))
            talk.hear_all_before(b"the next")
            assert statuses(talk)[101] == "307"
    assert server.program.alive(), server.output()


# ── Floods ──


AT_LEAST = 100_000
BURST = 300  # on a connection: more than the server takes of what is wasted
WINDOW = 300  # requests of the honest client
LEAST, MOST = 7, 70  # pairs of windows


class Attacker:
    """A process of its own that floods while it is told to. The lowest priority: it is the server
    that it shall keep busy, not the honest client's core."""

    def __init__(self, port, flood):
        self.on = multiprocessing.Event()
        self.sent = multiprocessing.Value("q", 0)
        self.process = multiprocessing.Process(target=self._run, args=(port, flood), daemon=True)
        self.process.start()

    def _run(self, port, flood):
        os.nice(19)
        data = http2.HELLO + flood(BURST)
        while True:
            self.on.wait()
            with http2.connect(port) as talk:
                talk.send(data)
                talk.hear()
            with self.sent.get_lock():
                self.sent.value += BURST

    def stop(self):
        self.process.kill()
        self.process.join()


def p99(client):
    """Of a window of requests, in seconds."""
    took = []
    for _ in range(WINDOW):
        began = time.perf_counter()
        assert client.get()[":status"] == "307"
        took.append(time.perf_counter() - began)
    return sorted(took)[-WINDOW // 100 - 1]


def memory(server):
    """Bytes that are the process's own."""
    text = Path(f"/proc/{server.pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Private_Dirty:\s+(\d+) kB", text, re.M)[1]) * 1024


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    """One worker, which the honest client shares with the attacker."""
    one = Archeio(tmp_path_factory.mktemp("flooded"), configuration(workers=1), env={
        "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=0:thread_local_quarantine_size_kb=0"})
    yield one
    one.stop()


class Measured:
    """Windows without and with the attack in turn, so that what else the machine does weighs on
    both alike. One pair says little on a busy machine; their median settles down."""

    def __init__(self):
        self.quiet, self.attacked, self.most = [], [], 0

    def one_pair(self, server, client, attacker):
        self.quiet.append(p99(client))
        attacker.on.set()
        self.attacked.append(p99(client))
        self.most = max(self.most, memory(server))
        attacker.on.clear()

    @property
    def ratio(self):
        return statistics.median(a / q for a, q in zip(self.attacked, self.quiet))

    def settled(self):
        return len(self.quiet) >= LEAST and self.ratio <= 2 or len(self.quiet) >= MOST


@pytest.mark.parametrize("name", floods.FLOODS)
def test_a_flood_ends_its_connection_and_honest_clients_notice_nothing(flooded, name):
    """10^5 frames, as fast as they go, on connections that the server ends one after the other:
    an honest client's p99 stays within twice what it is without, the memory within 1 MiB."""
    client = http2.Client(http.connect(flooded.port))
    p99(client)
    attacker = Attacker(flooded.port, floods.FLOODS[name])
    found, before = Measured(), memory(flooded)
    try:
        while not found.settled() or attacker.sent.value < AT_LEAST:
            assert attacker.process.is_alive(), "the server did not end a connection"
            found.one_pair(flooded, client, attacker)
    finally:
        attacker.stop()
        client.close()
    grown = found.most - before
    print(f"{name}: {attacker.sent.value} sent, {len(found.quiet)} pairs, p99 "
          f"{statistics.median(found.quiet) * 1e6:.0f} us, under attack "
          f"{statistics.median(found.attacked) * 1e6:.0f} us, {found.ratio:.2f}x, "
          f"{grown // 1024} KiB more")
    assert found.ratio <= 2
    assert grown <= 1 << 20
    assert flooded.program.alive(), flooded.output()
