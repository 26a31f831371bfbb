"""Routes over the wire: conditions, targets and answers by both protocols, as metrics and the log
tell of them, and what a reload and a snapshot make of them."""

import hashlib
import itertools
import os
import threading

import pytest

from lib import http, http2_client
from lib.archeio import Archeio, run
from lib.ports import free_port, wait_until
from lib.routed import (EU, NOBODY, NUMBERED, OFFICE, SIXTH, UPSTREAM, WAYS, ask, head, logged,
                        read_answer, settings)

DIGEST = "sha256:" + "ab" * 32
HEX = "cd" * 32


def to(name, **when):
    """A route that leads to a host that bears its name."""
    return {"name": name, "when": when, "to": {"url": f"https://{name}.example"}}


# Each condition has a host of its own, so that no other route takes its requests.
ROUTES = [
    to("eu", host="client.test", region="aws/eu-west-3"),
    to("office", host="client.test", cloud="office"),
    to("as64501", host="client.test", asn="as64501"),
    to("both", host="client.test", provider="both"),
    to("net", host="client.test", network=["192.88.99.0/24"]),
    to("heads", host="method.test", method="HEAD"),
    to("manifests", host="kind.test", kind="manifest"),
    to("blobs", host="kind.test", kind="blob"),
    to("tags", host="kind.test", kind=["tags", "referrers"]),
    to("signatures", host="kind.test", kind="signature"),
    to("others", host="kind.test", kind="other"),
    to("repository", host="repo.test", repository=["team/*", "e2e/**", "exact"]),
    to("path", host="path.test", path=["/release/**", "/one"]),
    to("deep", host="path.test", path="/*/x/**"),
    to("blue", host="header.test", header={"X-Team": ["blue", "red-*"]}),
    to("two", host="header.test", header={"X-Team": "green", "X-Tier": "gold"}),
    to("names", host=["first.test", "second.test"]),
    to("half", host="share.test", share="50%"),
]
PROVIDERS = {"both": ["azure", 4200000000]}

# Host, path, method, client, fields: the route that takes it; None: none does.
ROWS = [
    ("client.test", "/x", "GET", EU, (), "eu"),
    ("client.test", "/x", "GET", OFFICE, (), "office"),
    ("client.test", "/x", "GET", NUMBERED, (), "as64501"),
    ("client.test", "/x", "GET", SIXTH, (), "both"),
    ("client.test", "/x", "GET", NOBODY, (), "net"),
    ("client.test", "/x", "GET", None, (), None),
    ("method.test", "/x", "HEAD", EU, (), "heads"),
    ("method.test", "/x", "GET", EU, (), None),
    ("kind.test", "/v2/a/manifests/1", "GET", EU, (), "manifests"),
    ("kind.test", f"/v2/a/blobs/{DIGEST}", "GET", EU, (), "blobs"),
    ("kind.test", "/v2/a/tags/list?n=5&last=x", "GET", EU, (), "tags"),
    ("kind.test", f"/v2/a/referrers/{DIGEST}", "GET", EU, (), "tags"),
    ("kind.test", f"/v2/a/manifests/sha256-{HEX}.sig", "GET", EU, (), "signatures"),
    ("kind.test", "/v2/a/blobs/uploads", "GET", EU, (), "others"),
    ("kind.test", "/elsewhere", "GET", EU, (), "others"),
    ("repo.test", "/v2/team/a/manifests/1", "GET", EU, (), "repository"),
    ("repo.test", "/v2/team/a/b/manifests/1", "GET", EU, (), None),
    ("repo.test", "/v2/e2e/a/b/manifests/1", "GET", EU, (), "repository"),
    ("repo.test", "/v2/exact/manifests/1", "GET", EU, (), "repository"),
    ("repo.test", "/v2/t%65am/a/manifests/1", "GET", EU, (), "repository"),
    ("path.test", "/other/x/y", "GET", EU, (), "deep"),
    ("path.test", "/other/y", "GET", EU, (), None),
    ("header.test", "/x", "GET", EU, (("X-Team", "blue"),), "blue"),
    ("header.test", "/x", "GET", EU, (("x-TEAM", "red-2"),), "blue"),
    ("header.test", "/x", "GET", EU, (("X-Team", "Blue"),), None),
    ("header.test", "/x", "GET", EU, (("X-Team", "bluer"),), None),
    ("header.test", "/x", "GET", EU, (("X-Team", ""),), None),
    ("header.test", "/x", "GET", EU, (("X-Teams", "blue"),), None),
    ("header.test", "/x", "GET", EU, (("X-Team", "blue"), ("X-Team", "no")), "blue"),
    ("header.test", "/x", "GET", EU, (("X-Team", "no"), ("X-Team", "blue")), None),
    ("header.test", "/x", "GET", EU, (("X-Team", ""), ("X-Team", "blue")), None),
    ("header.test", "/x", "GET", EU, (("X-Tier", "gold"), ("X-Team", "green")), "two"),
    ("header.test", "/x", "GET", EU, (("X-Team", "green"),), None),
    ("first.test", "/x", "GET", EU, (), "names"),
    ("second.test", "/x", "GET", EU, (), "names"),
    ("SECOND.test:8443", "/x", "GET", EU, (), "names"),
    ("second.test.", "/x", "GET", EU, (), "names"),
    ("third.test", "/x", "GET", EU, (), None),
    ("second.test.evil.test", "/x", "GET", EU, (), None),
]


