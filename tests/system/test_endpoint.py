"""The decision endpoint: what other programs are told that archeio would answer."""

import json
import socket
import threading
import time

import pytest

from lib import http, http2_client
from lib.archeio import run
from lib.endpoint import Endpoint, EndpointGolden, Told, query
from lib.golden import TABLES
from lib.haproxy_door import DOOR
from lib.ports import free_port, wait_until
from lib.store import StandIn, status

UPSTREAM = "https://upstream.example"
PLAIN = {"upstream": {"endpoint": UPSTREAM, "path": "p"}, "server": {"client_address": "peer"}}
OWN = "192.0.2.10/32 aws eu-west-3\n198.51.100.0/24 gcp europe-west1\n2001:db8::/32 aws us-east-2\n"
BLOB = "/v2/app/blobs/sha256:" + "1" * 64


@pytest.fixture
def endpoint(tmp_path):
    """endpoint(config) starts an archeio with the endpoint; it must end well."""
    started = []

    def start(config=None, ranges=OWN, **options):
        directory = tmp_path / f"archeio-{len(started)}"
        (directory / "ranges").mkdir(parents=True)
        (directory / "ranges" / "own.txt").write_text(ranges)
        started.append(Endpoint(directory, config or PLAIN, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


# ── The golden table ──


@pytest.fixture(scope="module", params=TABLES, ids=str)
def golden(request, tmp_path_factory):
    one = EndpointGolden(tmp_path_factory.mktemp("golden-endpoint"), request.param)
    yield one
    one.stop()


@pytest.mark.parametrize("way", ["query", "fields", "h2"])
def test_every_row_of_the_golden_tables_is_told(golden, way):
    """Each row's status and Location, byte for byte, in JSON and in fields, and its step and route,
    whether it is asked for in the query, in fields, or by HTTP/2."""
    wrong = []

    def ask(row, method):
        told = golden.ask(row, method, way)
        if (told.step, told.route) != (row.step, row.route or None):
            wrong.append(f"{row.place}: {told.step} {told.route}")
        return told
    golden.check(ask)
    assert not wrong


# ── What is told ──


FIXED = {**PLAIN, "routes": [
    {"name": "gone", "when": {"path": ["/gone/**"]}, "to": {"status": 410, "body": 'no "more", 100% \\'}},
    {"name": "lab", "when": {"host": ["dl.example.org"], "header": {"x-tenant": ["lab"]}},
     "to": {"url": "https://lab.example.net", "status": 302}},
]}


def test_json_says_why_and_who_the_client_is(endpoint):
    """Step, route, cloud and region, by the names of `archeio explain --json`."""
    told = endpoint(FIXED).decide("/v2/a/manifests/v1?n=1", ip="192.0.2.10")
    assert told.json == {
        "status": 307, "location": f"{UPSTREAM}/v2/p/a/manifests/v1?n=1", "step": "R9",
        "reason": "not a blob: upstream", "route": None, "store": None, "cache": None,
        "cloud": "aws", "region": "eu-west-3", "client": "192.0.2.10", "body": None}


def test_a_store_is_asked_as_for_a_clients_own_request(endpoint, store):
    """The first question waits for the store's answer, the next has it from the cache; the store and
    what the cache said are told."""
    one = endpoint({**PLAIN, "stores": [{"name": "eu", "url": store.url, "serves": ["aws"]}]})
    for cache in ("miss", "present"):
        told = one.decide(BLOB, ip="192.0.2.10")
        assert (told.step, told.store, told.cache) == ("R12", "eu", cache)
        assert told.location == f"{store.url}/containers/images/{BLOB.rpartition('/')[2]}"
    assert len(store.requests) == 1


FIELDS = [
    ("GET", "/v2/", {"x-archeio-docker-distribution-api-version": "registry/2.0"}),
    ("GET", "/v2/a/tags/list", {"x-archeio-location": f"{UPSTREAM}/v2/p/a/tags/list"}),
    ("POST", "/v2/a/tags/list", {"x-archeio-allow": "GET, HEAD"}),
    ("GET", "/nothing", {}),
    ("GET", "/v2/_catalog", {"x-archeio-content-type": "application/json"}),
    ("GET", "/gone/x", {"x-archeio-content-type": "text/plain",
                        "x-archeio-body": "no%20\"more\",%20100%25%20\\"}),
]


@pytest.mark.parametrize("way", ["http/1.1", "h2"])
@pytest.mark.parametrize("method, path, fields", FIELDS)
def test_the_answers_own_fields_are_there_with_a_prefix(endpoint, way, method, path, fields):
    """Whoever passes each X-Archeio-* on without its prefix, and the body decoded, answers as archeio
    does, without reading JSON."""
    one = endpoint(FIXED)
    target = "/decide" + query(path=path, method=method)
    if way == "h2":
        with http2_client.Client(one.decide_port) as client:
            told = Told(client.request(target))
    else:
        told = Told(one.ask(target))
    own = one.request(path, method)
    got = {name: value for name, value in told.headers.items()
           if name.startswith("x-archeio-") and name not in ("x-archeio-status", "x-archeio-body")}
    assert {name.removeprefix("x-archeio-"): value for name, value in got.items()} == \
        {name: value for name, value in own.headers.items()
         if name not in ("date", "content-length", "connection")}
    assert fields.items() <= told.headers.items()
    assert told.status == own.status
    assert (told.body or "") == own.body.decode()


def test_routes_see_the_host_and_the_fields_that_come_with_the_question(endpoint):
    """The host of the query, else of X-Original-Host, else Host; and any field that a route names."""
    one = endpoint(FIXED)
    lab, other = "https://lab.example.net/x", None
    tenant = [("X-Tenant", "lab")]
    assert one.decide("/x", tenant, host="dl.example.org").location == lab
    assert one.decide("/x", [*tenant, ("X-Original-Host", "DL.example.org:443")]).location == lab
    assert one.decide("http://dl.example.org/x", tenant, host="else.example.org").location == lab
    assert one.decide("/x", [("X-Original-Host", "dl.example.org")]).location == other
    assert one.decide("/x", tenant, host="else.example.org").location == other
    raw = b"GET /decide?path=/x HTTP/1.0\r\nHost: dl.example.org\r\nX-Tenant: lab\r\n\r\n"
    assert Told(http.parse_answers(http.exchange(one.decide_port, raw))[0]).location == lab


def test_head_is_answered_like_get_without_a_body(endpoint):
    one = endpoint()
    target = "/decide" + query(path="/v2/a/tags/list")
    head, get = one.ask(target, "HEAD"), one.ask(target)
    assert head.body == b"" and head.status == 200
    assert {k: v for k, v in head.headers.items() if k != "date"} == \
        {k: v for k, v in get.headers.items() if k != "date"}


# ── What is no question ──

WRONG = [
    ("GET", "/decide", 400, "no path: expected /decide?path=/v2/..., percent-encoded, or the field"),
    ("GET", "/decide?path=", 400, "no path"),
    ("GET", "/decide?path=/v2/&pat=/v2/", 400, "none of ip=, path=, host= and method="),
    ("GET", "/decide?path=/v2/a/tags/list?n=1&last=2", 400, "within a value, write & as %26"),
    ("GET", "/decide?path=/v2/&&", 400, "none of ip=, path=, host= and method="),
    ("GET", "/decide?path", 400, "none of ip=, path=, host= and method="),
    ("GET", "/decide?path=/v2/&ip=192.0.2.1&path=/", 400, "gives a value twice"),
    ("GET", "/decide?path=&path=/", 400, "gives a value twice"),
    ("GET", "/decide?path=/v2/%", 400, "write it as %25"),
    ("GET", "/decide?path=/v2/%2", 400, "write it as %25"),
    ("GET", "/decide?ip=%g0&path=/v2/", 400, "write it as %25"),
    ("GET", "/host?x=1", 400, "none of ip=, path=, host= and method="),
    ("GET", "/v2/", 404, "nothing here but /decide and /host"),
    ("GET", "/decide/", 404, "nothing here but /decide and /host"),
    ("GET", "/%64ecide?path=/", 404, "nothing here but /decide and /host"),
    ("POST", "/decide?path=/v2/", 405, "a question is asked with GET"),
]


@pytest.mark.parametrize("method, target, number, said", WRONG)
def test_what_is_no_question_is_told_what_one_is(endpoint, method, target, number, said):
    answer = endpoint().ask(target, method)
    assert answer.status == number
    assert said in json.loads(answer.body)["error"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get("allow") == ("GET, HEAD" if number == 405 else None)
    assert "x-archeio-status" not in answer.headers


NO_REQUESTS = [({"path": "/v2/a b"}, 400), ({"path": "/v2/a\r\nX-Evil: 1"}, 400),
               ({"path": "/v2/a\0"}, 400), ({"path": "/v2/\xff"}, 400), ({"path": "/a#b"}, 400),
               ({"path": "v2/"}, 400), ({"path": "*"}, 400), ({"path": "http://"}, 400),
               ({"path": "ftp://x/"}, 400), ({"path": "/v2/", "host": "a b"}, 400),
               ({"path": "/v2/", "host": "a\r\nb"}, 400), ({"path": "/v2/", "host": "u@h"}, 400),
               ({"path": "*", "method": "OPTIONS"}, 405), ({"path": "/v2/", "method": "\r\n"}, 405),
               ({"path": "x:443", "method": "CONNECT"}, 405)]


@pytest.mark.parametrize("values, number", NO_REQUESTS)
def test_what_is_no_request_gets_the_status_that_it_would_get(endpoint, values, number):
    """Of a request that archeio's own listener refuses before any decision, the endpoint says the
    status, and no byte of it gets into a field."""
    one = endpoint()
    told = one.decide(**values)
    assert (told.status, told.location) == (number, None)
    assert "x-evil" not in told.headers


def test_a_target_that_is_too_long_is_told_so(endpoint):
    """By fields of HTTP/2, in which alone it fits."""
    one = endpoint()
    with http2_client.Client(one.decide_port) as client:
        for size, number in ((8192, 307), (8193, 414)):
            target = "/v2/a/manifests/" + "x" * (size - 16)
            assert Told(client.request("/decide", fields=[("x-original-uri", target)])).status == number


def test_an_answer_that_cannot_be_told_is_refused(endpoint):
    """Quotes double in JSON: what no longer fits is an error, not half an answer."""
    one = endpoint()
    target = "/v2/a/manifests/v1?" + '"' * 8170
    with http2_client.Client(one.decide_port) as client:
        answer = client.request("/decide", fields=[("x-original-uri", target)])
        assert answer.status == 414 and b"too long" in answer.body
        assert client.request("/host").body == b"upstream.example"


def test_every_byte_is_taken_for_what_it_is(endpoint):
    """Each byte, escaped, in each value: one answer of JSON, with no line end in a field."""
    one = endpoint(FIXED)
    for name in ("path", "ip", "host", "method"):
        asked = b"".join(
            f"GET /decide?{'' if name == 'path' else 'path=/gone/x&'}{name}=/gone/%{byte:02x} HTTP/1.1\r\n"
            "Host: x\r\n\r\n".encode() for byte in range(256))
        end = b"GET /host HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answers = http.parse_answers(http.exchange(one.decide_port, asked + end))
        assert len(answers) == 257
        for answer in answers[:256]:
            assert Told(answer).status in (400, 404, 405, 410)
            assert set(answer.headers) <= {
                "date", "content-type", "content-length", "x-archeio-status", "x-archeio-body",
                "x-archeio-content-type", "x-archeio-allow"}


# ── Who the client is ──


@pytest.mark.parametrize("text", ["", "1.2.3", "192.0.2.010", "192.0.2.10:80", "fe80::1%eth0", "unknown",
                                  "192.0.2.10, 192.0.2.11", "\r\n", "192.0.2.10\0"])
def test_what_is_no_address_is_an_unknown_client_and_said_so(endpoint, text):
    one = endpoint()
    told = one.decide("/v2/", ip=text)
    assert (told.client, told.cloud, told.region) == (None, None, None)
    assert "unknown region" in told.warning
    assert told.status == 200
    assert one.metric("archeio_client_address_failures_total") == 1


def test_the_client_is_who_is_named_and_never_who_asks(endpoint):
    """The query before X-Real-Ip; of X-Forwarded-For nothing is read."""
    one = endpoint(ranges=OWN + "127.0.0.0/8 aws eu-central-1\n")
    assert one.decide("/v2/").cloud is None
    assert one.decide("/v2/", [("X-Forwarded-For", "192.0.2.10, 192.0.2.10")]).cloud is None
    assert one.decide("/v2/", [("X-Real-Ip", "192.0.2.10")]).region == "eu-west-3"
    assert one.decide("/v2/", [("X-Real-Ip", "192.0.2.10")], ip="198.51.100.3").region == "europe-west1"
    assert one.decide("/v2/", ip="2001:DB8::7").client == "2001:db8::7"
    assert one.decide("/v2/", ip="::ffff:192.0.2.10").region == "eu-west-3"


# ── The host ──

TWO = {**PLAIN, "upstreams": [{"name": "hub", "endpoint": "https://hub.example:8443", "path": "x"}],
       "routes": [{"name": "near", "when": {"network": ["192.0.2.0/24"]}, "to": ["hub"]},
                  {"name": "barred", "when": {"network": ["203.0.113.0/24"]}, "to": {"status": 403}}]}


@pytest.mark.parametrize("target", ["/host", "/", "/host?ip=192.0.2.10", "http://x/host"])
def test_the_bare_host_is_told_as_the_proposals_backend_did(endpoint, target):
    """`GET /host`, and `GET /` as that Envoy asks: the name alone, with a port if it has one."""
    one = endpoint(TWO)
    answer = one.ask(target, headers=[("X-Real-Ip", "192.0.2.10")])
    assert (answer.status, answer.body) == (200, b"hub.example:8443")
    assert answer.headers["content-type"] == "text/plain"
    if "?" not in target:
        assert one.ask(target, headers=[("X-Real-Ip", "198.51.100.1")]).body == b"upstream.example"
        assert one.ask(target).body == b"upstream.example"
    assert one.ask(target, "HEAD").body == b""


def test_a_client_that_is_not_redirected_has_no_host(endpoint):
    answer = endpoint(TWO).ask("/host?ip=203.0.113.1")
    assert answer.status == 404 and "is not redirected" in json.loads(answer.body)["error"]


# ── The listener ──


def test_the_other_listeners_have_no_endpoint(endpoint):
    """/decide and /host are paths like others there; and what they answer, the endpoint does not."""
    one = endpoint()
    for path in ("/decide?path=/v2/", "/host"):
        assert one.request(path).status == 404
        assert "x-archeio-status" not in one.request(path, client="192.0.2.10").headers
    assert one.request("/v2/").status == 200
    assert one.ask("/v2/").status == 404


def test_without_the_setting_nothing_listens(archeio):
    server = archeio(PLAIN)
    assert server.metric("archeio_decide_requests_total") is None
    assert "decides:" not in server.output()


def test_the_banner_says_where_and_the_example_in_it_works(endpoint):
    one = endpoint()
    (line,) = [line.split() for line in one.output().splitlines() if "decides:" in line]
    assert line[1] == f"http://127.0.0.1:{one.decide_port}/decide?path=/v2/"
    assert Told(one.ask("/decide?path=/v2/")).status == 200


def test_an_address_that_is_taken_is_refused_by_name(endpoint):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        one = endpoint({**PLAIN, "server": {"decide": address}}, wait=False)
        assert one.program.process.wait(20) == 1
        assert f'server.decide: cannot listen on "{address}"' in one.output()
        one.stopped = True


def test_a_reload_keeps_the_listener_and_says_that_another_needs_a_restart(endpoint):
    """Policy comes anew; whatever becomes of the setting, what listens goes on."""
    one = endpoint()
    for decide in (f"127.0.0.1:{free_port()}", ""):
        one.write({"upstream": {"endpoint": "https://next.example"}, "server": {"decide": decide}})
        before = one.output().count("server.decide has changed: restart to use it")
        one.reload()
        wait_until(lambda n=before: one.output().count("server.decide has changed") > n, what="a warning")
        wait_until(lambda: one.ask("/host").body == b"next.example", what="the new policy")
        assert one.output().count("server.decide has changed") == before + 1


def test_questions_are_counted_apart_by_step(endpoint):
    one = endpoint()
    for path in ("/v2/", "/v2/", "/v2/a/tags/list", "/a b"):
        one.decide(path)
    one.ask("/nothing")
    counted = {labels["step"]: n for name, labels, n in one.metrics()
               if name == "archeio_decide_requests_total" and n}
    assert counted == {"R5": 2, "R9": 1, "none": 2}
    assert one.metric("archeio_requests_total") == 0


def test_the_access_log_has_what_was_asked_for_and_who_asked(endpoint):
    """The client, target and answer are those of the request that was asked for."""
    one = endpoint({**PLAIN, "log": {"access": "access.log"}})
    one.decide("/v2/a/tags/list?n=1", ip="192.0.2.10", method="HEAD")
    one.request("/v2/")
    wait_until(lambda: len(one.access_log()) == 2, what="two lines")
    asked, own = one.access_log()
    wanted = {"client": "192.0.2.10", "asked_by": "127.0.0.1", "region": "eu-west-3",
              "method": "HEAD", "path": "/v2/a/tags/list?n=1", "status": 307, "reason": "R9"}
    assert wanted.items() <= asked.items()
    assert "asked_by" not in own


def test_a_clients_limits_hold_for_whom_others_ask(endpoint):
    """The rate limit is the client's that is named; that of connections is nobody's here."""
    one = endpoint({**PLAIN, "rate_limit": {"rate": "1/h", "burst": 2},
                    "server": {"client_address": "peer", "max_connections_per_client": 1}})
    held = [socket.create_connection(("127.0.0.1", one.decide_port)) for _ in range(5)]
    assert [one.decide("/v2/", ip="192.0.2.10").status for _ in range(3)] == [200, 200, 429]
    refused = one.decide("/v2/", ip="192.0.2.10")
    assert int(refused.headers["x-archeio-retry-after"]) > 0
    assert "TOOMANYREQUESTS" in refused.body
    assert one.decide("/v2/", ip="192.0.2.11").status == 200
    assert one.metric("archeio_connections_crowded_total") == 0
    for sock in held:
        sock.close()


# ── Stores that are slow ──


@pytest.fixture
def store():
    one = StandIn(lambda *_: status(200))
    yield one
    one.close()


@pytest.fixture
def slow():
    """A store that answers when it is told to."""
    go = threading.Event()
    one = StandIn(lambda *_: go.wait(30) and status(200))
    one.go = go.set
    yield one
    go.set()
    one.close()


FIELD_ROUTES = [{"name": "new", "when": {"header": {"X-Team": "blue"}}, "to": {"status": 410}}]


def site_of(store, wait):
    return {**PLAIN, "stores": [{"name": "slow", "url": store.url, "serves": ["default"]}],
            "existence": {"wait": wait}}


class Asker(threading.Thread):
    """Asks for the blob until it is answered: .told, which is None until then."""

    def __init__(self, one, way):
        super().__init__()
        self.one, self.way, self.told = one, way, None
        self.start()

    def run(self):
        fields = [("x-original-uri", BLOB), ("x-real-ip", "203.0.113.9")]
        if self.way == "h2":
            with http2_client.Client(self.one.decide_port) as client:
                self.told = Told(client.request("/decide", fields=fields))
        else:
            self.told = Told(self.one.ask("/decide", headers=fields))

    def heard(self):
        self.join()
        return self.told.step, self.told.store, self.told.cache


def reload_with(one, config):
    generation = one.metric("archeio_generation")
    one.write(config)
    one.reload()
    wait_until(lambda: one.metric("archeio_generation") > generation, what="the reload")


@pytest.mark.parametrize("way", ["http/1.1", "h2"])
def test_a_question_waits_for_a_store_and_no_other_waits_for_it(endpoint, slow, way):
    """Parked like a client's request, by either protocol; a reload meanwhile takes nothing from it."""
    one = endpoint(site_of(slow, "20s"))
    asker = Asker(one, way)
    wait_until(lambda: slow.requests, what="the store to be asked")
    assert one.decide("/v2/").status == 200
    reload_with(one, {**site_of(slow, "20s"), "routes": [{"name": "new", "when": {"path": "/new"},
                                                          "to": {"status": 410}}]})
    assert one.decide("/new").status == 410
    assert asker.told is None
    slow.go()
    assert asker.heard() == ("R12", "slow", "miss")


def test_where_rules_begin_to_look_at_other_fields_a_question_of_http1_waits_on(endpoint, slow):
    one = endpoint(site_of(slow, "20s"))
    asker = Asker(one, "http/1.1")
    wait_until(lambda: slow.requests, what="the store to be asked")
    reload_with(one, {**site_of(slow, "20s"), "routes": FIELD_ROUTES})
    assert one.decide("/new", [("X-Team", "blue")]).status == 410
    assert asker.told is None
    slow.go()
    assert asker.heard() == ("R12", "slow", "miss")


def test_where_they_do_one_of_http2_is_answered_at_once_by_those_of_before(endpoint, slow):
    """Of what it has sent, only the fields that they look at are kept."""
    one = endpoint(site_of(slow, "20s"))
    asker = Asker(one, "h2")
    wait_until(lambda: slow.requests, what="the store to be asked")
    reload_with(one, {**site_of(slow, "20s"), "routes": FIELD_ROUTES})
    assert asker.heard() == ("R13", None, "miss")
    assert one.decide("/new", [("X-Team", "blue")]).status == 410


def test_a_question_waits_no_longer_than_a_client_would(endpoint, slow):
    one = endpoint(site_of(slow, "300ms"))
    begin = time.monotonic()
    assert one.decide(BLOB).step == "R13"
    assert 0.25 < time.monotonic() - begin < 5
    assert one.metric("archeio_existence_wait_timeouts_total") == 1


def test_a_store_that_is_gone_is_told_like_one_that_has_nothing(endpoint):
    """After three HEADs in vain it is down, and not asked for a while."""
    url = f"http://127.0.0.1:{free_port()}"
    one = endpoint({**PLAIN, "stores": [{"name": "gone", "url": url, "serves": ["default"]}]})
    for number, cache in ((0, "miss"), (1, "miss"), (2, "miss"), (3, "down")):
        told = one.decide(BLOB[:-1] + str(number))
        assert (told.step, told.store, told.cache) == ("R13", None, cache)


# ── The samples ──


def test_archeio_finds_nothing_wrong_with_the_samples_configuration():
    checked = run("check-config", DOOR / "archeio.yaml")
    assert checked.returncode == 0 and "warning" not in checked.stderr, checked.stderr
