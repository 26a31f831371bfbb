"""Hostile HTTP/2: what is malformed ends its stream or the connection, what is a waste ends the
connection when there is too much of it, and honest clients on other connections notice nothing."""

import multiprocessing
import os
import re
import socket
import statistics
import sys
import time
from pathlib import Path

import pytest
from hpack import Decoder, Encoder
from hyperframe.frame import HeadersFrame

from lib import http2
from lib.archeio import Archeio
from lib.http2_client import Client
from lib.ports import free_port, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hostile"))
import floods  # pylint: disable=wrong-import-position
import frames  # pylint: disable=wrong-import-position

pytestmark = pytest.mark.alone

UPSTREAM = "https://upstream.example:8443"


def configuration(**server):
    return {"server": server, "upstream": {"endpoint": UPSTREAM, "path": "mirror/images"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that must outlive all of the table."""
    one = Archeio(tmp_path_factory.mktemp("http2"),
                  configuration(header_timeout="1s", write_timeout="1s") |
                  {"log": {"access": "access.log"}})
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
        assert client.request("/v2/good/manifests/v1").status == 307
        took.append(time.perf_counter() - began)
    return sorted(took)[-WINDOW // 100 - 1]


# A sanitizer keeps memory that was freed.
PLAIN_MEMORY = {
    "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=0:thread_local_quarantine_size_kb=0"}


def memory(server):
    """Bytes that are the process's own."""
    text = Path(f"/proc/{server.pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Private_Dirty:\s+(\d+) kB", text, re.M)[1]) * 1024


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    """One worker, which the honest client shares with the attacker."""
    one = Archeio(tmp_path_factory.mktemp("flooded"), configuration(workers=1), env=PLAIN_MEMORY)
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
    client = Client(flooded.port)
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


# ── Streams and time ──


@pytest.fixture
def impatient(archeio):
    return archeio(configuration(header_timeout="1s", write_timeout="1s", idle_timeout="3s"))


def is_given_up(talk, began, most=8):
    """GOAWAY and the end come, after header_timeout or write_timeout."""
    talk.hear()
    took = time.monotonic() - began
    return talk.closed and talk.goaway() is not None and 0.9 < took < most


@pytest.mark.parametrize("begin", [b"PRI * HT", http2.PREFACE, http2.PREFACE + b"\0\0\0\4"],
                         ids=["half-a-preface", "no-settings", "half-of-settings"])
def test_a_slow_beginning_is_given_up(impatient, begin):
    """The preface and SETTINGS have header_timeout. Before the whole preface it is no HTTP/2 yet, so
    that there is no GOAWAY."""
    with http2.connect(impatient.port) as talk:
        began = time.monotonic()
        talk.send(begin)
        if begin == http2.PREFACE[:8]:
            talk.hear()
            assert time.monotonic() - began < 8
        else:
            assert is_given_up(talk, began)


def test_a_wrong_preface_is_closed(archeio):
    """On a listener of HTTP/2 alone, at its first wrong byte."""
    port = free_port()
    archeio(configuration(listen=[{"address": f"127.0.0.1:{port}", "protocols": ["h2"]}]), port=port)
    for wrong in (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"P\0"):
        with http2.connect(port) as talk:
            talk.send(wrong)
            assert talk.hear() == [] and talk.closed


def test_fields_that_never_end_are_given_up(impatient):
    """HEADERS without END_HEADERS, while other frames are forbidden: header_timeout."""
    with http2.connect(impatient.port) as talk:
        began = time.monotonic()
        talk.send(http2.HELLO, http2.SETTINGS_ACK, http2.headers(1, flags=["END_STREAM"]))
        assert is_given_up(talk, began)


def test_a_stalled_window_is_reaped(impatient):
    """A client that asks for bodies and opens no window for them is closed after write_timeout,
    though it goes on sending PING."""
    with http2.connect(impatient.port) as talk:
        talk.send(http2.HELLO, frames.setting(4, 0), http2.SETTINGS_ACK)
        talk.send(*(http2.headers(s, http2.fields("/v2/_catalog")) for s in range(1, 41, 2)))
        began = time.monotonic()
        talk.hear_all_before()
        assert set(statuses(talk).values()) == {"404"}
        while talk.send(frames.raw(frames.PING, 0, 0, b"\0" * 8)):
            assert time.monotonic() < began + 8, "it is kept for ever"
            time.sleep(0.2)
        assert is_given_up(talk, began)


def test_more_streams_than_allowed_are_refused(impatient):
    """Before the client has acknowledged the limit each is refused by itself; afterwards it knows
    better, and the connection ends."""
    many = [floods.opened(s) for s in range(1, 241, 2)]
    with http2.connect(impatient.port) as talk:
        talk.send(http2.HELLO, *many)
        talk.hear_all_before()
        assert set(talk.resets()) == set(range(201, 241, 2))
        assert set(talk.resets().values()) == {frames.REFUSED}
    with http2.connect(impatient.port) as talk:
        talk.send(http2.HELLO, http2.SETTINGS_ACK, *many)
        talk.hear()
        assert talk.goaway() == frames.PROTOCOL


def is_within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_a_client_that_takes_no_answers_costs_bounded_memory_and_is_closed(archeio):
    """Requests are not read ahead of answers that are not taken, and write_timeout ends it."""
    one = archeio(configuration(write_timeout="2s"), env=PLAIN_MEMORY)
    fields, first, before = http2.fields("/v2/good/manifests/" + "v" * 1000), 1, None
    with http2.connect(one.port) as talk:
        talk.send(http2.HELLO, http2.SETTINGS_ACK)

        def send(count=50):  # no more than may be open at once
            nonlocal first
            data = b"".join(http2.headers(first + 2 * i, fields) for i in range(count))
            first += 2 * count
            return talk.sock.send(data)

        def is_answered():
            return one.metric("archeio_requests_total") == first // 2

        send()
        while is_within(0.5, is_answered):
            before = before or memory(one)
            send()
        stopped, began, most = one.metric("archeio_requests_total"), time.monotonic(), 0
        talk.sock.setblocking(False)
        while time.monotonic() < began + 20:  # what it sends now stays in the kernel
            try:
                send()
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:
                break
            most = max(most, memory(one))
        else:
            pytest.fail("it is never closed")
    assert 0 < most <= before + (1 << 20)
    assert one.metric("archeio_requests_total") <= stopped + 50 < first // 2


def test_long_answers_to_short_requests_do_not_wait_in_the_kernel(archeio):
    """HPACK makes a long path of a byte, so that little asks for much: a client that takes none of it
    is closed after write_timeout, and does not keep half a megabyte of the kernel's instead."""
    server = archeio(configuration(write_timeout="1s", idle_timeout="60s"))
    encoder = Encoder()
    fields = http2.fields("/v2/" + "a/" * 1900 + "manifests/v1")
    asked = [http2.headers(stream, data=encoder.encode(fields)) for stream in range(1, 201, 2)]
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(http2.HELLO + http2.SETTINGS_ACK + b"".join(asked))
        wait_until(lambda: server.metric("archeio_requests_total") == 100, what="the answers")
        wait_until(lambda: server.metric("archeio_connections") == 0, 10, "its end")
