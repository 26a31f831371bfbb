"""What the nginx door knows of its stores, and how it finds out: against a real nginx as a bucket,
and against stand-ins for what that cannot be made to do."""

import hashlib
import os
import random
import re
import signal
import socket
import struct
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import http2_client
from lib.certificates import make_certificate
from lib.http import connect
from lib.nginx import Bucket, Nginx
from lib.nginx_door import NginxDoor, sanitized
from lib.ports import free_port, wait_until
from lib.store import status

UPSTREAM = "https://upstream.example"


def digest_of(number):
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def ask(tmp_path):
    """ask(store URL, ...) starts a door with that store, and returns a function that asks it for a
    number's digest and returns where the client was sent: "store" or "upstream"."""
    started = []

    def start(*urls, **options):
        names = [f"store-{i}" for i in range(len(urls))]
        door = NginxDoor(tmp_path / "door", {
            "upstream": {"endpoint": UPSTREAM, "path": "p"},
            "stores": [{"name": name, "url": url, "serves": ["default"]}
                       for name, url in zip(names, urls)]}, **options)
        started.append(door)

        def where(number, **how):
            digest = digest_of(number)
            answer = door.request(f"/v2/app/blobs/{digest}", **how)
            assert (answer.status, answer.body) == (307, b"")
            if answer.location == f"{UPSTREAM}/v2/p/app/blobs/{digest}":
                return "upstream"
            assert answer.location in [f"{url}/containers/images/{digest}" for url in urls]
            return "store"

        where.door = door
        return where

    yield start
    for door in started:
        door.stop()


def put(bucket, tmp_path, *numbers):
    file = tmp_path / "object"
    file.write_bytes(b"x" * 100000)
    for number in numbers:
        bucket.put(digest_of(number), file)


class Gate:
    """A stand-in's answer that waits until it is opened, and then is 200."""

    def __init__(self):
        self.opened = threading.Event()

    def __call__(self, path, count):
        return status(200) if self.opened.wait(20) else None


# ── What HEADs say ──


def test_each_answer_of_a_real_bucket(ask, bucket, tmp_path):
    """200 is present, 404 and 403 are absent, 500 is an error. Each is asked for once, by a HEAD that
    has nothing of the client's."""
    one = bucket()
    put(one, tmp_path, 1)
    where = ask(one.url)
    for _ in range(3):
        assert where(1, headers={"User-Agent": "client", "Range": "bytes=0-0"}) == "store"
        assert where(2) == "upstream"
    one.behave("return 403;")
    for _ in range(3):
        assert where(3) == "upstream"
    one.behave(Bucket.FAILING)
    for _ in range(3):
        assert where(4) == "upstream"
    wait_until(lambda: len(one.accesses()) >= 4, what="the bucket's log")
    assert [(a.method, a.status, a.agent) for a in one.accesses()] == \
        [("HEAD", code, "") for code in (200, 404, 403, 500)]
    assert one.heads() == [digest_of(n) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 O", status(301, Location="/x"),
                                    status(204), status(206), status(400), status(503)],
                         ids=["garbage", "half", "301", "204", "206", "400", "503"])
def test_what_is_no_clear_answer_is_an_error(ask, stand_in, answer):
    """The client goes to the upstream, and the key is not asked for again at once."""
    one = stand_in(lambda path, count: answer)
    where = ask(one.url, changes={"proxy_read_timeout 1s": "proxy_read_timeout 200ms"})
    for _ in range(3):
        assert where(1) == "upstream"
    assert len(one.requests) == 1


def test_a_reset_is_an_error(ask, bucket):
    one = bucket()
    one.behave(Bucket.RESETTING)
    where = ask(one.url)
    for _ in range(3):
        assert where(1) == "upstream"
    assert len(one.accesses()) == 1


def test_entries_expire(ask, bucket, tmp_path):
    """What is absent is asked for again after absent_ttl, what is present after present_ttl."""
    one = bucket()
    put(one, tmp_path, 1)
    where = ask(one.url, changes={"present_ttl=6h": "present_ttl=2s", "absent_ttl=60s": "absent_ttl=1s"})
    assert (where(1), where(2)) == ("store", "upstream")
    put(one, tmp_path, 2)
    one.remove(digest_of(1))
    wait_until(lambda: where(2) == "store", 5, "the new object")
    wait_until(lambda: where(1) == "upstream", 5, "the deletion")
    assert Counter(one.heads())[digest_of(2)] <= 3


