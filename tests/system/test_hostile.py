"""Hostile bytes over HTTP/1.1: one answer, then close; never two answers to one request, a crash, a
hang, a leak, or a Location outside the configured hosts. The rows stand in tests/hostile."""

import os
import resource
import socket
import struct
import time

import pytest

from lib import http, volley
from lib.archeio import Archeio
from lib.certificates import make_certificate
from lib.hostile import (GOOD, LAST, PREFIX, ROWS, UPSTREAM, CountingStore, Exchange, after, bare,
                         drive, exchange_of, judge, pipelined)
from lib.ports import free_port, wait_until

pytestmark = pytest.mark.alone

# ── The table ──


@pytest.fixture(scope="module")
def store():
    one = CountingStore()
    yield one
    one.stop()


def configuration(store=None, **server):
    config = {"server": server, "upstream": {"endpoint": UPSTREAM, "path": "mirror/images"}}
    if store:
        config["stores"] = [{"name": "only", "url": store.url, "serves": ["default"]}]
    return config


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    """Serves the whole table, in HTTP/1.1 alone, in clear and over TLS: one process must outlive all
    of it."""
    port, tls_port = free_port(), free_port()
    directory = tmp_path_factory.mktemp("hostile")
    certificate = make_certificate(directory, "hostile")
    config = configuration(
        store, header_timeout="20s", write_timeout="20s", client_address="peer", listen=[
            {"address": f"127.0.0.1:{port}", "protocols": ["http/1.1"]},
            {"address": f"127.0.0.1:{tls_port}", "protocols": ["http/1.1"],
             "tls": certificate.pair}])
    config["log"] = {"access": str(directory / "access.log")}
    one = Archeio(directory, config, port=port)
    one.tls_port, one.exchanges = tls_port, 0
    yield one
    if not one.stopped:
        one.stop()


@pytest.fixture(params=["clear", "tls"])
def talk(request, server):
    """talk(exchanges), through either door: as drive() does."""
    if request.param == "tls":
        return lambda exchanges: volley.drive(server.tls_port, exchanges)
    return lambda exchanges: drive(server.port, exchanges)


def check(server, talk, exchanges):
    exchanges = list(exchanges)
    wrong = [f"{exchange.what}: {problem} in {heard!r:.300}"
             for exchange, heard in talk(exchanges)
             if (problem := judge(exchange, heard))]
    assert not wrong, f"{len(wrong)} of {len(exchanges)}:\n" + "\n".join(wrong[:40])
    assert server.program.alive(), server.output()
    server.exchanges += len(exchanges)


