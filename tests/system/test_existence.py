"""What archeio knows of its stores, and how it finds out: the prober against a real nginx, and
against stand-ins for what nginx cannot be made to do."""

import hashlib
import threading
import time

import pytest

from lib.nginx import Bucket
from lib.ports import wait_until
from lib.store import status

CLIENT = "203.0.113.7"  # nobody knows it: the default store
UPSTREAM = "https://upstream.example"


def digest_of(number):
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def ask(archeio):
    """ask(store URL, settings) starts archeio with that store, and returns a function that asks it
    for a digest and returns where the client was sent: "store" or "upstream"."""

    def start(url, **existence):
        server = archeio({"upstream": {"endpoint": UPSTREAM, "path": "p"},
                          "server": {"client_address": "google-lb"},
                          "stores": [{"name": "one", "url": url, "serves": ["default"]}],
                          "existence": existence})

        def where(digest):
            answer = server.request(f"/v2/app/blobs/{digest}", client=CLIENT)
            assert answer.status == 307
            if answer.location == f"{url}/containers/images/{digest}":
                return "store"
            assert answer.location == f"{UPSTREAM}/v2/p/app/blobs/{digest}"
            return "upstream"

        where.server = server
        where.heads = lambda result: server.metric("archeio_heads_total", store="one",
                                                   result=result)
        return where

    return start


def put(bucket, tmp_path, *numbers):
    file = tmp_path / "object"
    file.write_bytes(b"x")
    for number in numbers:
        bucket.put(digest_of(number), file)


def test_each_answer_of_a_real_bucket(ask, bucket, tmp_path):
    """200 is present, 404 and 403 are absent, 500 is an error; each is asked for once, and counted."""
    one = bucket()
    put(one, tmp_path, 1)
    where = ask(one.url)
    for _ in range(3):
        assert where(digest_of(1)) == "store"
        assert where(digest_of(2)) == "upstream"
    one.behave("return 403;")
    for _ in range(3):
        assert where(digest_of(3)) == "upstream"
    one.behave(Bucket.FAILING)
    for _ in range(3):
        assert where(digest_of(4)) == "upstream"
    wait_until(lambda: len(one.heads()) >= 4, what="the bucket's log")
    assert one.heads() == [digest_of(n) for n in (1, 2, 3, 4)]
    assert (where.heads("present"), where.heads("absent"), where.heads("error")) == (1, 2, 1)
    assert where.server.metric("archeio_store_up", store="one") == 1
    assert where.server.metric("archeio_head_duration_seconds_count", store="one") == 4
    assert where.server.metric("archeio_existence_entries", state="present") == 1
    assert where.server.metric("archeio_existence_entries", state="absent") == 3


def test_a_stopped_bucket_is_down_and_comes_back(ask, bucket, tmp_path):
    """Three refused connections in a row and the store is down, which a metric says; when it is
    back, what was known of it counts again without a question."""
    one = bucket()
    put(one, tmp_path, 1)
    where = ask(one.url)
    assert where(digest_of(1)) == "store"
    one.stop()
    for number in (2, 3, 4):
        assert where(digest_of(number)) == "upstream"
    assert where(digest_of(1)) == "upstream"
    assert where.server.metric("archeio_store_up", store="one") == 0
    assert "is down" in where.server.output()
    one.start()
    wait_until(lambda: where.server.metric("archeio_store_up", store="one") == 1, 5, "store up")
    assert where(digest_of(1)) == "store"
    assert where.server.metric("archeio_existence_lookups_total", state="miss") == 4


def test_a_deleted_object_is_noticed(ask, bucket, tmp_path):
    """An object that is deleted from a live bucket while clients are sent for it is noticed long
    before its entry expires."""
    one = bucket()
    put(one, tmp_path, 1)
    where = ask(one.url)
    assert where(digest_of(1)) == "store"
    one.remove(digest_of(1))
    wait_until(lambda: where(digest_of(1)) == "upstream", 10, "the deletion", interval=0.2)