@pytest.fixture(scope="module", name="site")
def site_of_conditions(tmp_path_factory):
    directory = tmp_path_factory.mktemp("routes")
    server = Archeio(directory, settings(directory, ROUTES, providers=PROVIDERS))
    yield server
    server.stop()


@pytest.mark.parametrize("way", WAYS)
def test_each_condition_holds_and_fails_as_it_says(site, way):
    """The route that is taken shows in Location, and by its name in the metrics and in the log."""
    before = len(site.access_log())
    counted = {name: site.metric("archeio_requests_by_route_total", route=name) or 0
               for name in {row[-1] for row in ROWS if row[-1]}}
    for host, path, method, client, fields, name in ROWS:
        answer = ask(site.port, path, host, method, fields, client, way)
        row = (host, path, method, client, fields, name)
        if name is None:
            assert answer.status in (307, 404), row
            assert not (answer.location or "").endswith(".example" + path), row
        else:
            plain = path.replace("%65", "e")
            assert (answer.status, answer.location) == (307, f"https://{name}.example{plain}"), row
    lines = logged(site, before + len(ROWS))[before:]
    # Each worker's lines are in their order; which comes first of two workers' is chance.
    assert sorted((line["host"], line["path"], line["route"]) for line in lines) == \
        sorted((row[0], row[1], row[-1] or "") for row in ROWS)
    assert {line["reason"] for line in lines if line["route"]} == {"route"}
    for name, old in counted.items():
        expected = old + sum(row[-1] == name for row in ROWS)
        assert site.metric("archeio_requests_by_route_total", route=name) == expected, name


@pytest.mark.parametrize("way", WAYS)
def test_a_paths_pattern_says_what_a_url_takes_the_place_of(site, way):
    def location(path):
        return ask(site.port, path, "path.test", way=way).location

    assert location("/release/v1/a.tar?x=%41") == "https://path.example/v1/a.tar?x=%41"
    assert location("/release/") == "https://path.example/"
    assert location("/one") == "https://path.example"
    assert location("/a/x/y") == "https://deep.example/a/x/y"


def test_a_share_is_the_same_for_a_client_and_its_neighbours_after_a_restart_too(site, tmp_path):
    def taken(port):
        return [ask(port, f"/file-{n % 10}", "share.test", client=f"100.64.{n}.{n}").status == 307
                for n in range(60)]

    first = taken(site.port)
    assert 12 <= sum(first) <= 48
    assert first == [ask(site.port, f"/file-{n % 10}", "share.test", client=f"100.64.{n}.1",
                         way="h2").status == 307 for n in range(60)]
    other = Archeio(tmp_path / "other", settings(tmp_path / "other", ROUTES, providers=PROVIDERS))
    try:
        assert taken(other.port) == first
    finally:
        other.stop()