def cuts(row):
    """Where a row is cut: everywhere; a long one at its ends, and here and there."""
    n = len(row.data)
    if n <= 400:
        return range(1, n)
    return sorted({*range(1, 40), *range(n - 40, n), *range(40, n - 40, n // 25)})


@pytest.mark.parametrize("around", [bare, after, pipelined])
def test_every_row_whole(server, talk, around):
    """Each row, sent in one piece, gets its one answer, or none where it is no HTTP; a valid request
    in front of it is answered first, and one behind it only if it does not end the connection."""
    check(server, talk, (around(r, [r.data], "whole") for r in ROWS))


@pytest.mark.parametrize("around", [bare, after, pipelined])
def test_every_row_cut_at_every_byte(server, talk, around):
    """Where the bytes of a row are cut changes nothing."""
    check(server, talk, (around(r, [r.data[:at], r.data[at:]], f"cut at {at}")
                         for r in ROWS for at in cuts(r)))


def test_every_row_byte_by_byte(server, talk):
    """Nor do as many cuts as there are bytes."""
    check(server, talk, (bare(r, [r.data[i:i + 1] for i in range(len(r.data))], "byte by byte")
                         for r in ROWS if len(r.data) <= 400))


def test_every_row_before_a_valid_request(server, talk):
    """What follows in the same piece a row that is refused, or announces a body, is not answered;
    what follows any other is."""
    check(server, talk, (Exchange(e.what, (b"".join(e.pieces),), e.rows, e.methods)
                         for e in (exchange_of(r, [r.data], "before") for r in ROWS)))


def test_a_hundred_thousand_exchanges_were_judged(server):
    """The tests above are as many as they are meant to be."""
    assert server.exchanges >= 100_000


def test_no_row_reaches_a_store_but_with_a_well_formed_digest(server, store):
    """Nobody can aim HEAD requests with made-up paths."""
    digest = next(r for r in ROWS if r.name == "path-escaped-digest").data.split(b"%3A")[1][:64]
    assert set(store.asked) <= {f"/containers/images/sha256:{digest.decode()}"}


def test_no_row_broke_a_log_line(server):
    """After all the rows above, the access log is JSON objects, one a line (stopping it shows that
    nothing leaked, too)."""
    server.stop()
    lines = server.access_log()
    assert len(lines) > len(ROWS)
    assert all(set(line) >= {"client", "method", "path", "status"} for line in lines)


# ── Connections ──


@pytest.fixture
def impatient(archeio):
    """One that does not wait long."""
    return archeio(configuration(header_timeout="1s", write_timeout="1s", idle_timeout="3s"))


def statuses(data):
    return [a.status for a in http.parse_answers(data)]


@pytest.mark.parametrize("begin", [b"G", b"GET /v2/ HTTP/1.1\r\n", b"GET /v2/ HTTP/1.1\r\nHost: x",
                                   b"\r\n"])
def test_a_slow_header_is_given_up(impatient, begin):
    """408 and a close come header_timeout after the first byte, though more bytes drip in."""
    with http.connect(impatient.port) as sock:
        sock.sendall(begin)
        started = time.monotonic()
        sock.settimeout(0.1)
        heard = b""
        while not heard:
            assert time.monotonic() < started + 10, "it waits for ever"
            try:
                heard = sock.recv(4096)
                assert heard, "closed without a word"
            except socket.timeout:
                sock.send(b"y")
        took = time.monotonic() - started
        sock.settimeout(10)
        while chunk := sock.recv(4096):
            heard += chunk
    assert statuses(heard) == [408]
    assert took > 0.9


def test_an_idle_connection_is_kept_and_then_closed(impatient):
    """Between requests idle_timeout counts, not header_timeout; at its end there is no answer."""
    with http.connect(impatient.port) as sock:
        for _ in range(2):
            sock.sendall(GOOD)
            assert sock.recv(4096).startswith(b"HTTP/1.1 307")
            time.sleep(1.5)
        assert http.read_all(sock) == b""


def test_a_slow_reader_is_closed(impatient):
    """A client that takes no answers is closed after write_timeout, and holds up nobody."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", impatient.port))
        sock.setblocking(False)
        stalled = ended = None
        deadline = time.monotonic() + 20
        while ended is None and time.monotonic() < deadline:
            try:
                sock.send(GOOD * 500)
            except BlockingIOError:
                stalled = stalled or time.monotonic()
                assert impatient.request("/v2/").status == 200
                time.sleep(0.05)
            except OSError:
                ended = time.monotonic()
        assert stalled and ended, "it was never closed"
        assert ended - stalled < 5


def test_a_half_close_after_the_request_is_answered(impatient):
    """A client that says that it sends no more still gets its answers."""
    assert statuses(impatient.exchange(LAST.replace(b"Connection: close\r\n", b""),
                                       half_close=True)) == [307]
    assert statuses(impatient.exchange(LAST.replace(b"Connection: close\r\n", b"") * 20,
                                       half_close=True)) == [307] * 20


def test_a_half_close_inside_a_request_ends_it(impatient):
    """Nothing is answered that has not come."""
    assert statuses(impatient.exchange(b"GET /v2/ HTTP/1.1\r\nHo", half_close=True)) in ([], [400])


def test_resets_in_the_middle_do_no_harm(impatient):
    """Clients that reset while requests come and answers go leave nothing behind."""
    for i in range(200):
        sock = http.connect(impatient.port)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall((GOOD * 100)[:i * 20 + 1])
        if i % 3 == 0:
            sock.recv(10)
        sock.close()
    assert impatient.request("/v2/").status == 200
    wait_until(lambda: impatient.metric("archeio_connections") <= 1, 5, "connections to end")


def test_a_thousand_pipelined_are_answered_in_order(impatient):
    """Sent in one go, answered one by one, each with its own Location."""
    requests = b"".join(b"GET /v2/a/manifests/v%d HTTP/1.1\r\nHost: x\r\n\r\n" % i
                        for i in range(1000))
    answers = http.parse_answers(impatient.exchange(requests + LAST))
    assert [a.location for a in answers] == [
        *(f"{PREFIX}a/manifests/v{i}" for i in range(1000)), f"{PREFIX}last/manifests/v1"]


def test_a_reader_of_many_answers_costs_bounded_memory(impatient):
    """Requests are not read ahead of answers that the client does not take."""
    def resident():
        with open(f"/proc/{impatient.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()
    impatient.exchange(GOOD * 100 + LAST)
    before = resident()
    socks = [http.connect(impatient.port) for _ in range(20)]
    for sock in socks:
        sock.setblocking(False)
        try:
            while True:
                sock.send(GOOD * 1000)
        except BlockingIOError:
            pass
    time.sleep(0.5)
    grown = resident() - before
    for sock in socks:
        sock.close()
    assert grown < 20 * 256 * 1024, f"{grown} bytes more"


@pytest.mark.parametrize("body", [10, 60000])
def test_an_unread_body_does_not_destroy_the_answer(impatient, body):
    """The close lingers: the bytes that nobody reads do not turn into a reset."""
    head = b"PUT /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % body
    for _ in range(20):
        with http.connect(impatient.port) as sock:
            sock.sendall(head)
            sock.sendall(b"x" * body)
            time.sleep(0.02)
            heard = b""
            while chunk := sock.recv(65536):  # a reset raises
                heard += chunk
        assert statuses(heard) == [405]


def test_a_body_without_end_is_not_read_for_ever(impatient):
    """What is discarded after the last answer is bounded in bytes and in time."""
    with http.connect(impatient.port) as sock:
        sock.sendall(b"PUT /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert statuses(sock.recv(4096)) == [405]
        started = time.monotonic()
        with pytest.raises(OSError):  # it is closed
            while time.monotonic() < started + 20:
                sock.sendall(b"1\r\nx\r\n")
                time.sleep(0.01)


def test_out_of_descriptors_it_sheds_keeps_and_recovers(impatient):
    """New connections are shed, one that is open is served, the process does not spin, and when
    descriptors are there again, so is everybody."""
    with http.connect(impatient.port) as old:
        old.sendall(GOOD)
        assert old.recv(4096)
        used = len(os.listdir(f"/proc/{impatient.pid}/fd"))
        soft, hard = resource.prlimit(impatient.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(impatient.pid, resource.RLIMIT_NOFILE, (min(used + 8, soft), hard))
        flood = [http.connect(impatient.port) for _ in range(60)]
        before = cpu_seconds(impatient.pid)
        time.sleep(1)
        assert cpu_seconds(impatient.pid) - before < 0.5, "it spins"
        old.sendall(GOOD)
        assert old.recv(4096).startswith(b"HTTP/1.1 307"), "the old connection was given up"
        for sock in flood:
            sock.close()
        wait_until(lambda: answers(impatient), 10, "it to recover")
        old.sendall(GOOD)
        assert old.recv(4096).startswith(b"HTTP/1.1 307")
    assert impatient.program.alive()


def test_past_its_connection_limit_it_sheds_keeps_and_recovers(archeio):
    """The same for max_connections, which is taken from the descriptor limit where it is not set."""
    one = archeio(configuration(max_connections=10))
    kept = [http.connect(one.port) for _ in range(10)]
    for sock in kept:
        sock.sendall(GOOD)
        assert sock.recv(4096).startswith(b"HTTP/1.1 307")
    with http.connect(one.port) as shed:
        assert http.read_all(shed) == b""
    assert one.metric("archeio_connections_shed_total") >= 1
    for sock in kept:
        sock.sendall(LAST)
        assert statuses(http.read_all(sock)) == [307]
        sock.close()
    wait_until(lambda: answers(one), 5, "it to recover")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answers(server):
    try:
        return server.request("/v2/", timeout=1).status == 200
    except OSError:
        return False


# ── Who the client is ──


FORWARDED = [
    ([], "127.0.0.1"),
    (["192.0.2.1, 130.211.0.1"], "192.0.2.1"),
    (["203.0.113.1", "192.0.2.1, 130.211.0.1"], "192.0.2.1"),
    (["203.0.113.1, 192.0.2.1", "130.211.0.1"], "192.0.2.1"),
    (["192.0.2.66, junk, 192.0.2.1, 130.211.0.1"], "192.0.2.1"),
    (["::ffff:192.0.2.1, 130.211.0.1"], "192.0.2.1"),
    (["2001:db8::1, 130.211.0.1"], "2001:db8::1"),
    (["junk, 130.211.0.1"], "-"),
    (["fe80::1%eth0, 130.211.0.1"], "-"),
    (["0300.0.02.01, 130.211.0.1"], "-"),
    (["130.211.0.1"], "-"),
    ([""], "-"),
]


def test_of_forwarded_addresses_the_trusted_hop_counts(archeio, tmp_path):
    """All X-Forwarded-For lines are joined, what a client writes itself stays left of what counts,
    and what is no address makes the client unknown, not the request bad."""
    config = configuration()
    config["log"] = {"access": str(tmp_path / "a" / "access.log")}
    one = archeio(config, directory=tmp_path / "a")
    for i, (values, _) in enumerate(FORWARDED):
        answer = one.request(f"/v2/a/manifests/v{i}", headers=[("Connection", "X-Forwarded-For")] +
                             [("X-Forwarded-For", v) for v in values])
        assert answer.status == 307
    one.stop()
    seen = {line["path"]: line["client"] for line in one.access_log()}
    assert seen == {f"/v2/a/manifests/v{i}": client for i, (_, client) in enumerate(FORWARDED)}
