"""Files outside /v2 from stores: what a client is sent for, what a store is asked, and how often."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import http, http2_client
from lib.ports import wait_until
from lib.routed import WAYS, ask, head, logged, settings
from lib.store import status

LAST = "https://last.example"
LATER = ("miss", "present", "present")  # what is known when it is asked for three times


@pytest.fixture
def slow(stand_in):
    """A store that has everything, and says so when it is told to, or before a HEAD is given up."""
    go = threading.Event()

    def answer(path, count):
        go.wait(3)
        return status(200)

    one = stand_in(answer)
    one.go = go.set
    yield one
    go.set()


def put(store, *paths):
    for path in paths:
        file = store.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
        file.chmod(0o644)


@pytest.fixture
def files(archeio, tmp_path):
    """files(stores, ...) starts archeio with a route for files.test: through the stores in their
    order, then to LAST; /cut/** loses its beginning on the way."""

    def start(stores, last=({"url": LAST},), **more):
        named = [{"name": f"s{i}", "url": store.url, "serves": ["default"]}
                 for i, store in enumerate(stores)]
        through = [one["name"] for one in named] + list(last)
        routes = [
            {"name": "cut", "when": {"host": "files.test", "path": "/cut/**"}, "strip": "/cut",
             "to": through},
            {"name": "files", "when": {"host": "files.test"}, "to": through},
        ]
        server = archeio(settings(tmp_path / "server", routes, stores=named, **more),
                         directory=tmp_path / "server")

        def where(path, method="GET", way="http/1.1"):
            answer = ask(server.port, path, "files.test", method, way=way)
            assert answer.status == 307 and answer.body == b""
            return answer.location

        where.server = server
        where.heads = lambda result, store="s0": server.metric("archeio_heads_total", store=store,
                                                               result=result)
        return where

    return start


@pytest.mark.parametrize("way", WAYS)
def test_a_file_comes_from_the_first_store_that_has_it(files, bucket, way):
    """Present, absent and elsewhere; each store is asked once for each path, and with the path."""
    first, second = bucket("first"), bucket("second")
    put(first, "release/v1/a.tar", "both")
    put(second, "release/v1/b.tar", "both")
    where = files([first, second])
    for method in ("GET", "HEAD", "GET"):
        assert where("/release/v1/a.tar", method, way) == f"{first.url}/release/v1/a.tar"
        assert where("/release/v1/b.tar?x=y", method, way) == f"{second.url}/release/v1/b.tar?x=y"
        assert where("/both", method, way) == f"{first.url}/both"
        assert where("/neither", method, way) == f"{LAST}/neither"
        assert where("/cut/both", method, way) == f"{first.url}/both"
    wait_until(lambda: len(second.accesses()) >= 2, what="the second store's log")
    assert sorted(a.path for a in first.accesses()) == \
        ["/both", "/neither", "/release/v1/a.tar", "/release/v1/b.tar"]
    assert sorted(a.path for a in second.accesses()) == ["/neither", "/release/v1/b.tar"]
    assert {a.method for a in first.accesses() + second.accesses()} == {"HEAD"}
    assert (where.heads("present"), where.heads("absent")) == (2, 2)
    assert where.server.metric("archeio_head_duration_seconds_count", store="s0") == 4
    lines = [(line["path"], line["route"], line["reason"], line["store"], line["cache"])
             for line in logged(where.server, 15)]
    assert sorted(lines) == sorted(
        [("/release/v1/a.tar", "files", "route", "s0", cache) for cache in LATER] +
        [("/release/v1/b.tar?x=y", "files", "route", "s1", cache) for cache in LATER] +
        [("/both", "files", "route", "s0", cache) for cache in LATER] +
        [("/neither", "files", "route", "", cache) for cache in ("miss", "absent", "absent")] +
        [("/cut/both", "cut", "route", "s0", "present")] * 3)
    assert where.server.metric("archeio_requests_total", step="route", store="s0") == 9
    assert where.server.metric("archeio_requests_total", step="R12") is None


@pytest.mark.parametrize("way", WAYS)
def test_paths_are_asked_for_and_sent_on_as_they_came(files, stand_in, way):
    """Any legal escape, in its own case, empty segments, what brackets a query: byte for byte."""
    store = stand_in(lambda path, count: status(200))
    where = files([store])
    paths = ["/a%20b", "/a%2Fb", "/a%2fb", "/%C3%A4", "/x%00y", "/a//b/", "/~a!$&'()*+,;=:@-._",
             "/a%3Fb%23c", "/%41", "/A", "/"]
    for path in paths:
        assert where(path, way=way) == store.url + path
        assert where(path + "?q=%2f&r", way=way) == store.url + path + "?q=%2f&r"
    assert store.requests == paths


@pytest.mark.parametrize("way", WAYS)
def test_paths_that_could_lead_elsewhere_are_nobodys(files, stand_in, way):
    """A path with dots that a client would resolve, or a broken escape, takes no route and is asked
    for nowhere."""
    store = stand_in(lambda path, count: status(200))
    where = files([store])
    for path in ("/../x", "/a/..", "/a/%2e%2E/b", "/.", "/%2e/x",
                 "/..%2fother/x", "/a%2F..", "/a%5c%2e%2E/b", "/a%", "/a%2", "/a%zz", "/a[b]",
                 "/a{b}", '/a"b', "/a|b", "/a^b", "/a`b"):
        answer = ask(where.server.port, path, "files.test", way=way)
        assert answer.status in (400, 404) and answer.location is None, path
    assert store.requests == []


def test_a_store_that_is_down_is_passed_by_and_comes_back(files, bucket):
    """Three refused connections and it is down, for its metric too; then nobody waits for it, what
    was known of it does not count, and counts again when it is back."""
    first, second = bucket("first"), bucket("second")
    put(first, "known")
    put(second, "known", *(f"other-{n}" for n in range(3)))
    where = files([first, second])
    assert where("/known") == f"{first.url}/known"
    assert where.server.metric("archeio_store_up", store="s0") == 1
    first.stop()
    for n in range(3):
        assert where(f"/other-{n}") == f"{second.url}/other-{n}"
    assert where("/known") == f"{second.url}/known"
    assert where.server.metric("archeio_store_up", store="s0") == 0
    assert where.server.metric("archeio_store_up", store="s1") == 1
    assert where.heads("error") == 3
    first.start()
    wait_until(lambda: where.server.metric("archeio_store_up", store="s0") == 1, 10, "up again")
    assert where("/known") == f"{first.url}/known"


@pytest.mark.parametrize("known", [("/known",), ()])
def test_paths_that_a_store_refuses_cost_others_nothing(files, bucket, known):
    """nginx answers 400 to a zero byte in a path: whoever asks for such paths does not take the store
    away from others, whether it had been asked before or not."""
    store = bucket()
    put(store, "known", "other")
    where = files([store])
    for path in known:
        assert where(path) == store.url + path
    for n in range(6):
        assert where(f"/%00{n}") == f"{LAST}/%00{n}"
    assert where.heads("error") == 6
    assert where.server.metric("archeio_store_up", store="s0") == 1
    assert where("/other") == f"{store.url}/other"


@pytest.mark.parametrize("known", [("/known",), ()])
def test_a_store_comes_back_whatever_was_asked_while_it_was_down(files, bucket, known):
    """Trials are not of a path that a client made up where there is a better one, and where there
    is none, any answer will do."""
    store = bucket()
    put(store, "known", "other")
    where = files([store])
    for path in known:
        assert where(path) == store.url + path
    store.stop()
    for n in range(3):
        assert where(f"/%00{n}") == f"{LAST}/%00{n}"
    assert where.server.metric("archeio_store_up", store="s0") == 0
    store.start()
    wait_until(lambda: where.server.metric("archeio_store_up", store="s0") == 1, 10, "up again")
    assert where("/other") == f"{store.url}/other"


def test_a_store_that_errs_for_all_is_found_out_by_a_path_that_it_had(files, stand_in):
    """One question that gets no usable answer has the store looked at, and two more find it down."""
    well = [True]
    store = stand_in(lambda path, count: status(200 if well[0] else 503))
    where = files([store])
    assert where("/known") == f"{store.url}/known"
    well[0] = False
    assert where("/new") == f"{LAST}/new"
    wait_until(lambda: where.server.metric("archeio_store_up", store="s0") == 0, 10, "down")
    assert store.requests[2:5] == ["/known"] * 3
    assert where("/known") == f"{LAST}/known"


def test_a_file_that_nobody_has_is_not_found_where_nothing_is_behind_the_stores(files, stand_in):
    """The last of the list says so itself; a store that errs sends nobody to itself."""
    answers = {"/there": status(200), "/broken": status(500)}
    store = stand_in(lambda path, count: answers.get(path, status(404)))
    where = files([store], last=({"status": 404, "body": "nobody has it"},))
    assert where("/there") == f"{store.url}/there"
    for path in ("/gone", "/broken"):
        answer = ask(where.server.port, path, "files.test")
        assert (answer.status, answer.body) == (404, b"nobody has it")
    assert where.server.metric("archeio_requests_total", step="route", status="404", store="") == 2


def test_a_path_that_is_too_long_to_ask_for_goes_on_at_once(files, stand_in):
    """1,024 bytes are asked for; one more goes to what is behind the stores, and is counted as no
    HEAD. What is cut off on the way does not count."""
    store = stand_in(lambda path, count: status(200))
    where = files([store])
    longest = "/" + "x" * 1023
    assert where(longest) == store.url + longest
    assert where(longest + "y") == f"{LAST}{longest}y"
    assert where("/cut" + longest) == store.url + longest
    assert where("/" + "y" * 8000, way="h2") == f"{LAST}/" + "y" * 8000
    assert store.requests == [longest]
    assert where.heads("refused") == 0


def test_one_path_in_two_stores_is_two_questions(files, stand_in):
    """Known of one store, it is not known of the other."""
    order = {"s0": status(404), "s1": status(200)}
    first, second = (stand_in(lambda path, count, name=name: order[name]) for name in order)
    where = files([first, second])
    for _ in range(2):
        assert where("/same") == f"{second.url}/same"
    assert (first.requests, second.requests) == (["/same"], ["/same"])
    assert (where.heads("absent"), where.heads("present", "s1")) == (1, 1)


def test_a_blob_and_a_file_of_one_store_are_known_apart(files, stand_in):
    """The path of a blob's object is no digest: who has asked for one has not asked for the other."""
    store = stand_in(lambda path, count: status(200))
    where = files([store])
    digest = "sha256:" + "ab" * 32
    assert where(f"/containers/images/{digest}") == f"{store.url}/containers/images/{digest}"
    answer = ask(where.server.port, f"/v2/a/blobs/{digest}", "registry.test")
    assert answer.location == f"{store.url}/containers/images/{digest}"
    assert store.requests == [f"/containers/images/{digest}"] * 2


async def ask_at_once(port, count, path):
    """So many connections, each of which asks before the first is answered."""
    streams = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port)
                                     for _ in range(count)))
    for _, writer in streams:
        writer.write(head(path, "files.test", close=True))
    await asyncio.gather(*(writer.drain() for _, writer in streams))
    answers = await asyncio.gather(*(reader.read() for reader, _ in streams))
    for _, writer in streams:
        writer.close()
    return [http.parse_answers(data)[0].location for data in answers]


@pytest.mark.alone
def test_a_thousand_clients_of_a_cold_path_are_one_head(files, slow):
    """They wait for the same answer, and all of them get it."""
    where = files([slow], existence={"wait": "30s"})
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(asyncio.run, ask_at_once(where.server.port, 1000, "/cold"))
        wait_until(lambda: where.server.metric("archeio_existence_lookups_total") == 1000, 20,
                   "all who wait")
        slow.go()
        assert asked.result() == [f"{slow.url}/cold"] * 1000
    assert slow.requests == ["/cold"]


def test_streams_that_wait_for_a_file_over_a_reload_are_all_answered(files, slow):
    """Sixty-four streams of a connection wait while archeio reloads: each is answered with what
    the store has said by then."""
    where = files([slow], existence={"wait": "30s"})
    with http2_client.Client(where.server.port) as client:
        streams = [client.begin(f"/file-{n % 8}", authority="files.test", flush=False)
                   for n in range(64)]
        client.flush()
        wait_until(lambda: len(slow.requests) == 8, 10, "the questions")
        where.server.reload()
        wait_until(lambda: "reloaded" in where.server.output(), 10, "the reload")
        slow.go()
        for n, stream in enumerate(streams):
            assert client.answer(stream).location == f"{slow.url}/file-{n % 8}"
    assert sorted(slow.requests) == sorted(f"/file-{n}" for n in range(8))


@pytest.mark.parametrize("way", WAYS)
def test_who_waits_while_routes_begin_to_look_at_another_field_keeps_its_own(archeio, stand_in,
                                                                             tmp_path, way):
    """What a stream has sent is known as far as the old routes look at it: they answer it, as if
    its time to wait were over, and never those that nobody without the field may pass. A client of
    HTTP/1.1 has its head read once more."""
    asked, go_on = threading.Event(), threading.Event()

    def answer(path, count):
        asked.set()
        assert go_on.wait(30)
        return status(200)

    def routes(*more):
        return settings(tmp_path, [
            *more,
            {"name": "team", "when": {"header": {"X-Team": "blue"}}, "to": ["s0", {"url": LAST}]},
            {"name": "others", "to": {"status": 403}},
        ], stores=[{"name": "s0", "url": store.url, "serves": []}], existence={"wait": "30s"})

    store = stand_in(answer)
    server = archeio(routes(), directory=tmp_path)
    with ThreadPoolExecutor(1) as crew:
        try:
            waiting = crew.submit(ask, server.port, "/file", "files.test",
                                  fields=[("X-Team", "blue")], way=way)
            assert asked.wait(10)
            server.write(routes({"name": "new", "when": {"header": {"X-New": "y"}},
                                 "to": {"status": 410}}))
            server.reload()
            wait_until(lambda: "reloaded" in server.output(), 10, "the reload")
            if way == "h2":
                assert waiting.result(10).location == f"{LAST}/file"
        finally:
            go_on.set()
        if way != "h2":
            assert waiting.result(10).location == f"{store.url}/file"
    assert ask(server.port, "/file", "files.test", way=way).status == 403
    fields = [("X-Team", "blue"), ("X-New", "y")]
    assert ask(server.port, "/file", "files.test", fields=fields, way=way).status == 410


def test_a_slow_store_costs_a_client_of_a_file_the_budget(files, slow):
    """Then it goes on to what is behind the store, and the next one finds the answer there."""
    where = files([slow], existence={"wait": "200ms"})
    assert where("/slow") == f"{LAST}/slow"
    slow.go()
    wait_until(lambda: where.heads("present") == 1, 10, "the answer")
    assert where("/slow") == f"{slow.url}/slow"
    assert where.server.metric("archeio_existence_wait_timeouts_total") == 1
    assert slow.requests == ["/slow"]
