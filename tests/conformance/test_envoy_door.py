"""The filter of doors/envoy in a real Envoy: it answers as archeio itself does."""

import base64
import hashlib
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from lib import archeio as program, clients, http, http2_client
from lib.certificates import make_certificate
from lib.envoy import DOOR, Envoy, Sample, binary, compile_filter
from lib.golden import RANGES, Golden, ask_http1, ask_http2
from lib.nginx import Bucket, Nginx
from lib.ports import free_port, wait_until
from lib.site import CLIENTS, PATH, Upstream, write_ranges
from lib.store import StandIn, status
from suites import run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hostile"))
import table  # noqa: E402

UPSTREAM = "https://registry.example.org"
REGISTRY = f"{UPSTREAM}/v2/mirror/images/team/app"
OWN = "127.0.0.1/32 aws eu-west-3\n127.0.0.2/32 aws us-east-2\n"
US = CLIENTS["us"]
# X-Forwarded-For, which the filter reads then by itself.
AS_IT_CAME = "use_remote_address: true", "use_remote_address: true\n" + 16 * " " + "skip_xff_append: true"


def digest_of(number):
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


def blob(number):
    return f"/v2/team/app/blobs/{digest_of(number)}"


def site_config(stores, endpoint=UPSTREAM):
    """stores: {name: (URL, what it serves)}"""
    return {"upstream": {"endpoint": endpoint, "path": PATH}, "stores": [
        {"name": name, "url": url, "serves": serves} for name, (url, serves) in stores.items()]}


@pytest.fixture
def own():
    """own(thing) stops or closes it at the end of the test."""
    kept = []

    def keep(one):
        kept.append(one)
        return one

    yield keep
    for one in reversed(kept):
        (one.stop if hasattr(one, "stop") else one.close)()


@pytest.fixture
def envoy(own, tmp_path):
    """envoy({store's name: URL}, settings) starts one in front of these stores, which all serve the
    client 127.0.0.1, in that order; edit(module) may damage the filter before that."""

    def start(stores, settings=(), edit=None, change=(), concurrency=1):
        directory = tmp_path / f"envoy-{free_port()}"
        write_ranges(directory, OWN)
        module = compile_filter(directory, site_config(
            {name: (url, ["aws/eu-west-3"]) for name, url in stores.items()}))
        if edit:
            edit(module)
        sample = Sample().settings(["clusters: archeio_", *settings]).use_clusters(
            {name: int(url.rsplit(":", 1)[1]) for name, url in stores.items()})
        for old, new in change:
            sample.change(old, new)
        return own(Envoy(directory, sample, concurrency))

    return start


@pytest.fixture
def stand_in(own):
    return lambda answer: own(StandIn(answer))


def where(answer, *stores):
    """The index of the store that it leads to; "upstream"."""
    assert answer.status == 307, answer
    if answer.location.startswith(REGISTRY):
        return "upstream"
    urls = [f"{store.url}/containers/images/" for store in stores]
    return next(i for i, url in enumerate(urls) if answer.location.startswith(url))