def test_what_is_used_is_renewed_and_the_rest_expires(ask, bucket, tmp_path):
    """An entry that clients use never sends one of them waiting again: it is checked in the
    background. One that nobody uses expires."""
    one = bucket()
    put(one, tmp_path, 1, 2)
    where = ask(one.url, present_ttl="4s")
    assert where(digest_of(1)) == "store" and where(digest_of(2)) == "store"
    begun = time.monotonic()
    while time.monotonic() < begun + 6:  # longer than an entry lives
        assert where(digest_of(1)) == "store"
        time.sleep(0.1)
    assert where.server.metric("archeio_existence_lookups_total", state="miss") == 2
    assert where.server.metric("archeio_existence_rechecks_total") >= 1
    assert one.heads().count(digest_of(2)) == 1
    assert where(digest_of(2)) == "store"
    wait_until(lambda: one.heads().count(digest_of(2)) == 2, what="the bucket's log")


def test_a_slow_store_costs_the_budget_once(ask, stand_in):
    """A client waits for a slow store as long as the budget says and goes to the upstream; the
    HEAD goes on, and the next client is sent to the store at once."""
    go_on = threading.Event()

    def answer(path, count):
        go_on.wait()
        return status(200)

    store = stand_in(answer)
    where = ask(store.url, wait="300ms")
    begun = time.monotonic()
    assert where(digest_of(1)) == "upstream"
    assert time.monotonic() - begun > 0.25
    go_on.set()
    wait_until(lambda: where.heads("present") == 1, 5, "the answer")
    assert where(digest_of(1)) == "store"
    assert len(store.requests) == 1


def test_the_log_says_how_long_a_client_waited(archeio, stand_in, tmp_path):
    """The duration of a request that waited for a store has the wait in it, whichever way it was
    sent in the end."""
    def answer(path, count):
        time.sleep(0.3)
        return status(200)

    server = archeio({"upstream": {"endpoint": UPSTREAM},
                      "log": {"access": str(tmp_path / "archeio-0" / "access.log")},
                      "stores": [{"name": "one", "url": stand_in(answer).url,
                                  "serves": ["default"]}]})
    for _ in range(2):
        server.request(f"/v2/app/blobs/{digest_of(1)}", client=CLIENT)
    wait_until(lambda: len(server.access_log()) == 2, 5, "two lines")
    waited, known = sorted((line["duration_us"] for line in server.access_log()), reverse=True)
    assert waited >= 300_000 > known


