"""What the filter for Envoy knows of its stores, and what it does when they fail."""

import threading
import time

import pytest

from lib import http, http2_client
from lib.envoy_site import REGISTRY, at_once, blob, digest_of, where
from lib.nginx import Bucket
from lib.ports import free_port, wait_until
from lib.store import status


def test_a_blob_is_asked_for_once_however_many_want_it(envoy, stand_in):
    """One HEAD while fifty clients wait, and none afterwards."""
    def slow(*_):
        time.sleep(0.5)
        return status(200)
    store = stand_in(slow)
    one = envoy({"eu": store.url})
    assert {where(a, store) for a in at_once(50, lambda _: one.request(blob(1)))} == {0}
    assert {where(one.request(blob(1)), store) for _ in range(5)} == {0}
    assert store.requests == [f"/containers/images/{digest_of(1)}"]
    assert one.counter("heads") == 1


def test_what_one_thread_has_found_out_the_others_know(envoy, stand_in):
    """The cache is common to Envoy's workers."""
    store = stand_in(lambda *_: status(200))
    one = envoy({"eu": store.url}, concurrency=2)
    assert where(one.request(blob(1)), store) == 0
    assert {where(a, store) for a in at_once(64, lambda _: one.request(blob(1)))} == {0}
    assert len(store.requests) == 1


@pytest.mark.parametrize("code", [404, 403])
def test_a_blob_that_is_absent_comes_from_the_next_store_and_is_asked_for_again_later(
        envoy, stand_in, code):
    first, second = stand_in(lambda *_: status(code)), stand_in(lambda *_: status(200))
    one = envoy({"first": first.url, "second": second.url}, ["absent_ttl: 1s"])
    assert {where(one.request(blob(1)), first, second) for _ in range(3)} == {1}
    assert (len(first.requests), len(second.requests)) == (1, 1)
    wait_until(lambda: where(one.request(blob(1)), first, second) == 1 and len(first.requests) == 2,
               what="the first store to be asked again")
    assert len(second.requests) == 1


def test_a_blob_that_vanished_is_noticed_when_its_time_is_over(envoy, stand_in):
    """Within present_ttl; and what is used is asked for before that, while clients are answered."""
    there = [True]
    store = stand_in(lambda *_: status(200 if there[0] else 404))
    one = envoy({"eu": store.url}, ["present_ttl: 2s"])
    assert where(one.request(blob(1)), store) == 0
    there[0] = False
    began = time.monotonic()
    wait_until(lambda: where(one.request(blob(1)), store) == "upstream", what="the upstream")
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("answer", [status(500), status(302, Location="http://127.0.0.1:1/"), b"junk\r\n\r\n"])
def test_a_store_that_gives_no_usable_answer_is_passed_over(envoy, stand_in, answer):
    store = stand_in(lambda *_: answer)
    one = envoy({"eu": store.url})
    assert where(one.request(blob(1)), store) == "upstream"
    assert one.counter("head_errors") == 1


def test_a_store_that_is_not_there_costs_nobody_time(envoy):
    """Connections are refused: clients go to the upstream, and after three errors nobody asks."""
    one = envoy({"eu": f"http://127.0.0.1:{free_port()}"})
    began = time.monotonic()
    for i in range(20):
        assert where(one.request(blob(i))) == "upstream"
    assert time.monotonic() - began < 2
    assert one.counter("store_down") == 1
    assert one.counter("heads") < 10


def test_a_cluster_that_is_not_there_is_a_store_that_is_down(envoy, stand_in):
    store = stand_in(lambda *_: status(200))
    one = envoy({"eu": store.url}, ["clusters: other_"], change=[("clusters: archeio_\n", "")])
    for i in range(5):
        assert where(one.request(blob(i)), store) == "upstream"
    assert "store eu is down: 3 errors in a row from cluster other_eu" in one.output()