@pytest.mark.parametrize("way", WAYS)
def test_the_host_is_the_requests_own_however_it_is_said(site, way):
    """With a port, by absolute-form, or by Host beside an :authority that says the same."""
    if way == "h2":
        with http2_client.Client(site.port) as client:
            answer = client.request("/x", fields=[("host", "first.test:80")],
                                    authority="first.test:80")
            assert answer.location == "https://names.example/x"
            stream = client.begin("/x", fields=[("host", "second.test")], authority="third.test")
            client.wait(lambda: stream in client.resets, "the reset")
            stream = client.h2.get_next_available_stream_id()
            client.h2.send_headers(stream, [(":method", "GET"), (":scheme", "http"),
                                            (":path", "/x"), ("host", "second.test")],
                                   end_stream=True)
            client.flush()
            assert client.answer(stream).location == "https://names.example/x"
        return
    answer = ask(site.port, "http://First.test:81/x?q", "First.test:81")
    assert answer.location == "https://names.example/x?q"
    assert ask(site.port, "http://first.test/x", "second.test").status == 400
    answers = http.parse_answers(http.exchange(
        site.port, b"GET http://second.test/x HTTP/1.0\r\n\r\n"))
    assert [a.location for a in answers] == ["https://names.example/x"]
    answers = http.parse_answers(http.exchange(site.port, b"GET /x HTTP/1.0\r\n\r\n"))
    assert [a.status for a in answers] == [404]


# ── Where routes lead ──

STATUSES = [301, 302, 307, 308]
ANSWERS = [(200, "yes"), (400, ""), (402, "no"), (403, ""), (404, "nothing here"), (410, "gone"),
           (418, "teapot"), (451, ""), (499, "x" * 1024), (503, "later")]

TARGETS = [
    *({"name": f"to{status}", "when": {"path": f"/to{status}/**"},
       "to": {"url": "https://elsewhere.example/base", "status": status}} for status in STATUSES),
    *({"name": f"say{status}", "when": {"path": f"/say{status}"},
       "to": {"status": status} | ({"body": body} if body else {})} for status, body in ANSWERS),
    {"name": "far", "when": {"repository": "far/**"}, "to": "far"},
    {"name": "own", "when": {"repository": "own/**"}, "to": "upstream"},
    {"name": "files", "when": {"host": "files.test"}, "to": "far"},
]
UPSTREAMS = [{"name": "far", "endpoint": "https://far.example/registry", "path": "a/b"},
             {"name": "near", "endpoint": "https://near.example"}]


@pytest.fixture(scope="module", name="targets")
def site_of_targets(tmp_path_factory):
    directory = tmp_path_factory.mktemp("targets")
    server = Archeio(directory, settings(directory, TARGETS, upstreams=UPSTREAMS))
    yield server
    server.stop()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_url_is_led_to_with_its_own_status(targets, way, method):
    for status in STATUSES:
        answer = ask(targets.port, f"/to{status}/a/b?c=d", "any.test", method, way=way)
        assert (answer.status, answer.location, answer.body) == \
            (status, "https://elsewhere.example/base/a/b?c=d", b"")
        assert answer.headers["content-length"] == "0"
    before = targets.metric("archeio_requests_total", step="route", status="308", store="")
    ask(targets.port, "/to308/x", "any.test", method, way=way)
    assert targets.metric("archeio_requests_total", step="route", status="308", store="") == \
        before + 1


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_the_routes_and_head_is_told_its_length(targets, way):
    for status, body in ANSWERS:
        got = ask(targets.port, f"/say{status}", "any.test", way=way)
        only = ask(targets.port, f"/say{status}", "any.test", "HEAD", way=way)
        assert (got.status, got.body.decode(), got.location) == (status, body, None)
        assert (only.status, only.body) == (status, b"")
        for answer in (got, only):
            answer.headers.pop("date")
        assert got.headers == only.headers
        assert got.headers["content-length"] == str(len(body))
        assert got.headers.get("content-type") == ("text/plain" if body else None)


