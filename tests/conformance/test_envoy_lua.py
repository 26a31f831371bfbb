"""Envoy with the Lua of doors/endpoint: it answers what archeio decides when it is asked over HTTP, and
without an answer of archeio's clients go to the upstream."""

import os
import signal
import time

import pytest

from lib import clients, http, http2_client
from lib.endpoint import Endpoint, EndpointGolden
from lib.envoy import Envoy, Sample, binary
from lib.golden import TABLES, ask_http1, ask_http2
from lib.haproxy_door import DOOR
from lib.nginx import Bucket
from lib.ports import wait_until
from lib.program import freeze
from lib.site import PATH, Upstream, write_ranges
from suites import run

UPSTREAM = "https://upstream.example"
SAMPLES = "https://registry.example.org/v2/mirror/images"  # where the sample sends whom archeio does not
PLAIN = {"upstream": {"endpoint": UPSTREAM, "path": PATH}, "server": {"client_address": "peer"}}
OWN = "127.0.0.1/32 aws eu-west-3\n"

# The test is the load balancer, and says who the client is.
BEHIND_PROXIES = ("use_remote_address: true",
                  "use_remote_address: false\n" + 16 * " " + "xff_num_trusted_hops: 1")


class LuaEnvoy(Envoy):
    """In front of an archeio with the endpoint; asks it when the constructor returns. lua: the file;
    changes: of what is in it."""

    def __init__(self, directory, archeio, sample=(), lua="envoy.lua", changes=None):
        directory.mkdir(parents=True)
        text = (DOOR / lua).read_text(encoding="utf-8")
        for old, new in (changes or {}).items():
            assert text.count(old) == 1, f"{lua}: {old!r} is there {text.count(old)} times"
            text = text.replace(old, new)
        (directory / lua).write_text(text, encoding="utf-8")
        one = Sample()
        one.text = (DOOR / "envoy-lua.yaml").read_text(encoding="utf-8")
        one.change("port_value: 8081", f"port_value: {archeio.decide_port}")
        one.change("port_value: 9090", f"port_value: {archeio.admin_port}")
        one.change("filename: envoy.lua", f"filename: {lua}")
        for old, new in sample:
            one.change(old, new)
        super().__init__(directory, one)
        self.wait_for_archeio(True)

    def wait_for_archeio(self, healthy):
        wait_until(lambda: self.stat("cluster.archeio.membership_healthy") == healthy, 20,
                   "Envoy to find out about archeio")


@pytest.fixture
def door(own, tmp_path):
    """door(config) starts an archeio with the endpoint, and Envoy in front of it."""
    def start(config=None, **options):
        write_ranges(tmp_path / "archeio" / "ranges", OWN)
        archeio = own(Endpoint(tmp_path / "archeio", config or PLAIN))
        one = own(LuaEnvoy(tmp_path / "envoy", archeio, **options))
        one.archeio = archeio
        return one
    return start


# ── The same answers ──


class GoldenDoor(EndpointGolden):
    def __init__(self, directory, table):
        super().__init__(directory, table)
        self.envoy = LuaEnvoy(directory / "envoy", self, [BEHIND_PROXIES], changes=self.changes)

    def stop(self):
        try:
            self.envoy.stop()
        finally:
            super().stop()


@pytest.fixture(scope="module", params=TABLES, ids=str)
def golden(request, tmp_path_factory):
    one = GoldenDoor(tmp_path_factory.mktemp("golden-lua"), request.param)
    yield one
    one.stop()


def test_every_row_of_the_golden_tables_gets_archeios_answer(golden):
    """Status and Location, byte for byte; but for rows that Envoy answers before it asks, which bear
    Envoy's status."""
    golden.check(lambda row, method: ask_http1(http.connect, golden.envoy.port, row, method),
                 door="envoy")


def test_every_row_gets_it_in_http2_too(golden):
    with http2_client.Client(golden.envoy.port) as client:
        golden.check(lambda row, method: ask_http2(client, golden.envoy.port, row, method),
                     rows=[row for row in golden.table.rows()
                           if row.is_origin_form and "envoy" not in row.host])


FIXED = {**PLAIN, "routes": [{"name": "gone", "when": {"path": ["/gone/**"]},
                              "to": {"status": 410, "body": 'no "more", 100% \\'}}]}
FIELDS = [("GET", "/v2/"), ("GET", "/v2/a/manifests/b"), ("GET", "/v2/_catalog"), ("HEAD", "/v2/_catalog"),
          ("POST", "/v2/"), ("GET", "/nothing"), ("GET", "/gone/x")]


def test_answers_have_archeios_fields_and_body(door):
    """And no others but those that Envoy puts into every answer."""
    one = door(FIXED)
    for method, target in FIELDS:
        here, there = one.request(target, method), one.archeio.request(target, method)
        assert (here.status, here.body) == (there.status, there.body), target
        own_of = [{name: value for name, value in answer.headers.items()
                   if name not in ("date", "server", "connection")} for answer in (here, there)]
        assert own_of[0] == own_of[1], target


def test_what_clients_say_of_themselves_goes_no_further(door):
    """The client is whom Envoy takes it for, the target what it asked for."""
    one = door({**PLAIN, "routes": [{"name": "near", "when": {"region": ["aws/eu-west-3"]},
                                     "to": {"url": "https://near.example"}}]})
    forged = [("X-Real-Ip", "192.0.2.200"), ("X-Original-Uri", "/y"), ("X-Original-Method", "PUT")]
    assert one.request("/x?y", headers=forged).location == "https://near.example/x?y"