def test_a_store_that_never_answers_costs_one_wait_and_is_used_again_when_it_answers(envoy, stand_in):
    """Clients wait no longer than they may, those that come later not at all; a second after the store
    answers, they are sent there."""
    mute = [True]
    store = stand_in(lambda *_: None if mute[0] else status(200))
    one = envoy({"eu": store.url}, ["wait: 1s", "timeout: 2s"])
    began = time.monotonic()
    answers = at_once(20, lambda i: one.request(blob(i)))
    assert {where(a, store) for a in answers} == {"upstream"}
    assert 0.9 < time.monotonic() - began < 2
    assert one.counter("gave_up") == 20
    one.wait_for_counter("store_down", 1)
    began = time.monotonic()
    assert where(one.request(blob(100)), store) == "upstream"
    assert time.monotonic() - began < 0.5
    mute[0] = False
    wait_until(lambda: where(one.request(blob(101)), store) == 0, 10, "the store to be used")
    assert "store eu is up again" in one.output()


def test_a_store_that_dies_with_a_full_cache_is_left_within_ten_seconds(envoy, own, tmp_path):
    """Clients are being sent to it; then it accepts connections and never answers."""
    bucket = own(Bucket(tmp_path / "bucket"))
    (tmp_path / "blob").write_text("x")
    bucket.put(digest_of(1), tmp_path / "blob")
    one = envoy({"eu": bucket.url})
    assert where(one.request(blob(1)), bucket) == 0
    bucket.freeze()
    began = time.monotonic()
    wait_until(lambda: where(one.request(blob(1)), bucket) == "upstream", 15, "the upstream",
               interval=0.1)
    assert time.monotonic() - began < 10
    bucket.thaw()
    wait_until(lambda: where(one.request(blob(1)), bucket) == 0, 10, "the store to be used again")


def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind(envoy, stand_in):
    """Its question goes on, and fills the cache for others."""
    gate = threading.Event()

    def answer(*_):
        gate.wait(10)
        return status(200)
    store = stand_in(answer)
    one = envoy({"eu": store.url}, ["wait: 5s"])
    for _ in range(100):
        with http.connect(one.port) as sock:
            sock.sendall(f"GET {blob(1)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    wait_until(lambda: len(store.requests) == 1, what="the HEAD")
    gate.set()
    wait_until(lambda: where(one.request(blob(1)), store) == 0, what="the answer")
    assert len(store.requests) == 1


def test_streams_that_are_reset_while_they_wait_leave_room_for_others(envoy, stand_in):
    """More of them than may wait at once. Envoy itself ends a connection with too many."""
    gate = threading.Event()

    def answer(*_):
        gate.wait(30)
        return status(200)
    store = stand_in(answer)
    one = envoy({"eu": store.url}, ["wait: 30s", "timeout: 30s"])
    for _ in range(11):
        with http2_client.Client(one.port) as client:
            for stream in [client.begin(blob(1), flush=False) for _ in range(100)]:
                client.reset(stream)
            wait_until(lambda: one.stat("http.registry.downstream_rq_active") == 0, what="them to be gone")
    with http2_client.Client(one.port) as client:
        streams = [client.begin(blob(1)) for _ in range(10)]
        wait_until(lambda: one.stat("http.registry.downstream_rq_active") == 10, what="ten to wait")
        gate.set()
        assert {where(client.answer(stream), store) for stream in streams} == {0}
    assert len(store.requests) == 1
    assert one.counter("gave_up") == 0


def test_random_digests_cannot_push_out_what_is_known_to_be_there(envoy, stand_in):
    """A hundred times as many as there is room for."""
    known = {f"/containers/images/{digest_of(i)}" for i in range(4)}
    store = stand_in(lambda path, _: status(200 if path in known else 404))
    one = envoy({"eu": store.url}, ["slots: 8"])
    for i in range(4):
        assert where(one.request(blob(i)), store) == 0
    with http2_client.Client(one.port) as client:
        for i in range(1000, 3000):
            assert client.request(blob(i)).location.startswith(REGISTRY)
    asked = len(store.requests)
    for i in range(4):
        assert where(one.request(blob(i)), store) == 0
    assert len(store.requests) == asked