@pytest.mark.parametrize("way", WAYS)
def test_several_registries_are_upstreams(targets, way):
    blob = f"/v2/far/x/blobs/{DIGEST}"
    assert ask(targets.port, blob, "r.test", way=way).location == \
        f"https://far.example/registry/v2/a/b/far/x/blobs/{DIGEST}"
    assert ask(targets.port, "/v2/far/x/tags/list?n=1", "r.test", way=way).location == \
        "https://far.example/registry/v2/a/b/far/x/tags/list?n=1"
    assert ask(targets.port, "/v2/own/x/manifests/1", "r.test", way=way).location == \
        f"{UPSTREAM}/v2/p/own/x/manifests/1"
    assert ask(targets.port, "/v2/else/manifests/1", "r.test", way=way).location == \
        f"{UPSTREAM}/v2/p/else/manifests/1"
    assert ask(targets.port, "/a%20file?q", "files.test", way=way).location == \
        "https://far.example/registry/a%20file?q"


def test_methods_that_are_none_of_ours_never_come_to_a_route(targets):
    answer = ask(targets.port, "/say200", "any.test", "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_connection_is_kept_after_every_kind_of_answer(targets):
    """One after the other, and all of them pipelined, in order."""
    requests = [(m, f"/to{s}/x") for s in STATUSES for m in ("GET", "HEAD")]
    requests += [(m, f"/say{s}") for s, _ in ANSWERS for m in ("GET", "HEAD")]
    with http.connect(targets.port) as sock:
        for method, path in requests:
            sock.sendall(head(path, "any.test", method))
            answer = read_answer(sock, method)
            assert str(answer.status) == path.split("/")[1].removeprefix("to").removeprefix("say")
            assert "connection" not in answer.headers
    data = b"".join(head(path, "any.test", method, close=(method, path) == requests[-1])
                    for method, path in requests)
    answers = http.parse_answers(http.exchange(targets.port, data), [m for m, _ in requests])
    assert [str(a.status) for a in answers] == \
        [path.split("/")[1].removeprefix("to").removeprefix("say") for _, path in requests]
    with http2_client.Client(targets.port) as client:
        streams = [(client.begin(path, method, flush=False), path) for method, path in requests]
        client.flush()
        for stream, path in streams:
            assert str(client.answer(stream).status) in path


# ── Reloads, snapshots, metrics ──

class Asker(threading.Thread):
    """Asks for the same thing over one connection, again and again, until it is told to stop."""

    def __init__(self, port, way):
        super().__init__()
        self.port, self.way = port, way
        self.answers, self.failure, self.enough = [], None, False
        self.start()

    def run(self):
        try:
            connection = http2_client.Client(self.port) if self.way == "h2" else \
                http.connect(self.port)
            with connection:
                while not self.enough:
                    self.answers.append(self.next(connection))
        except (OSError, AssertionError) as e:
            self.failure = repr(e)

    def next(self, connection):
        fields = (("X-Team", "blue"),)
        if self.way == "h2":
            sent = [(n.lower(), v) for n, v in fields]
            return connection.request("/x", fields=sent, authority="load.test")
        connection.sendall(head("/x", "load.test", fields=fields))
        return read_answer(connection)


def generation(number):
    """The wanted fields change with each, too."""
    names = ["X-Team", "X-Tier", "X-Other"][:number % 3 + 1]
    decoys = [{"name": f"never{n}-{number}", "when": {"header": {name: "never"}},
               "to": {"status": 410, "body": "wrong"}} for n, name in enumerate(names)]
    mine = {"name": f"load{number}", "when": {"host": "load.test", "header": {"X-Team": "blue"}},
            "to": {"status": 200, "body": f"answer {number}"} if number % 2 else
            {"url": f"https://host{number}.example", "status": 302}}
    return [*decoys, mine]


def test_reloads_of_routes_under_load_lose_no_request(archeio, tmp_path):
    """Each request is answered by the rules from before the reload or by those behind it, whole."""
    server = archeio(settings(tmp_path, generation(0), log={"access": "off"}), directory=tmp_path)
    askers = [Asker(server.port, way) for way in WAYS for _ in range(4)]
    for number in range(1, 9):
        server.write(settings(tmp_path, generation(number), log={"access": "off"}))
        server.reload()
        wait_until(lambda: server.output().count("reloaded") == number, 20, "the reload")
        asked = [len(a.answers) for a in askers]
        wait_until(lambda: all(len(a.answers) >= n + 3 or a.failure
                               for a, n in zip(askers, asked)), 20, "answers behind it")
    for asker in askers:
        asker.enough = True
    for asker in askers:
        asker.join(20)
        assert asker.failure is None
        said = [a.body.decode() or a.location for a in asker.answers]
        order = [f"answer {n}" if n % 2 else f"https://host{n}.example/x" for n in range(9)]
        numbers = [order.index(text) for text in said]
        assert numbers == sorted(numbers) and numbers[-1] == 8
    total = sum(len(asker.answers) for asker in askers)
    assert server.metric("archeio_requests_by_route_total") == total
    assert {labels["route"] for name, labels, _ in server.metrics()
            if name == "archeio_requests_by_route_total"} <= {"load8", "load7", ""}


def test_a_snapshot_brings_its_routes(archeio, tmp_path):
    """Compiled elsewhere, with its ranges and numbers of autonomous systems: nothing but the
    listeners is left to the configuration."""
    made = tmp_path / "made"
    made.mkdir()
    source = made / "archeio.yaml"
    directory = tmp_path / "server"
    port, admin = free_port(), free_port()
    first = Archeio(made, settings(made, ROUTES, providers=PROVIDERS), port=port, admin=admin)
    first.stop()
    snapshot = made / "routes.snapshot"
    done = run("compile", "--config", source, "--output", snapshot)
    assert done.returncode == 0, done.stderr
    server = archeio({"server": {"client_address": "google-lb"}}, directory=directory,
                     args=["--snapshot", snapshot])
    for way in WAYS:
        for host, path, method, client, fields, name in ROWS:
            answer = ask(server.port, path, host, method, fields, client, way)
            taken = (answer.location or "").startswith(f"https://{name}.example")
            assert taken == (name is not None), (host, path, client)
    assert server.metric("archeio_requests_by_route_total", route="eu") == 2


def test_metrics_stay_bounded_while_names_come_and_go(archeio, tmp_path):
    """However many configurations there were, the page has the names of one, and one more row."""
    def named(number):
        return [{"name": f"r{number}-{i}", "when": {"path": f"/{i}"}, "to": {"status": 404}}
                for i in range(50)]

    quiet = {"log": {"access": "off"}}
    server = archeio(settings(tmp_path, named(0), **quiet), directory=tmp_path)
    for number in range(1, 7):
        for i in range(50):
            assert server.request(f"/{i}").status == 404
        server.write(settings(tmp_path, named(number), **quiet))
        server.reload()
        wait_until(lambda: server.output().count("reloaded") == number, 20, "the reload")
    rows = [(labels["route"], n) for name, labels, n in server.metrics()
            if name == "archeio_requests_by_route_total"]
    assert len(rows) <= 101
    assert sum(n for _, n in rows) == 300
    assert server.metric("archeio_requests_total", step="route", status="404") == 300


# ── Who is asking ──

@pytest.mark.parametrize("way", WAYS)
def test_the_client_may_be_who_x_real_ip_says(archeio, tmp_path, way):
    """Of several the first; without the field the peer; one that is none is nobody's, and counted."""
    server = archeio(settings(tmp_path, ROUTES, providers=PROVIDERS,
                              server={"client_address": "x-real-ip"}), directory=tmp_path)

    def route(*values):
        answer = ask(server.port, "/x", "client.test", fields=[("X-Real-IP", v) for v in values],
                     client=OFFICE, way=way)
        return (answer.location or "").removeprefix("https://").removesuffix(".example/x")

    assert route(EU) == "eu"
    assert route(f"{NUMBERED}:4711") == "as64501"
    assert route(SIXTH) == route(f"[{SIXTH}]:1") == "both"
    assert route(EU, NUMBERED) == "eu"
    assert route() == ""
    assert not server.metric("archeio_client_address_failures_total")
    for unusable in (f"{EU}, {NUMBERED}", "unknown", "", "192.0.2.010"):
        assert route(unusable) == ""
    assert server.metric("archeio_client_address_failures_total") == 4
    clients = [line["client"] for line in logged(server, 10)]
    assert sorted(clients) == sorted([EU, NUMBERED, SIXTH, SIXTH, EU, "127.0.0.1"] + ["-"] * 4)


# ── Hostile requests ──

def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("way", WAYS)
def test_more_lines_than_there_may_be_are_refused_with_routes_too(site, way):
    """Up to the limit each of them is looked at; beyond it the request is none."""
    fields = [("X-Team", "no")] * 40 + [("X-Tier", "gold")] * 10
    assert ask(site.port, "/x", "header.test", fields=fields, way=way).status == 404
    fields = [("X-Team", "blue")] * 100
    assert ask(site.port, "/x", "header.test", fields=fields, way=way).status == 431


def held_by_connections(site, way, name):
    """How many bytes a connection holds when it has sent a long field of this name and waits."""
    count = 300
    connections = []
    before = resident(site.pid)
    for _ in range(count):
        if way == "h2":
            connections.append(http2_client.Client(site.port))
            answer = connections[-1].request("/x", fields=[(name, "blue" + "x" * 7000)],
                                             authority="header.test")
        else:
            connections.append(http.connect(site.port))
            connections[-1].sendall(head("/x", "header.test",
                                         fields=[(name, "blue" + "x" * 7000)]))
            answer = read_answer(connections[-1])
        assert answer.status == 404
    held = resident(site.pid) - before
    for connection in connections:
        connection.close()
    wait_until(lambda: site.metric("archeio_connections") == 0, 20, "the connections closed")
    return held / count


@pytest.mark.alone
@pytest.mark.parametrize("way", WAYS)
def test_long_values_of_wanted_fields_are_not_kept(site, way):
    """What routes look at is read where it lies: a connection that has sent 7 KB of it holds no more
    than one that has sent as much of what nobody wants."""
    held_by_connections(site, way, "x-else")  # the server has touched what it needs for so many
    unwanted = held_by_connections(site, way, "x-else")
    assert held_by_connections(site, way, "x-team") < unwanted + 2000


def test_a_thousand_pipelined_requests_with_fields_are_answered_in_order(site):
    wanted = itertools.cycle([("blue", 307), ("none", 404), ("red-1", 307)])
    rows = [next(wanted) for _ in range(1000)]
    data = b"".join(head(f"/{i}", "header.test", fields=[("X-Team", value)], close=i == 999)
                    for i, (value, _) in enumerate(rows))
    answers = http.parse_answers(http.exchange(site.port, data))
    assert [a.status for a in answers] == [status for _, status in rows]
    for i, answer in enumerate(answers):
        assert answer.status == 404 or answer.location == f"https://blue.example/{i}"


def test_no_host_or_path_of_a_client_gets_into_a_location_that_is_not_its_own(site):
    """Whatever the host is, it selects a route and stands nowhere in its answer."""
    for host in ("names.example", "first.test:65535", "[::1]", "a" * 255, "x" * 8000, "%66irst.test"):
        for way in WAYS:
            answer = ask(site.port, "/x", host, way=way)
            assert answer.status in (307, 400, 404, 431), host
            assert answer.location in (None, "https://names.example/x"), host
    digest = hashlib.sha256(b"").hexdigest()
    for path in ("//evil.test/x", "/\\evil.test", "/..//evil.test", "/%2e%2e/x", "/@evil.test",
                 f"/v2/../x/blobs/sha256:{digest}"):
        answer = ask(site.port, path, "first.test")
        assert answer.location is None or answer.location.startswith("https://names.example/"), path