def test_skopeo_pulls_through_it_from_its_own_region(own, tmp_path):
    """Manifests come from the registry, every blob from the bucket; with archeio gone or hanging, all
    of it from the registry."""
    upstream = own(Upstream(tmp_path / "upstream"))
    bucket = own(Bucket(tmp_path / "bucket"))
    for digest, file in upstream.registry.blobs().items():
        bucket.put(digest, file)
    write_ranges(tmp_path / "archeio" / "ranges", OWN)
    archeio = own(Endpoint(tmp_path / "archeio", {
        "server": {"client_address": "peer"}, "upstream": {"endpoint": upstream.registry.url, "path": PATH},
        "stores": [{"name": "eu", "url": bucket.url, "serves": ["aws/eu-west-3"]}]}))
    to_registry = [("https_redirect: true", f"port_redirect: {upstream.registry.port}"),
                   ("host_redirect: registry.example.org", "host_redirect: 127.0.0.1")]
    one = own(LuaEnvoy(tmp_path / "envoy", archeio, to_registry))
    skopeo = own(clients.Skopeo())

    def pull(reference):
        assert skopeo.pull(one.host, Upstream.REPOSITORY, reference).digest == upstream.image.digest
    pull(":v1")
    wanted = {(digest, upstream.image.size[digest]) for digest in upstream.image.blobs}
    wait_until(lambda: set(bucket.gets()) == wanted, what="each blob in the bucket's log")
    assert not [a for a in upstream.registry.accesses() if a.method == "GET" and "/blobs/" in a.path]
    freeze(archeio.pid)
    try:
        pull("@" + upstream.image.digest)
    finally:
        os.kill(archeio.pid, signal.SIGCONT)
    archeio.crash()
    pull(":v1")
    assert set(bucket.gets()) == wanted, "a blob came from the bucket again"


# ── Without archeio ──


def timed(one):
    begin = time.monotonic()
    answer = one.request("/v2/app/manifests/v1?n=1")
    return answer.location, time.monotonic() - begin


@pytest.mark.parametrize("how", ["is gone", "hangs"])
def test_without_archeio_clients_go_to_the_upstream_in_time(door, how):
    """One that hangs costs what the sample says until Envoy has found that out, then nothing; one that
    is back decides again."""
    one = door()
    assert timed(one)[0] == f"{UPSTREAM}/v2/{PATH}/app/manifests/v1?n=1"
    if how == "hangs":
        freeze(one.archeio.pid)
    else:
        one.archeio.crash()
    try:
        location, seconds = timed(one)
        assert location == f"{SAMPLES}/app/manifests/v1?n=1" and seconds < 5
        one.wait_for_archeio(False)
        location, seconds = timed(one)
        assert location == f"{SAMPLES}/app/manifests/v1?n=1" and seconds < 0.6
        assert one.request("/v2/").status == 200
    finally:
        if how == "hangs":
            os.kill(one.archeio.pid, signal.SIGCONT)
    if how == "hangs":
        one.wait_for_archeio(True)
        assert timed(one)[0] == f"{UPSTREAM}/v2/{PATH}/app/manifests/v1?n=1"


# ── The proposal's answers ──

TWO = {**PLAIN, "routes": [{"name": "near", "when": {"network": ["192.0.2.10/32"]},
                            "to": {"url": "https://registry-1.docker.io", "status": 302}}]}


def test_the_variant_gives_the_proposals_answers(door):
    """GETs get 302 to https://<the backend's body><path>, a link to that in HTML; others pass, and so do
    all without an answer."""
    one = door(TWO, lua="envoy-host.lua", sample=[BEHIND_PROXIES])
    for client, host in (("192.0.2.10", "registry-1.docker.io"), ("192.0.2.11", "upstream.example")):
        for path in ("/v2/", "/v2/pause/manifests/3.9?x=%20y", "/anything", "/v2/a/blobs/sha256:0"):
            answer = one.request(path, client=client)
            assert (answer.status, answer.location) == (302, f"https://{host}{path}")
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.body == f'<a href="https://{host}{path}">Found</a>.\n'.encode()
    hostile = one.request("/v2/a?\"><script>'&", client="192.0.2.10")
    assert hostile.body == (b'<a href="https://registry-1.docker.io/v2/a?&#34;&gt;&lt;script&gt;&#39;&amp;">'
                            b"Found</a>.\n")
    assert one.request("/v2/x/tags/list", "HEAD", "192.0.2.10").location == f"{SAMPLES}/x/tags/list"
    one.archeio.crash()
    assert one.request("/v2/x/tags/list", "GET", "192.0.2.10").location == f"{SAMPLES}/x/tags/list"


# ── The sample ──


@pytest.mark.parametrize("lua", ["envoy.lua", "envoy-host.lua"])
def test_envoy_finds_nothing_wrong_with_the_sample(tmp_path, lua):
    text = (DOOR / "envoy-lua.yaml").read_text(encoding="utf-8")
    (tmp_path / "envoy.yaml").write_text(text.replace("envoy.lua", str(DOOR / lua)))
    code, said = run(binary(), "--mode", "validate", "-c", tmp_path / "envoy.yaml", "-l", "warning",
                     cwd=tmp_path)
    assert code == 0 and "OK" in said, said
    assert "eprecated" not in said, said