@pytest.mark.parametrize("trusted", [True, False])
def test_a_store_over_tls_is_believed_if_its_certificate_is(ask, tmp_path, trusted):
    """The sample verifies certificates: a store that cannot show a good one is asked nothing."""
    certificate = make_certificate(tmp_path, "store", ["IP:127.0.0.1", "store.test"])
    port = free_port()
    store = Nginx(tmp_path / "tls", [port],
                  f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate.file};\n"
                  f"ssl_certificate_key {certificate.key}; location / {{ return 200; }} }}")
    # A name that nginx itself knows where to find, so that it needs no resolver.
    http = f"upstream store.test {{ server 127.0.0.1:{port}; }}"
    changes = {r"/etc/ssl/certs/ca-certificates\.crt": str(certificate.file)} if trusted else {}
    where = ask("https://store.test", http=http, changes=changes)
    assert where(1) == ("store" if trusted else "upstream")
    assert trusted or "certificate verify error" in where.door.errors()
    store.stop()


def test_connections_to_a_store_are_kept_where_nginx_is_told_to(ask, stand_in):
    """An upstream block by the store's name, with keepalive, saves each question a handshake."""
    one = stand_in(lambda path, count: status(404))
    http = f"upstream store.test {{ server 127.0.0.1:{one.port}; keepalive 4; }}"
    where = ask("http://store.test", http=http)
    for number in range(20):
        assert where(number) == "upstream"
    assert (len(one.requests), one.connections) == (20, 1)


# ── Waiting ──


def at_once(function, numbers):
    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(function, numbers))


def test_many_clients_who_want_one_blob_cost_one_head(ask, stand_in):
    gate = Gate()
    one = stand_in(gate)
    where = ask(one.url)
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(where, 1) for _ in range(20)]
        wait_until(lambda: one.requests, what="the HEAD")
        time.sleep(0.2)  # the others' time to ask, if they were to
        gate.opened.set()
        assert [a.result() for a in answers] == ["store"] * 20
    assert len(one.requests) == 1


def timed(function, *args):
    begin = time.monotonic()
    result = function(*args)
    return result, time.monotonic() - begin


@pytest.mark.alone
def test_a_client_waits_no_longer_than_its_budget_and_the_answer_counts(ask, stand_in):
    """After `wait`, it goes to the upstream; the HEAD goes on, and who comes next goes to the store.
    The connection that it goes on behind is closed, so that no request waits there."""
    gate = Gate()
    one = stand_in(gate)
    where = ask(one.url, changes={"wait=2s": "wait=300ms", "proxy_read_timeout 1s": "proxy_read_timeout 9s"})
    result, seconds = timed(where, 1)
    assert result == "upstream" and 0.25 < seconds < 1.5
    answer = where.door.request(f"/v2/app/blobs/{digest_of(2)}")
    assert answer.headers["connection"] == "close"
    gate.opened.set()
    wait_until(lambda: where(1) == "store" and where(2) == "store", what="the answers")
    assert len(one.requests) == 2
    assert where.door.request(f"/v2/app/blobs/{digest_of(1)}").headers["connection"] == "keep-alive"


@pytest.mark.alone
def test_the_budget_is_for_all_stores_together(ask, stand_in):
    gates = [Gate(), Gate(), Gate()]
    stores = [stand_in(gate) for gate in gates]
    where = ask(*(one.url for one in stores), changes={"wait=2s": "wait=500ms"})
    result, seconds = timed(where, 1)
    assert result == "upstream" and seconds < 1
    assert [len(one.requests) for one in stores] == [1, 0, 0]
    for gate in gates:
        gate.opened.set()


def test_times_without_a_unit_are_seconds(ask, stand_in):
    """As all of nginx's are."""
    gate = Gate()
    where = ask(stand_in(gate).url, changes={"wait=2s": "wait=1",
                                             "proxy_read_timeout 1s": "proxy_read_timeout 9s"})
    result, seconds = timed(where, 1)
    assert result == "upstream" and 0.9 < seconds < 5
    gate.opened.set()


