"""Routes in Envoy: what they look at, what they answer, and artifacts in stores."""

import time

import pytest

from lib import http
from lib.envoy import Envoy, Sample, compile_filter
from lib.envoy_site import at_once, site_config
from lib.site import write_ranges
from lib.ports import wait_until
from lib.store import status

EVERYBODY = "127.0.0.0/8 aws eu-west-3\n"
ROUTES = [
    {"name": "team", "when": {"header": {"X-Team": ["blue", "red-*"]}},
     "to": {"url": "https://team.example", "status": 302}},
    {"name": "agent", "when": {"header": {"User-Agent": "old/*"}}, "to": {"status": 403, "body": "update"}},
    {"name": "old", "when": {"host": "old.example"}, "to": {"url": "https://new.example/x", "status": 301}},
    {"name": "moved", "when": {"path": "/moved/**"}, "to": {"url": "https://new.example", "status": 308}},
    {"name": "away", "when": {"repository": "away/**"}, "to": {"url": "https://other.example"}},
    {"name": "gone", "when": {"path": "/gone"}, "to": {"status": 410, "body": "It is gone."}},
    {"name": "closed", "when": {"path": "/closed", "method": "GET"}, "to": {"status": 503}},
    {"name": "fine", "when": {"path": "/fine"}, "to": {"status": 200, "body": "fine"}},
    {"name": "files", "when": {"host": "dl.example"}, "to": ["eu", "upstream"]},
]

DL = ["Host: dl.example"]
ASKED = [
    ("/v2/app/manifests/v1", ["Host: x", "X-Team: blue"]),
    ("/v2/app/manifests/v1?n=1", ["Host: x", "X-Team: red-7", "X-Team: green"]),
    ("/v2/app/manifests/v1", ["Host: x", "X-Team: green", "X-Team: blue"]),
    ("/v2/app/manifests/v1", ["Host: x", "x-team: Blue"]),
    ("/v2/app/manifests/v1", ["Host: x", "User-Agent: old/1.0"]),
    ("/v2/app/manifests/v1", ["Host: x", "User-Agent: new/1.0"]),
    ("/v2/app/manifests/v1", ["Host: old.example"]),
    ("/a//b/%2fc%20d/?e=%zz", ["Host: OLD.example:8080"]),
    ("http://old.example/a", ["Host: old.example"]),
    ("/a/../b", ["Host: old.example"]),
    ("/moved/a%2Fb%3f;c/", ["Host: x"]),
    ("/moved/%2e%2e/a", ["Host: x"]),
    ("/moved/%2", ["Host: x"]),
    ("/moved", ["Host: x"]),
    ("/v2/away/app/manifests/v1", ["Host: x"]),
    ("/v2/away/app/blobs/sha256:0", ["Host: x"]),
    ("/gone", ["Host: x"]),
    ("/closed", ["Host: x"]),
    ("/fine", ["Host: x"]),
    ("/nothing", ["Host: x"]),
    ("/there/a%2fb%20c?d=e", DL),
    ("/there/not", DL),
    ("/v2/", DL),
    ("/v2/app/manifests/v1", DL),
]


def answer_of(path, _):
    return status(200 if path == "/there/a%2fb%20c" else 404)


def config_of(store):
    return {**site_config({"eu": (store.url, ["aws/eu-west-3"])}), "routes": ROUTES}


def start(directory, config, store, settings=(), **options):
    write_ranges(directory, EVERYBODY)
    compile_filter(directory, config)
    sample = Sample().settings(["wait: 5s", *settings]).use_clusters({"eu": store.port})
    return Envoy(directory, sample, **options)


@pytest.fixture
def site(own, stand_in, tmp_path):
    """A store that answers so, and an Envoy in front of it."""
    def begin(answer=answer_of, settings=(), **options):
        store = stand_in(answer)
        return store, own(start(tmp_path / "envoy", config_of(store), store, settings, **options))
    return begin


def ask(port, target, fields, method="GET"):
    lines = "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "Connection: close", "", ""])
    return http.parse_answers(http.exchange(port, lines.encode("latin-1")), [method])[0]


def heard(answer, names=("location", "content-type", "content-length")):
    return answer.status, [answer.headers.get(name) for name in names], answer.body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_routes_answer_as_archeios_own(own, site, archeio, tmp_path, method):
    """Status, Location, type and body, whatever a request has that routes look at."""
    store, one = site()
    write_ranges(tmp_path / "ranges", EVERYBODY)
    mine = archeio({**config_of(store), "ranges": {"directory": str(tmp_path / "ranges"), "refresh": "0s"},
                    "server": {"client_address": "peer"}})
    wrong = []
    for target, fields in ASKED:
        wanted, got = (heard(ask(server.port, target, fields, method)) for server in (mine, one))
        # Envoy leaves out the length of an answer to HEAD that would have none.
        if method == "HEAD":
            wanted, got = (seen[:1] + (seen[1][:2],) for seen in (wanted, got))
        if wanted != got:
            wrong.append(f"{method} {target} {fields}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


def test_an_artifact_is_asked_for_once_by_its_path_as_it_came(site):
    """However many want it, and in whichever of Envoy's threads."""
    store, one = site(concurrency=2)
    wanted = f"{store.url}/there/a%2fb%20c"
    answers = at_once(30, lambda i: ask(one.port, f"/there/a%2fb%20c?n={i}", DL))
    assert [a.location for a in answers] == [f"{wanted}?n={i}" for i in range(30)]
    assert {ask(one.port, "/there/a%2fb%20c", DL).location for _ in range(30)} == {wanted}
    assert set(store.requests) == {"/there/a%2fb%20c"}
    assert len(store.requests) <= 2, "one HEAD for each thread"


def test_an_artifact_that_no_store_has_comes_from_the_end_of_the_list(site):
    store, one = site()
    for _ in range(3):
        assert ask(one.port, "/there/not?a", DL).location == "https://registry.example.org/there/not?a"
    assert store.requests == ["/there/not"]


def test_an_artifact_whose_url_is_too_long_for_the_cache_is_not_asked_for(site):
    store, one = site()
    path = "/" + 600 * "a"
    assert ask(one.port, path, DL).location == f"https://registry.example.org{path}"
    assert not store.requests
    assert one.counter("heads_refused") == 1


def test_random_paths_cannot_push_out_an_artifact_that_is_known_to_be_there(site):
    """A hundred times as many as there is room for, all of which are absent; for longer than a thread
    knows by itself what it has read. Nobody waits, so who is sent to the store is sent by the cache."""
    store, one = site(settings=["slots: 8", "wait: 0s"])
    known = f"{store.url}/there/a%2fb%20c"

    def where_is_it():
        return ask(one.port, "/there/a%2fb%20c", DL).location
    wait_until(lambda: where_is_it() == known, what="the artifact to be known")
    began, n = time.monotonic(), 0
    while n < 800 or time.monotonic() < began + 1.5:
        ask(one.port, f"/{n}", DL)
        n += 1
    assert where_is_it() == known


def test_the_access_log_names_the_route_and_the_store(site):
    _, one = site()
    for target, fields in (("/gone", ["Host: x"]), ("/there/a%2fb%20c", DL), ("/v2/", DL)):
        ask(one.port, target, fields)
    wait_until(lambda: len(one.access_log()) == 3, what="three lines")
    assert [line["reason"] for line in one.access_log()] == [
        "archeio_route_gone", "archeio_route_files_eu", "archeio_R5_files"]