def fill_queues(server):
    """With more questions than can wait at once; nobody waits for their answers."""
    def ask(first):
        server.exchange("".join(
            f"GET /v2/a/blobs/{digest_of(n)} HTTP/1.1\r\nHost: a\r\n"
            f"{'Connection: close' + chr(13) + chr(10) if n == first + 449 else ''}\r\n"
            for n in range(first, first + 450)).encode())

    askers = [threading.Thread(target=ask, args=(n * 450,)) for n in range(10)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()


def refusals_of_one_request(archeio, stores):
    """How many of the questions of a request that would wait are refused, while the queues of these
    stores are full; None: that took so long that the first HEADs ended, and with them the queues."""
    page = "https://info.example/"
    config = {"upstream": {"endpoint": UPSTREAM},
              "server": {"workers": 2},
              "stores": [{"name": f"s{i}", "url": s.url, "serves": ["default"]}
                         for i, s in enumerate(stores)],
              "existence": {"wait": "0s"}}
    server = archeio(config)

    def refused():
        return server.metric("archeio_heads_total", result="refused")

    def ask(number):
        answer = server.request(f"/v2/a/blobs/{digest_of(number)}")
        assert answer.location.startswith(UPSTREAM)

    fill_queues(server)
    server.write(config | {"existence": {"wait": "2s"}, "pages": {"info": page}})
    server.reload()
    # Twenty connections in a row never go to one worker alone.
    wait_until(lambda: all(server.request("/").location == page for _ in range(20)), 5, "the reload")
    for number in range(20):  # an answer comes behind those to all that its worker has asked before
        ask(900_000 + number)
    before = refused()
    ask(999_999)
    found = refused() - before
    return found if server.metric("archeio_store_up") == len(stores) else None


def test_a_store_whose_queue_is_full_is_asked_once_by_each_request(archeio, stand_in):
    """With two stores that hang and whose queues are full, a request that would wait asks each of
    them once, and is sent to the upstream."""
    stores = [stand_in(lambda path, count: None) for _ in range(2)]
    found = None
    for _ in range(3):
        found = found or refusals_of_one_request(archeio, stores)
    assert found == len(stores)


def test_one_redirect_is_followed(ask, bucket, tmp_path):
    """A bucket that redirects to where its objects are is asked there; clients are sent to the
    bucket itself."""
    behind, one = bucket("behind"), bucket("front")
    put(behind, tmp_path, 1)
    one.behave(f"return 307 {behind.url}$request_uri;")
    where = ask(one.url)
    assert where(digest_of(1)) == "store"
    assert where(digest_of(2)) == "upstream"
    assert (where.heads("present"), where.heads("absent")) == (1, 1)


@pytest.mark.parametrize("target, requests", [
    ("{self}/containers/images/again", 2),         # a loop: followed once
    ("http://169.254.169.254/latest/meta-data", 1),  # the cloud's metadata
    ("http://10.0.0.1/", 1),                       # private, where the store is not
    ("http://[::ffff:169.254.169.254]/", 1),
    ("http://0.0.0.0:{port}/", 1),
    ("file:///etc/passwd", 1),
    ("ftp://127.0.0.1:{port}/x", 1),
])
def test_redirects_that_are_not_followed(ask, stand_in, target, requests):
    """A redirect too many, to another protocol, or to an address that a store has no business
    with, is an error at once, and nothing is sent there."""
    store = stand_in(lambda path, count: status(
        307, Location=target.format(self=store.url, port=store.port)))
    where = ask(store.url, wait="30s")
    begun = time.monotonic()
    assert where(digest_of(1)) == "upstream"
    assert time.monotonic() - begun < 4, "that was the HEAD's time limit"
    assert len(store.requests) == requests
    assert where.heads("error") == 1


@pytest.mark.parametrize("answer", [
    b"", b"garbage\r\n\r\n", b"HTTP/1.1 200", b"HTTP/1.1 999 x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200000,
], ids=["nothing", "no HTTP", "cut", "odd status", "endless head"])
def test_a_store_that_lies_is_an_error(ask, stand_in, answer):
    """Whatever a store answers, the client is sent to the upstream within the budget."""
    store = stand_in(lambda path, count: answer)
    where = ask(store.url, wait="500ms")
    begun = time.monotonic()
    assert where(digest_of(1)) == "upstream"
    assert time.monotonic() - begun < 4, "that was the HEAD's time limit"


def test_connections_are_kept(ask, stand_in):
    """HEADs one after the other share a connection."""
    store = stand_in(lambda path, count: status(404))
    where = ask(store.url)
    for number in range(50):
        assert where(digest_of(number)) == "upstream"
    assert len(store.requests) == 50
    assert store.connections == 1


def test_random_digests_do_not_evict_what_is_present(ask, stand_in):
    """Thousands of questions for what does not exist, with the smallest cache, leave what is
    known to be there in it."""
    known = {digest_of(n) for n in range(20)}
    store = stand_in(lambda path, count: status(200 if path.rsplit("/", 1)[1] in known else 404))
    where = ask(store.url, memory="1MiB")
    for digest in known:
        assert where(digest) == "store"
    for number in range(1000, 4000):
        where(digest_of(number))
    asked = len(store.requests)
    for digest in known:
        assert where(digest) == "store"
    assert [p for p in store.requests[asked:] if p.rsplit("/", 1)[1] not in known] == []
    assert where.server.metric("archeio_existence_lookups_total", state="miss") == 3020


def test_it_ends_at_once_while_a_store_hangs(ask, stand_in):
    """SIGTERM does not wait for a store that never answers."""
    store = stand_in(lambda path, count: None)
    where = ask(store.url, wait="100ms")
    assert where(digest_of(1)) == "upstream"
    begun = time.monotonic()
    where.server.stop()
    assert time.monotonic() - begun < 4, "that was the HEAD's time limit"