def test_without_a_budget_nobody_waits(ask, stand_in):
    gate = Gate()
    one = stand_in(gate)
    where = ask(one.url, changes={"wait=2s": "wait=0s"})
    assert where(1) == "upstream"
    gate.opened.set()
    wait_until(lambda: where(1) == "store", what="the answer")
    assert len(one.requests) == 1


@pytest.mark.alone
def test_too_many_questions_at_once_are_not_asked(ask, stand_in):
    """Of a hundred different blobs, 64 are asked for; who wants another goes to the upstream, at
    once."""
    gate = Gate()
    one = stand_in(gate)
    where = ask(one.url, changes={"proxy_read_timeout 1s": "proxy_read_timeout 9s"})
    with ThreadPoolExecutor(100) as pool:
        answers = [pool.submit(where, number) for number in range(100)]
        wait_until(lambda: sum(a.done() for a in answers) == 36 and len(one.requests) == 64,
                   1.8, "who does not wait")
        gate.opened.set()
        assert Counter(a.result() for a in answers) == {"store": 64, "upstream": 36}


def test_a_client_that_goes_away_takes_its_question_from_nobody(ask, stand_in):
    """Whoever else waits for it gets the answer, and so does the cache."""
    gate = Gate()
    one = stand_in(gate)
    where = ask(one.url)
    first = connect(where.door.port)
    first.sendall(f"GET /v2/app/blobs/{digest_of(1)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    wait_until(lambda: one.requests, what="the HEAD")
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(where, 1)
        time.sleep(0.1)  # so that it waits, too
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()
        time.sleep(0.1)
        gate.opened.set()
        assert second.result() == "store"
    assert len(one.requests) == 1


def test_a_stream_that_is_reset_takes_its_question_from_nobody(ask, stand_in):
    """Over HTTP/2, nginx ends a request whose stream was reset, and its HEAD with it, if it likes:
    who waits with it gets an answer all the same."""
    gate, port = Gate(), free_port()
    one = stand_in(gate)
    where = ask(one.url, server=f"\n    listen 127.0.0.1:{port} http2;")
    with http2_client.Client(port) as client:
        stream = client.begin(f"/v2/app/blobs/{digest_of(1)}")
        wait_until(lambda: one.requests, what="the HEAD")
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(where, 1)
            time.sleep(0.1)  # so that it waits, too
            client.reset(stream)
            time.sleep(0.1)
            gate.opened.set()
            assert second.result() == "store"
    with http2_client.Client(port) as client:
        client.begin(f"/v2/app/blobs/{digest_of(2)}")
        wait_until(lambda: any(digest_of(2) in path for path in one.requests), what="the HEAD")
    assert where(2) == "store"


def test_a_store_that_fails_a_client_who_has_gone_is_not_said_to_be_misconfigured(ask, stand_in):
    """nginx then says that the client closed the request (499), and not that the store hung."""
    one, port = stand_in(lambda path, count: None), free_port()
    where = ask(one.url, server=f"\n    listen 127.0.0.1:{port} http2;",
                changes={"proxy_read_timeout 1s": "proxy_read_timeout 300ms"})
    with http2_client.Client(port) as client:
        stream = client.begin(f"/v2/app/blobs/{digest_of(1)}")
        wait_until(lambda: one.requests, what="the HEAD")
        client.reset(stream)
        wait_until(lambda: "upstream timed out" in where.door.errors(), what="the end of the HEAD")
    assert where(2) == "upstream"
    assert "does that location have a proxy_pass?" not in where.door.errors()


def come_and_go(port, h2_port, seconds, seed):
    """Asks, and mostly does not wait for the answer: resets, closes, ends streams."""
    chance, end = random.Random(seed), time.monotonic() + seconds
    while time.monotonic() < end:
        path = f"/v2/app/blobs/{digest_of(chance.randrange(200))}"
        if chance.random() < 0.3:
            with http2_client.Client(h2_port) as client:
                streams = [client.begin(path) for _ in range(chance.randrange(1, 10))]
                time.sleep(chance.random() * 0.05)
                for stream in streams[:chance.randrange(len(streams))]:
                    client.reset(stream)
            continue
        with connect(port) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * chance.randrange(1, 4))
            time.sleep(chance.random() * 0.05)
            if chance.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.slow