def at_once(n, ask):
    """The results of n calls, each in a thread."""
    results = [None] * n

    def one(i):
        results[i] = ask(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# ── The same answers ──


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    directory = tmp_path_factory.mktemp("golden")
    one = Golden(directory)
    compile_filter(directory, one.text, RANGES)
    sample = Sample().use_clusters(one.stores.port).change(*AS_IT_CAME)
    one.envoy = Envoy(directory, sample.settings(["client_address: google-lb", "wait: 10s",
                                                  "error_ttl: 10m"]))
    yield one
    one.envoy.stop()
    one.stop()


def test_every_row_of_the_golden_table_gets_archeios_answer(golden):
    """Status and Location, byte for byte; but for rows that Envoy answers before the filter is asked,
    which bear Envoy's status."""
    golden.check(lambda row, method: ask_http1(http.connect, golden.envoy.port, row, method),
                 door="envoy")


def test_every_row_gets_it_in_http2_too(golden):
    """What is no origin-form is HTTP/1.1's; so is Envoy's opinion of methods."""
    with http2_client.Client(golden.envoy.port) as client:
        golden.check(lambda row, method: ask_http2(client, golden.envoy.port, row, method),
                     rows=[row for row in golden.table.rows() if row.is_origin_form and not row.host])


HEADERS = [
    ("GET", "/v2/", "content-length docker-distribution-api-version"),
    ("GET", "/v2/a/manifests/b", "content-length location"),
    ("GET", "/v2/_catalog", "content-length content-type"),
    ("HEAD", "/v2/_catalog", "content-length content-type"),
    ("POST", "/v2/", "allow content-length"),
    ("GET", "/nothing", "content-length"),
]


@pytest.mark.parametrize("method, target, names", HEADERS)
def test_answers_have_archeios_fields_and_body(golden, archeio, method, target, names):
    """And no others but those that Envoy puts into every answer."""
    mine = archeio({}).request(target, method)
    answer = golden.envoy.request(target, method)
    assert set(answer.headers) - {"date", "server"} == set(names.split())
    assert answer.body == mine.body
    for name in set(names.split()) - {"location"}:
        assert answer.headers[name] == mine.headers[name]


def test_skopeo_pulls_through_it_from_its_own_region(own, tmp_path):
    """The sample's settings, and a registry and a bucket of our own: manifests come from the one,
    every blob from the other."""
    upstream = own(Upstream(tmp_path / "upstream"))
    bucket = own(Bucket(tmp_path / "bucket"))
    for digest, file in upstream.registry.blobs().items():
        bucket.put(digest, file)
    directory = tmp_path / "envoy"
    write_ranges(directory, OWN)
    compile_filter(directory, site_config({"eu": (bucket.url, ["aws/eu-west-3"])},
                                          upstream.registry.url))
    one = own(Envoy(directory, Sample().use_clusters({"eu": bucket.port})))
    skopeo = own(clients.Skopeo())
    for reference in (":v1", "@" + upstream.image.digest):
        assert skopeo.pull(one.host, Upstream.REPOSITORY, reference).digest == upstream.image.digest
    wanted = {(digest, upstream.image.size[digest]) for digest in upstream.image.blobs}
    wait_until(lambda: set(bucket.gets()) == wanted, what="each blob in the bucket's log")
    assert sorted(bucket.heads()) == sorted(upstream.image.blobs), "each is asked for once"
    assert not [a for a in upstream.registry.accesses() if a.method == "GET" and "/blobs/" in a.path]


# ── The sample ──


def test_envoy_finds_nothing_wrong_with_the_sample(own, tmp_path):
    """As it is, with the module beside it."""
    write_ranges(tmp_path, OWN)
    compile_filter(tmp_path, (DOOR / "archeio.yaml").read_text())
    code, said = run(binary(), "--mode", "validate", "-c", DOOR / "envoy.yaml", "-l", "warning",
                     cwd=tmp_path)
    assert code == 0 and "OK" in said, said
    assert "eprecated" not in said, said


TLS_STORE = """\
    server {{ listen 127.0.0.1:{port} ssl; access_log {directory}/access.log json;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        location / {{ return 200; }} }}
"""


@pytest.mark.parametrize("name, store", [("images-eu.example.org", True),
                                         ("images-us.example.org", False)])
def test_the_sample_asks_its_stores_over_tls_and_believes_the_right_one(own, tmp_path, name, store):
    """A store whose certificate bears another name is not believed. Nothing of the sample is changed
    but addresses and the file of authorities."""
    made = make_certificate(tmp_path, "store", [name])
    port = free_port()
    one = own(Nginx(tmp_path / "nginx", [port], TLS_STORE.format(
        port=port, directory=tmp_path / "nginx", certificate=made.file, key=made.key)))
    directory = tmp_path / "envoy"
    write_ranges(directory, OWN)
    compile_filter(directory, (DOOR / "archeio.yaml").read_text(), directory)
    sample = Sample().change("/etc/ssl/certs/ca-certificates.crt", str(made.file), 2)
    for address in ("images-eu.example.org", "images-us.example.org"):
        sample.change(f"address: {address}, port_value: 443", f"address: 127.0.0.1, port_value: {port}")
    answer = own(Envoy(directory, sample)).request(blob(1))
    assert answer.location == (f"https://images-eu.example.org/containers/images/{digest_of(1)}"
                               if store else f"{REGISTRY}/blobs/{digest_of(1)}")
    wait_until(lambda: [a.method for a in one.accesses()] == ["HEAD"] * store, what="the HEAD")


# ── Existence ──


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


# ── Who the client is ──


def region(one, source="127.0.0.1", headers=()):
    """"eu", "us", or "upstream" for a client of no region."""
    lines = "".join(f"X-Forwarded-For: {value}\r\n" for value in headers)
    with socket.create_connection(("127.0.0.1", one.port), 10, (source, 0)) as sock:
        sock.sendall(f"GET {blob(1)} HTTP/1.1\r\nHost: x\r\n{lines}Connection: close\r\n\r\n".encode())
        location = http.parse_answers(http.read_all(sock))[0].location
    return next(name for name, part in (("eu", "/eu/"), ("us", "/us/"), ("upstream", "/v2/"))
                if part in location)


@pytest.fixture
def regions(own, stand_in, tmp_path):
    """regions(settings) starts one with a store in each region."""
    def start(*settings, change=()):
        store = stand_in(lambda *_: status(200))
        directory = tmp_path / "envoy"
        write_ranges(directory, OWN)
        compile_filter(directory, site_config({"eu": (f"{store.url}/eu", ["aws/eu-west-3"]),
                                               "us": (f"{store.url}/us", ["aws/us-east-2"])}))
        sample = Sample().settings(settings).use_clusters({"eu": store.port, "us": store.port})
        for old, new in change:
            sample.change(old, new)
        return own(Envoy(directory, sample))
    return start


def test_the_client_is_whom_envoy_takes_for_it(regions):
    """The peer; what it writes itself counts for nothing."""
    one = regions("client_address: peer")
    assert region(one) == "eu"
    assert region(one, "127.0.0.2") == "us"
    assert region(one, "127.0.0.3") == "upstream"
    assert region(one, headers=[US, f"{US}, 130.211.0.1"]) == "eu"


def test_behind_a_load_balancer_that_envoy_trusts_it_is_the_one_before(regions):
    one = regions("client_address: peer",
                  change=[("use_remote_address: true", "use_remote_address: true\n" + 16 * " "
                           + "xff_num_trusted_hops: 1")])
    assert region(one, headers=[f"127.0.0.1, {US}"]) == "us"


def test_of_proxies_that_are_listed_the_one_before_counts(regions):
    one = regions("client_address: trusted-proxies", "trusted_proxies: 127.0.0.1/32 10.0.0.0/8",
                  change=[AS_IT_CAME])
    assert region(one, headers=[f"127.0.0.1, {US}, 10.1.2.3"]) == "us"
    assert region(one, headers=[US, "10.1.2.3"]) == "us"
    assert region(one, "127.0.0.3", headers=[US]) == "upstream"


def test_an_unusable_header_never_fails_a_pull_and_is_counted(regions):
    one = regions("client_address: google-lb", change=[AS_IT_CAME])
    assert region(one) == "eu"
    assert region(one, headers=[f"{US}, 130.211.0.1"]) == "us"
    assert one.counter("client_unusable") == 0
    assert region(one, headers=["junk"]) == "upstream"
    assert one.counter("client_unusable") == 1


# ── What goes wrong with the snapshot, the module, the configuration ──


def flip_a_byte_of_the_snapshot(module):
    data = bytearray(module.read_bytes())
    data[data.rindex(b"registry.example.org")] ^= 1
    module.write_bytes(data)


def answers_by_route(one):
    """A registry's path goes where everything is, by Envoy's own route."""
    answers = [one.request(path) for path in ("/v2/", blob(1), "/v2/team/app/manifests/v1")]
    return [(a.status, a.location) for a in answers] == [
        (200, None), (307, f"{REGISTRY}/blobs/{digest_of(1)}"), (307, f"{REGISTRY}/manifests/v1")]


def test_with_a_corrupt_snapshot_requests_pass_on_and_are_counted(envoy):
    one = envoy({}, edit=flip_a_byte_of_the_snapshot)
    assert answers_by_route(one)
    assert one.counter("requests_passed") == 3
    assert one.counter("snapshot_refused") >= 1
    assert "snapshot: corrupt: the checksum does not match" in one.output()


def test_without_a_snapshot_they_do_too(envoy, tmp_path):
    one = envoy({}, ["snapshot: "])
    assert one.request("/v2/").headers.get("docker-distribution-api-version")
    (tmp_path / "x").mkdir()
    one = envoy({}, ["snapshot: " + base64.b64encode(b"nothing of the kind").decode()])
    assert answers_by_route(one)
    assert "snapshot: not a snapshot" in one.output()


def test_with_a_module_that_is_none_envoy_does_not_begin(envoy):
    """Nor take it over, if it runs already: that is Envoy's to decide."""
    with pytest.raises(AssertionError, match="orrupted Wasm module"):
        envoy({}, edit=lambda module: module.write_bytes(module.read_bytes()[:1000]))


def compiled(directory, stores):
    """A snapshot's bytes, in Base64."""
    write_ranges(directory, OWN)
    file = directory / "archeio.yaml"
    file.write_text(program.to_yaml(site_config(stores)) + "\n")
    done = program.run("compile", "--config", file, "--output", directory / "snapshot",
                       env={"ARCHEIO_RANGES": str(directory)})
    assert done.returncode == 0, done.stderr
    return base64.b64encode((directory / "snapshot").read_bytes()).decode()


@pytest.mark.parametrize("form", ["text", "bytes"])
def test_a_snapshot_in_the_configuration_takes_the_place_of_the_modules(own, stand_in, tmp_path, form):
    """As one of the settings, or as the whole configuration."""
    store = stand_in(lambda *_: status(200))
    snapshot = compiled(tmp_path, {"small": (store.url, ["aws/eu-west-3"])})
    compile_filter(tmp_path, site_config({}))
    sample = Sample().use_clusters({"small": store.port})
    if form == "text":
        sample.settings([f"snapshot: {snapshot}", "wait: 3s"])
    else:
        sample.bytes(snapshot)
    assert where(own(Envoy(tmp_path, sample)).request(blob(1)), store) == 0


@pytest.mark.parametrize("line, complaint", [
    ("wait: soon", "configuration:2: expected a duration"),
    ("client_address: anybody", "configuration:2: expected peer, google-lb or trusted-proxies"),
    ("trusted_proxies: 10.0.0.1/8", "configuration:2: expected prefixes without host bits"),
    ("slot: 9", "configuration:2: expected client_address, trusted_proxies, "),
])
def test_a_wrong_setting_is_refused_with_its_line(envoy, line, complaint):
    with pytest.raises(AssertionError, match=complaint):
        envoy({}, [line])


# ── Another configuration while requests come ──


def test_a_new_configuration_takes_over_and_a_wrong_one_does_not(own, stand_in, tmp_path):
    """Over connections of their own and over one that stays, while clients ask: no request is lost,
    whatever comes in the place of the listener."""
    store = stand_in(lambda *_: status(200))
    write_ranges(tmp_path, OWN)
    compile_filter(tmp_path, site_config({"eu": (f"{store.url}/eu", ["aws/eu-west-3"]),
                                          "us": (f"{store.url}/us", ["aws/us-east-2"])}))

    def sample(*settings):
        return Sample().settings(settings).use_clusters({"eu": store.port, "us": store.port}).change(
            *AS_IT_CAME)
    one = own(Envoy(tmp_path, sample("client_address: peer"), dynamic=True))
    ended, lost = threading.Event(), []

    def ask_on():
        while not ended.is_set():
            try:
                if one.request(blob(1), client=US).status != 307:
                    lost.append("another answer")
            except OSError as e:
                lost.append(e)

    clients_of = [threading.Thread(target=ask_on) for _ in range(4)]
    for thread in clients_of:
        thread.start()
    try:
        forged = [f"{US}, 130.211.0.1"]
        assert region(one, headers=forged) == "eu"
        for wanted, setting in (("us", "google-lb"), ("eu", "peer"), ("us", "google-lb")):
            one.replace(sample(f"client_address: {setting}"))
            wait_until(lambda w=wanted: region(one, headers=forged) == w, what="the new one")
        one.replace(sample("client_address: peers"))
        assert one.stat("listener_manager.lds.update_rejected") == 1
        assert "configuration:1: expected peer, google-lb or trusted-proxies" in one.output()
        assert region(one, headers=forged) == "us"
    finally:
        ended.set()
        for thread in clients_of:
            thread.join()
    assert not lost


# ── Hostile bytes ──

UNSAFE = set("\r\n\0 ")
LAST = b"GET /v2/last/manifests/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
OURS = (f"{UPSTREAM}/", "https://github.com/", "https://www.linuxfoundation.org/")

# What archeio's own parser takes and Envoy's does not: HTTP/1.0, unknown methods, upgrades, an
# authority that is no host, a scheme that the connection has not.
REFUSED = {"http-1.0": 426, "http-1.0-host": 426, "http-1.0-keep-alive": 426,
           "http-1.0-keep-alive-and-close": 426, "version-1.2-is-answered-as-1.1": 426,
           "absolute-form-1.0": 426, "method-32-bytes": 400, "method-lower-case-get": 400,
           "method-QUERY": 400, "method-PRI": 400, "target-8192-bytes-longest-method": 400,
           "connect-path": 400, "options-asterisk": 404, "absolute-form-https": 403, "upgrade": 403,
           "forwarded-named-in-connection": 400}

# The other way round, whatever it makes of the bytes is a request to us, and answered as one.
REFUSALS = (400, 403, 404, 405, 411, 413, 414, 426, 431, 501, 505)


def parse(heard, method):
    """The answers, without those that are to be followed by another. A refusal has a body, even of
    HEAD: it may not have been read as such."""
    try:
        answers = http.parse_answers(heard, [method])
    except AssertionError:
        answers = http.parse_answers(heard)
    return [a for a in answers if a.status != 100]


def judge(row, heard):
    """None, or what is wrong."""
    try:
        answers = parse(heard, row.method)
    except AssertionError as e:
        return str(e)
    if len(answers) not in (1, 2):
        return f"{len(answers)} answers"
    first = answers[0].status
    if len(answers) == 2 and answers[1].location != f"{UPSTREAM}/v2/mirror/images/last/manifests/v1":
        return f"the next request got {answers[1]}"
    for answer in answers:
        if answer.status == 307 and (not answer.location.startswith(OURS)
                                     or set(answer.location) & UNSAFE):
            return f"leads to {answer.location}"
    if row.name in REFUSED:
        return None if first == REFUSED[row.name] else f"{first}, not {REFUSED[row.name]}"
    if row.parser in ("ok", "close"):
        return None if row.allows(first) else f"{first}, not {row.server}"
    return None if first in (200, 307, *REFUSALS) else f"{first}"


def test_hostile_bytes_get_one_answer_and_lead_nowhere(envoy):
    """Each row of the table, with a valid request behind it. Envoy reads the bytes by its own rules."""
    one = envoy({})
    wrong, count = [], 0
    for row in table.read():
        if row.data.startswith(b"PRI * HTTP/2.0"):
            continue  # to Envoy that is HTTP/2
        with http.connect(one.port, timeout=5) as sock:
            try:
                sock.sendall(row.data + LAST)
            except OSError:
                pass  # it has heard enough
            problem = judge(row, http.read_all(sock))
        if problem:
            wrong.append(f"{row.name}: {problem}")
        count += 1
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])
    assert count >= 200
    assert one.request("/v2/").status == 200
    assert one.counter("requests_passed") == 0
