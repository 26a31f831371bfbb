"""Routes through the nginx door: it hands the core the bytes that the client sent, sends every
answer that a route may give, and asks stores for artifacts by their paths."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import http, http2_client
from lib.nginx_door import NginxDoor
from lib.ports import free_port, wait_until
from lib.store import status

UPSTREAM = "https://upstream.example"
DIGEST = "sha256:" + "0123456789abcdef" * 4
REDIRECTS = (301, 302, 307, 308)
FIXED = (200, 400, 403, 404, 406, 408, 410, 418, 429, 444, 451, 494, 499, 503)
TEAM = {"name": "team", "when": {"path": "/team", "header": {"X-Team": ["blue", "red-*"]}},
        "to": {"url": "https://team.test"}}
SITE = {
    "upstream": {"endpoint": UPSTREAM, "path": "p"},
    "routes": [
        TEAM,
        {"name": "odd", "when": {"header": {"X_Odd": "1"}}, "to": {"url": "https://odd.test"}},
        {"name": "dl", "when": {"host": ["dl.example.org", "[2001:db8::1]"]},
         "to": {"url": "https://dl.test", "status": 302}},
        {"name": "files", "when": {"path": "/files/**"}, "to": {"url": "https://files.test/f"}},
        *({"name": f"fixed-{n}", "when": {"path": f"/fixed/{n}"},
           "to": {"status": n, "body": f"{n}!"}} for n in FIXED),
        *({"name": f"to-{n}", "when": {"path": f"/to/{n}"},
           "to": {"url": "https://to.test", "status": n}} for n in REDIRECTS),
        {"name": "quiet", "when": {"path": "/quiet"}, "to": {"status": 410}},
        {"name": "own", "when": {"repository": "own/**", "kind": "manifest"}, "to": ["upstream"]},
    ],
}


def ask(port, target, *fields, host="x", method="GET"):
    """The answer to exactly these bytes."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, "Connection: close"]
    data = http.exchange(port, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    (answer,) = http.parse_answers(data, [method])
    return answer


def shown(answer):
    names = ("location", "content-type", "content-length", "allow")
    return answer.status, {n: answer.headers.get(n) for n in names}, answer.body


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    one = NginxDoor(tmp_path_factory.mktemp("routes") / "door", SITE)
    yield one
    one.stop()


@pytest.fixture
def server(archeio):
    """archeio's own server, with the same routes."""
    return archeio(SITE)


# ── Answers ──


def test_every_status_that_a_route_may_answer_is_sent_as_archeio_sends_it(door, server):
    """Status, Location, Content-Type, Content-Length, Allow and body; nothing of nginx's pages."""
    wanted = {**{f"/fixed/{n}": n for n in FIXED}, **{f"/to/{n}?q=1": n for n in REDIRECTS},
              "/quiet": 410, "/nothing": 404}
    for target in [*wanted, "/files/x", "/v2/own/x/manifests/1"]:
        for method in ("GET", "HEAD", "POST"):
            here, there = (ask(one.port, target, method=method) for one in (door, server))
            assert shown(here) == shown(there), (method, target)
            assert method == "POST" or here.status == wanted.get(target, 307), target


def test_a_connection_is_kept_after_each_of_them(door):
    """A fixed answer is no failure of the connection."""
    data = "".join(f"GET /fixed/{n} HTTP/1.1\r\nHost: x\r\n\r\n" for n in FIXED)
    data += "GET /quiet HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = http.parse_answers(http.exchange(door.port, data.encode()))
    assert [(a.status, a.body) for a in answers] == [*((n, b"%d!" % n) for n in FIXED), (410, b"")]


# ── What routes see ──


@pytest.mark.parametrize("path", [
    "a%20b//c%2Fd;x=1?q=%41&//evil.test", "%E2%82%AC", "a/./b", "a/../b", "%2e%2e/x", "a%23b?c",
    "a%3Fb", "a%0d%0aX:%20y", "a%25b", "//x", ""])
def test_what_is_matched_and_sent_on_is_what_the_client_sent(door, server, path):
    """nginx decodes, merges and cuts paths for its own locations; archeio gets the bytes."""
    here, there = (ask(one.port, "/files/" + path) for one in (door, server))
    assert (here.status, here.location) == (there.status, there.location)


@pytest.mark.parametrize("fields, location", [
    (["X-Team: blue"], "https://team.test"),
    (["x-TEAM:   red-7\t"], "https://team.test"),
    (["X-Team: Blue"], None),
    (["X-Team: green"], None),
    (["X-Team:"], None),
    (["X-Teams: blue", "X-Tea: blue"], None),
    (["X-Team: blue", "X-Team: green"], "https://team.test"),
    (["X-Team: green", "X-Team: blue"], None),
    ([f"X-{i}: y" for i in range(50)] + ["X-Team: blue"], "https://team.test"),
])
def test_a_field_is_found_whatever_its_case_and_the_first_of_several_counts(door, server, fields,
                                                                             location):
    for one in (door, server):
        answer = ask(one.port, "/team", *fields)
        assert (answer.status, answer.location) == ((307, location) if location else (404, None))


def test_a_field_that_nginx_drops_is_none(door, tmp_path):
    """As the manual says, of one whose name has an underscore; unless nginx is told to keep it."""
    assert ask(door.port, "/x", "X_Odd: 1").status == 404
    kept = NginxDoor(tmp_path / "door", SITE, http="underscores_in_headers on;")
    assert ask(kept.port, "/x", "X_Odd: 1").location == "https://odd.test/x"
    kept.stop()


@pytest.mark.parametrize("target, host", [
    ("/x", "dl.example.org"), ("/x", "DL.Example.ORG:8080"), ("/x", "dl.example.org."),
    ("/x", "[2001:db8::1]"), ("/x", "[2001:db8::1]:80"), ("/x", "example.org"),
    ("http://dl.example.org/x", "dl.example.org"),
    ("http://dl.example.org:81/x", "dl.example.org:81"),
    ("http://dl.example.org", "dl.example.org"), ("http://dl.example.org?q", "dl.example.org"),
])
def test_the_host_is_whom_the_request_is_for(door, server, target, host):
    here, there = (ask(one.port, target, host=host) for one in (door, server))
    assert (here.status, here.location) == (there.status, there.location)
    assert here.status == (404 if host == "example.org" else 302)


def test_the_authority_wins_over_the_field(door):
    answer = ask(door.port, "http://dl.example.org/x", host="other.test")
    assert answer.location == "https://dl.test/x"
    assert ask(door.port, "http://other.test/x", host="dl.example.org").status == 404


def test_routes_hold_for_http2_too(tmp_path):
    port = free_port()
    one = NginxDoor(tmp_path / "door", SITE, server=f"\n    listen 127.0.0.1:{port} http2;")
    with http2_client.Client(port) as client:
        answer = client.request("/a%2F%20b?q", authority="DL.example.org:1")
        assert (answer.status, answer.location) == (302, "https://dl.test/a%2F%20b?q")
        answer = client.request("/team", fields=[("x-team", "red-1")], authority="x")
        assert (answer.status, answer.location) == (307, "https://team.test")
        answer = client.request("/fixed/451", authority="x")
        assert (answer.status, answer.body, answer.headers["content-type"]) == \
            (451, b"451!", "text/plain")
    one.stop()


def test_the_log_names_the_route(door):
    begin = len(door.log())
    ask(door.port, "/files/x")
    ask(door.port, "/v2/a/manifests/1")
    wait_until(lambda: len(door.log()) >= begin + 2, what="the lines")
    assert [(line.reason, line.route) for line in door.log()[begin:]] == \
        [("route", "files"), ("R9", "-")]


# ── Artifacts in stores ──


@pytest.fixture
def site(tmp_path):
    """site(store, ...) starts a door whose artifacts, and blobs, are first looked for there."""
    started = []

    def start(store, **options):
        door = NginxDoor(tmp_path / f"door-{len(started)}", {
            "upstream": {"endpoint": UPSTREAM, "path": "p"},
            "stores": [{"name": "one", "url": f"{store.url}/base", "serves": ["default"]}],
            "routes": [{"name": "files", "when": {"host": "dl.test", "path": "/dl/**"},
                        "strip": "/dl", "to": ["one", "upstream"]}]}, **options)
        door.store = store.url
        started.append(door)
        return door

    yield start
    for one in started:
        one.stop()


def where(door, path):
    """"store" or "upstream", behind whose URL the path must stand as it came, but for what is
    stripped."""
    answer = http.request(door.port, "http://dl.test" + path)
    assert answer.status == 307, answer
    rest = path.removeprefix("/dl")
    if answer.location == UPSTREAM + rest:
        return "upstream"
    assert answer.location == f"{door.store}/base{rest}"
    return "store"


def test_each_path_is_asked_for_once_as_it_came_and_without_its_query(site, stand_in):
    """Different bytes are different objects, even where their escapes mean the same."""
    there = {"/base/a", "/base/a%20b//c;d=1", "/base/%61/x"}
    one = stand_in(lambda path, count: status(200 if path in there else 404))
    door = site(one)
    for _ in range(2):
        assert where(door, "/dl/a?x=1") == "store"
        assert where(door, "/dl/a?y=2") == "store"
        assert where(door, "/dl/a%20b//c;d=1") == "store"
        assert where(door, "/dl/%61") == "upstream"
        assert where(door, "/dl/%61/x") == "store"
        assert where(door, "/dl/a/x") == "upstream"
    assert sorted(one.requests) == sorted(
        ["/base/a", "/base/a%20b//c;d=1", "/base/%61", "/base/%61/x", "/base/a/x"])


def test_a_question_has_nothing_of_the_client_but_the_path(site, stand_in):
    """Whatever that consists of, the store sees one HEAD: no further line, field or request."""
    one = stand_in(lambda path, count: status(200))
    door = site(one)
    paths = ["/a%0d%0aX-Evil:%20y", "/a%20HTTP/1.1%0d%0a%0d%0aGET%20/evil", "/$host$uri",
             "/&;=,!'()*+", "/@evil.test/:80", "//evil.test/x"]
    for path in paths:
        assert where(door, "/dl" + path) == "store"
    assert one.heads == [f"HEAD /base{path} HTTP/1.1\r\nHost: 127.0.0.1:{one.port}".encode()
                         for path in paths]


@pytest.mark.parametrize("path", ["/a%00", "/a b", "/a%", "/a%zz", "/a\x01", "/a\xe9", "/a\"b",
                                  "/a\\b", "/a#b", "/a|b", "/../a", "/a/../../..",
                                  "/a/%2e%2e/b", "/a/./b"])
def test_a_path_that_no_location_may_hold_is_not_asked_for(site, stand_in, path):
    """It takes no route, or nginx refuses it."""
    one = stand_in(lambda path, count: status(200))
    assert ask(site(one).port, "/dl" + path, host="dl.test").status in (400, 404)
    assert not one.requests


def test_a_path_that_is_too_long_to_be_asked_for_leads_to_the_next_target(site, stand_in):
    """1,024 bytes are not too long."""
    one = stand_in(lambda path, count: status(200))
    door = site(one)
    assert where(door, "/dl/" + "a" * 1023) == "store"
    assert where(door, "/dl/" + "a" * 1024) == "upstream"
    assert len(one.requests) == 1


def test_many_clients_who_want_one_artifact_cost_one_head(site, stand_in):
    opened = threading.Event()
    one = stand_in(lambda path, count: status(200) if opened.wait(20) else None)
    door = site(one)
    with ThreadPoolExecutor(21) as pool:
        answers = [pool.submit(where, door, f"/dl/a?{i}") for i in range(20)]
        wait_until(lambda: one.requests, what="the HEAD")
        other = pool.submit(where, door, "/dl/b")
        wait_until(lambda: len(one.requests) == 2, what="the other's HEAD")
        opened.set()
        assert [a.result() for a in answers] == ["store"] * 20 and other.result() == "store"
    assert sorted(one.requests) == ["/base/a", "/base/b"]


def test_a_client_of_an_artifact_waits_no_longer_than_its_budget(site, stand_in):
    opened = threading.Event()
    one = stand_in(lambda path, count: status(200) if opened.wait(20) else None)
    door = site(one, changes={"wait=2s": "wait=300ms",
                              "proxy_read_timeout 1s": "proxy_read_timeout 9s"})
    assert where(door, "/dl/a") == "upstream"
    opened.set()
    wait_until(lambda: where(door, "/dl/a") == "store", what="the answer")
    assert len(one.requests) == 1


def test_blobs_and_artifacts_of_a_store_are_known_apart(site, stand_in):
    """A blob that is there is no artifact, and the other way round."""
    blob = f"/base/containers/images/{DIGEST}"
    one = stand_in(lambda path, count: status(200 if path in (blob, "/base/a") else 404))
    door = site(one)
    for _ in range(2):
        answer = ask(door.port, f"/v2/a/blobs/{DIGEST}")
        assert answer.location == one.url + blob
        assert where(door, "/dl/a") == "store"
        assert where(door, f"/dl/{DIGEST}") == "upstream"
    assert sorted(one.requests) == sorted([blob, "/base/a", f"/base/{DIGEST}"])


def test_a_store_whose_artifacts_cannot_be_asked_for_is_down_and_comes_back(site, stand_in):
    broken = threading.Event()
    one = stand_in(lambda path, count: b"what?\r\n\r\n" if broken.is_set() else status(200))
    door = site(one)
    assert where(door, "/dl/a") == "store"
    broken.set()
    for path in "bcd":
        assert where(door, f"/dl/{path}") == "upstream"
    assert where(door, "/dl/a") == "upstream"
    assert f"archeio: store {one.url}/base is down (3 errors in a row)" in door.errors()
    broken.clear()
    wait_until(lambda: where(door, "/dl/a") == "store", 5, "store up", interval=0.1)


@pytest.mark.slow
def test_a_store_that_has_only_errors_for_its_artifacts_is_down_and_comes_back(site, stand_in):
    """A 500 may be the fault of a path that a client made up, so the store is judged by one that it
    had: while clients are sent there, a HEAD every 5 s asks for what they get."""
    broken = threading.Event()
    one = stand_in(lambda path, count: status(500 if broken.is_set() else 200))
    door = site(one)
    assert where(door, "/dl/a") == "store"
    broken.set()
    assert where(door, "/dl/b") == "upstream"
    wait_until(lambda: where(door, "/dl/a") == "upstream", 10, "the failure", interval=0.1)
    assert f"archeio: store {one.url}/base is down (3 errors in a row)" in door.errors()
    broken.clear()
    wait_until(lambda: where(door, "/dl/a") == "store", 5, "store up", interval=0.1)


def test_artifacts_that_clients_make_up_leave_room_for_blobs(site, stand_in):
    """Of a hundred artifacts, 64 are asked for, and a blob in the midst of that, too."""
    opened = threading.Event()
    one = stand_in(lambda path, count: status(200) if "/containers/" in path or opened.wait(20) else
                   None)
    door = site(one, changes={"proxy_read_timeout 1s": "proxy_read_timeout 9s",
                              "wait=2s": "wait=10s"})
    with ThreadPoolExecutor(100) as pool:
        answers = [pool.submit(where, door, f"/dl/{i}") for i in range(100)]
        wait_until(lambda: sum(a.done() for a in answers) == 36 and len(one.requests) == 64,
                   what="who does not wait")
        blob = f"/base/containers/images/{DIGEST}"
        assert ask(door.port, f"/v2/a/blobs/{DIGEST}").location == one.url + blob
        opened.set()
        assert sorted(a.result() for a in answers) == ["store"] * 64 + ["upstream"] * 36


@pytest.mark.parametrize("code", [400, 414, 500, 501])
def test_paths_that_a_store_does_not_answer_well_cost_others_nothing(site, stand_in, code):
    """Clients make paths up: some make those for which a store has nothing but errors."""
    one = stand_in(lambda path, count: status(code if "%ff" in path else 200))
    door = site(one)
    for n in range(6):
        assert where(door, f"/dl/%ff{n}") == "upstream"
    assert where(door, "/dl/a") == "store"
    assert "is down" not in door.errors()


@pytest.mark.parametrize("code", [400, 500])
def test_a_store_that_is_back_is_not_kept_down_by_what_clients_make_up(site, stand_in, code):
    """Where no client was sent there yet, a trial asks what the client that comes by asks for, and
    any answer will do."""
    broken = threading.Event()
    one = stand_in(lambda path, count: status(code) if "%ff" in path and not broken.is_set() else
                   b"what?\r\n\r\n" if broken.is_set() else status(200))
    door = site(one)
    broken.set()
    for path in "bcd":
        assert where(door, f"/dl/{path}") == "upstream"
    broken.clear()

    def is_up():
        assert where(door, "/dl/%ff") == "upstream"
        return f"archeio: store {one.url}/base is up again" in door.errors()

    wait_until(is_up, 5, "store up", interval=0.1)
    assert where(door, "/dl/a") == "store"


def test_a_store_is_tried_with_what_clients_were_sent_there_for(site, stand_in):
    """Whatever the client that comes by asks for: a path that it made up may never be answered well,
    or be refused by what stands in front of a store that is dead."""
    good, odd, dead = status(200), status(500), b"what?\r\n\r\n"
    answers = {"/base/%ff": odd}
    one = stand_in(lambda path, count: answers.get(path, good))
    door = site(one)
    assert where(door, "/dl/a") == "store"
    for path in "bcd":
        answers[f"/base/{path}"] = dead
        assert where(door, f"/dl/{path}") == "upstream"
    answers.update({"/base/a": odd, "/base/%ff": status(400)})
    said, begin = f"archeio: store {one.url}/base is up again", len(one.requests)

    def trials():
        assert where(door, "/dl/%ff") == "upstream"
        return one.requests[begin:]

    wait_until(lambda: len(trials()) >= 2, 5, "trials", interval=0.1)
    assert set(trials()) == {"/base/a"} and said not in door.errors()
    answers.update({"/base/a": good, "/base/%ff": odd})
    wait_until(lambda: trials() and said in door.errors(), 5, "store up", interval=0.1)
    assert where(door, "/dl/a") == "store"


@pytest.mark.slow
def test_a_deleted_artifact_is_noticed(site, stand_in):
    """While clients are sent there, a HEAD every 5 s looks whether what they get is still there."""
    deleted = threading.Event()
    one = stand_in(lambda path, count: status(404 if deleted.is_set() else 200))
    door = site(one)
    assert where(door, "/dl/a") == "store"
    deleted.set()
    wait_until(lambda: where(door, "/dl/a") == "upstream", 10, "the deletion", interval=0.1)


def test_clients_do_not_reach_the_location_that_asks(site, stand_in):
    one = stand_in(lambda path, count: status(200))
    door = site(one)
    for target in ("/archeio-existence", "/archeio-existence?x", "//archeio-existence",
                   "/x/../archeio-existence"):
        answer = ask(door.port, target)
        assert (answer.status, answer.location) == (404, None)
    assert not one.requests


def test_a_store_cannot_lead_the_question_elsewhere(site, stand_in):
    """What nginx would take for instructions to itself is none of a store's business."""
    lie = status(200, **{"X-Accel-Redirect": "/v2/"})
    one = stand_in(lambda path, count: lie)
    door = site(one)
    assert where(door, "/dl/a") == "store"
    assert "archeio answers clients" not in door.errors()


# ── When memory is short ──


def test_a_store_for_which_the_zone_has_no_room_is_passed_by(tmp_path, stand_in):
    """Two thousand stores with long names in the smallest zone: the log says which have no place,
    and their clients go to the upstream."""
    one = stand_in(lambda path, count: status(200))
    stores = [{"name": f"s{i}", "url": f"{one.url}/{'x' * 200}/{i}", "serves": [f"own/r{i}"]}
              for i in range(2000)]
    door = NginxDoor(tmp_path / "door", {
        "upstream": {"endpoint": UPSTREAM, "path": "p"}, "stores": stores,
        "routes": [{"name": "first", "when": {"path": "/first"}, "to": ["s0", "upstream"]},
                   {"name": "last", "when": {"path": "/last"}, "to": ["s1999", "upstream"]}]},
        changes={"archeio:64m": "archeio:1m"})
    assert 'zone "archeio" has no room for another store: nobody is sent to' in door.errors()
    assert ask(door.port, "/first").location == f"{stores[0]['url']}/first"
    assert ask(door.port, "/last").location == f"{UPSTREAM}/last"
    assert len(one.requests) == 1
    door.stop()