def test_clients_that_come_and_go_leave_nothing_behind(ask, stand_in):
    """While stores answer late, wrongly or not at all, clients wait, reset and leave, and nginx
    reloads. After that there is room for as many questions as ever, and everyone gets an answer."""
    chance, calm, gate = random.Random(1), threading.Event(), Gate()

    def answer(path, count):
        if calm.is_set():
            return gate(path, count)
        time.sleep(chance.random() * 0.1)
        return chance.choice([status(200), status(404), status(404), status(500), b"x", None])

    one, port = stand_in(answer), free_port()
    where = ask(one.url, server=f"\n    listen 127.0.0.1:{port} http2;",
                changes={"absent_ttl=60s": "absent_ttl=1s", "error_ttl=5s": "error_ttl=1s",
                         "present_ttl=6h": "present_ttl=1s", "wait=2s": "wait=60ms"})
    threads = [threading.Thread(target=come_and_go, args=(where.door.port, port, 6, seed))
               for seed in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(one.requests) > 100, 20, "questions")
    where.door.hang_up()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(where.door.workers()) == 1, what="the old worker's end")
    gate.opened.set()
    calm.set()
    wait_until(lambda: one.pending == 0, what="the end of what hung")
    wait_until(lambda: where(1) == "store" and not is_down(where.door), 10, "the store to be up",
               interval=0.1)
    gate.opened.clear()
    before = len(one.requests)
    assert at_once(where, range(1000, 1064)) == ["upstream"] * 64
    wait_until(lambda: len(one.requests) >= before + 64, what="64 questions")
    gate.opened.set()


def is_down(door):
    said = re.findall(r"archeio: store \S+ is (down|up)", door.errors())
    return said[-1:] == ["down"]


# ── Stores that are down ──


def test_a_stopped_bucket_is_down_and_comes_back(ask, bucket, tmp_path):
    """Three errors in a row and the store is down, which is logged; then what was known of it is
    ignored, and one trial a second finds out that it is back."""
    one = bucket()
    put(one, tmp_path, 1)
    where = ask(one.url)
    assert where(1) == "store"
    one.stop()
    for number in (2, 3, 4):
        assert where(number) == "upstream"
    assert where(1) == "upstream"
    assert "is down (3 errors in a row)" in where.door.errors()
    one.start()
    wait_until(lambda: where(1) == "store", 5, "store up", interval=0.1)
    assert "is up again" in where.door.errors()


@pytest.mark.parametrize("failure", [status(500), b"what?\r\n\r\n"], ids=["500", "garbage"])
def test_a_store_that_answers_nothing_of_use_is_down_and_comes_back(ask, stand_in, failure):
    """Blobs have no names that clients make up: whatever the store says of them, it says of itself."""
    broken = threading.Event()
    one = stand_in(lambda path, count: failure if broken.is_set() else status(200))
    where = ask(one.url)
    assert where(1) == "store"
    broken.set()
    for number in (2, 3, 4):
        assert where(number) == "upstream"
    assert where(1) == "upstream"
    assert "is down (3 errors in a row)" in where.door.errors()
    broken.clear()
    wait_until(lambda: where(1) == "store", 5, "store up", interval=0.1)
    assert "is up again" in where.door.errors()


@pytest.mark.alone
def test_trials_are_no_more_than_one_a_second(ask, stand_in):
    one = stand_in(lambda path, count: status(500))
    where = ask(one.url, workers=4)
    for number in range(3):
        assert where(number) == "upstream"
    begin, errors = time.monotonic(), len(one.requests)
    while time.monotonic() < begin + 3:
        at_once(where, range(10, 30))
    trials = len(one.requests) - errors
    assert 1 <= trials <= 5


@pytest.mark.alone
def test_a_store_that_hangs_costs_clients_their_budget_and_then_nothing(ask, stand_in):
    one = stand_in(lambda path, count: None)
    where = ask(one.url)
    results = at_once(lambda n: timed(where, n), range(5))
    assert all(where == "upstream" and seconds < 2.5 for where, seconds in results)
    begin = time.monotonic()
    for number in range(10, 40):
        assert where(number) == "upstream"
    assert time.monotonic() - begin < 1.5


@pytest.mark.slow
def test_a_store_that_dies_with_a_full_cache_is_noticed_within_ten_seconds(ask, bucket, tmp_path):
    """While clients are sent there, one HEAD every 5 s watches it. Nobody waits for that."""
    one = bucket()
    put(one, tmp_path, 1)
    where = ask(one.url, workers=2)
    assert where(1) == "store"
    one.freeze()
    begin = time.monotonic()
    while True:
        result, seconds = timed(where, 1)
        assert seconds < 1
        if result == "upstream":
            break
        assert time.monotonic() < begin + 10, "not noticed"
        time.sleep(0.05)
    one.thaw()
    wait_until(lambda: where(1) == "store", 5, "store up", interval=0.1)


@pytest.mark.slow
def test_a_deleted_object_is_noticed(ask, bucket, tmp_path):
    """An object that is deleted from a live bucket while clients are sent for it is noticed long
    before its entry expires; so is everything else that has gone with it."""
    one = bucket()
    put(one, tmp_path, 1, 2)
    where = ask(one.url)
    assert (where(1), where(2)) == ("store", "store")
    one.remove(digest_of(1))
    one.remove(digest_of(2))
    wait_until(lambda: where(1) == "upstream", 10, "the deletion", interval=0.1)
    assert where(2) == "upstream"
    assert "is no longer there" in where.door.errors()


def test_a_location_that_asks_nobody_is_found_out(ask):
    """Where archeio_existence leads to no store, clients go to the upstream, and the log says why."""
    where = ask("http://127.0.0.1:9", changes={r"proxy_pass \$archeio_question;": "return 200;"})
    assert where(1) == "upstream"
    assert "does that location have a proxy_pass?" in where.door.errors()


def test_a_location_that_leads_back_to_archeio_is_found_out(ask):
    where = ask("http://127.0.0.1:9", changes={r"location = /archeio-existence": "location = /other"})
    assert where(1) == "upstream"
    assert "is archeio_existence \"/archeio-existence\" a location of its own?" in \
        where.door.errors()


def test_a_store_without_a_resolver_is_no_store(ask):
    """A name that cannot be resolved is an error of the store; no pull fails."""
    where = ask("http://nowhere.invalid")
    for number in range(4):
        assert where(number) == "upstream"
    assert "is down" in where.door.errors()


# ── Workers ──


@pytest.fixture
def crowd(ask, bucket, tmp_path):
    """A door with four workers, and a port on which each of them accepts."""
    one = bucket()
    put(one, tmp_path, *range(10))
    port, pids = free_port(), tmp_path / "pids"
    where = ask(one.url, workers=4, http="log_format pid $pid;",
                server=f"\n    listen 127.0.0.1:{port} reuseport; access_log {pids} pid;")
    where.door.port = port
    where.workers = lambda: Counter(int(line) for line in pids.read_text().split())
    return where, one


def test_workers_share_what_one_of_them_has_asked(crowd):
    """Ten blobs cost ten HEADs, whichever worker the clients come to."""
    where, one = crowd
    for number in range(10):
        assert where(number) == "store"
    for number in list(range(10)) * 10:
        assert where(number) == "store"
    wait_until(lambda: sum(where.workers().values()) >= 110, what="every line")
    assert len(where.workers()) == 4
    assert Counter(one.heads()) == {digest_of(number): 1 for number in range(10)}


def test_what_is_known_outlives_a_reload_and_the_death_of_a_worker(crowd):
    where, one = crowd
    for number in range(10):
        assert where(number) == "store"
    where.door.reload()
    for pid in where.door.workers():
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda dead=pid: dead not in where.door.workers() and
                   len(where.door.workers()) == 4, what="a new worker")
    for number in range(10):
        assert where(number) == "store"
    assert len(one.heads()) == 10
    where.door.forgive("exited on signal 9")


def test_a_worker_that_dies_with_questions_in_flight_leaves_them_to_others(ask, stand_in):
    """Its clients lose their connections, no more: the next worker asks anew."""
    gate = Gate()
    one = stand_in(gate)
    where = ask(one.url, changes={"proxy_read_timeout 1s": "proxy_read_timeout 9s"})
    clients = [connect(where.door.port) for _ in range(10)]
    for number, client in enumerate(clients):
        client.sendall(f"GET /v2/app/blobs/{digest_of(number)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    wait_until(lambda: len(one.requests) == 10, what="the HEADs")
    (pid,) = where.door.workers()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: where.door.workers() - {pid}, what="a new worker")
    for client in clients:
        assert client.recv(1) == b""
        client.close()
    gate.opened.set()
    assert at_once(where, range(10)) == ["store"] * 10
    assert len(one.requests) == 20
    where.door.forgive("exited on signal 9")


@pytest.mark.slow
def test_reloads_under_load_lose_no_request(crowd):
    """Every request of a hundred a second and more, in the midst of ten reloads, gets its answer."""
    where, _ = crowd
    done, counts, failures = threading.Event(), [0] * 4, []

    def pull(which):
        while not done.is_set():
            try:
                assert where(counts[which] % 10, headers={"Connection": "close"}) == "store"
            except (AssertionError, OSError) as e:
                failures.append(repr(e))
            counts[which] += 1

    threads = [threading.Thread(target=pull, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            where.door.reload()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[:5]
    assert sum(counts) > 500


# ── Memory ──


def resident(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return {line.split()[0]: int(line.split()[1]) * 1024 for line in f if line.endswith("kB\n")}


@pytest.mark.alone
@pytest.mark.slow
def test_unknown_digests_evict_nothing_and_take_no_more_memory(ask, bucket, tmp_path):
    """A flood of digests that nobody has fills a quarter of a zone of 1 MiB, again and again: what is
    present stays known, and the worker does not grow."""
    one = bucket()
    put(one, tmp_path, *range(10))
    where = ask(one.url, changes={"archeio:64m": "archeio:1m"})
    for number in range(10):
        assert where(number) == "store"
    (pid,) = where.door.workers()
    flood(where.door, "a", 4000)
    before = resident(pid)["Private_Dirty:"]
    flood(where.door, "b", 4000)
    grown = resident(pid)["Private_Dirty:"] - before
    assert grown < 256 * 1024 or sanitized()  # a sanitizer keeps what was freed
    for number in range(10):
        assert where(number) == "store"
    assert sum(1 for a in one.accesses() if a.status == 200) <= 10 + 5  # the watch's


def flood(door, name, times):
    """That many digests, each once, pipelined on a few connections."""
    for first in range(0, times, 500):
        data = "".join(f"HEAD /v2/a/blobs/{digest_of(f'{name}{number}')} HTTP/1.1\r\nHost: x\r\n\r\n"
                       for number in range(first, first + 500)).encode()
        with connect(door.port) as sock:
            threading.Thread(target=sock.sendall, args=(data,), daemon=True).start()
            heard = b""
            while heard.count(b"HTTP/1.1 307") < 500 or not heard.endswith(b"\r\n\r\n"):
                chunk = sock.recv(1 << 16)
                assert chunk, heard[-500:]
                heard += chunk


def test_reloads_do_not_grow_the_master(ask, bucket, tmp_path):
    """Each reads the snapshot anew, and gives the old one back."""
    (tmp_path / "ranges").mkdir()
    (tmp_path / "ranges" / "own.txt").write_text("".join(
        f"10.{n // 256}.{n % 256}.0/24 aws region-{n % 31}\n" for n in range(60000)))
    where = ask(bucket().url, ranges=tmp_path / "ranges")
    size = where.door.snapshot.stat().st_size
    assert size > 300000
    for _ in range(5):
        where.door.reload()
    before = resident(where.door.program.pid)["Rss:"]
    for _ in range(10):
        where.door.reload()
    grown = resident(where.door.program.pid)["Rss:"] - before
    assert grown < 3 * size or sanitized()  # a sanitizer keeps what was freed
