"""The filter of doors/envoy in a real Envoy: it answers as archeio itself does."""

import pytest

from lib import clients, http, http2_client
from lib.certificates import make_certificate
from lib.envoy import DOOR, Envoy, Sample, binary, compile_filter
from lib.envoy_site import (AS_IT_CAME, OWN, REGISTRY, US, blob, digest_of, region,
                            site_config)
from lib.golden import RANGES, REQUESTS, TABLES, Golden, ask_http1, ask_http2
from lib.nginx import Bucket, Nginx
from lib.ports import free_port, wait_until
from lib.site import Upstream, write_ranges
from lib.store import status
from suites import run

# ── The same answers ──


@pytest.fixture(scope="module", params=TABLES, ids=str)
def golden(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("golden")
    one = Golden(directory, request.param)
    compile_filter(directory, one.text, RANGES)
    sample = Sample().use_clusters(one.stores.port).change(*AS_IT_CAME)
    one.envoy = Envoy(directory, sample.settings(["client_address: google-lb", "wait: 10s",
                                                  "error_ttl: 10m"]))
    yield one
    one.envoy.stop()
    one.stop()


def test_every_row_of_the_golden_tables_gets_archeios_answer(golden):
    """Status and Location, byte for byte; but for rows that Envoy answers before the filter is asked,
    which bear Envoy's status."""
    golden.check(lambda row, method: ask_http1(http.connect, golden.envoy.port, row, method),
                 door="envoy")


def test_every_row_gets_it_in_http2_too(golden):
    """What is no origin-form is HTTP/1.1's; so is Envoy's opinion of methods."""
    with http2_client.Client(golden.envoy.port) as client:
        golden.check(lambda row, method: ask_http2(client, golden.envoy.port, row, method),
                     rows=[row for row in golden.table.rows()
                           if row.is_origin_form and "envoy" not in row.host])


HEADERS = [
    ("GET", "/v2/", "content-length docker-distribution-api-version"),
    ("GET", "/v2/a/manifests/b", "content-length location"),
    ("GET", "/v2/_catalog", "content-length content-type"),
    ("HEAD", "/v2/_catalog", "content-length content-type"),
    ("POST", "/v2/", "allow content-length"),
    ("GET", "/nothing", "content-length"),
]


@pytest.mark.parametrize("golden", [REQUESTS], ids=str, indirect=True)
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


# ── Who the client is ──


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


def test_over_ipv6_the_client_is_its_peer_too(own, stand_in, tmp_path):
    """On a listener for both, one of IPv4 comes as an address of IPv6 that has the other in it."""
    store = stand_in(lambda *_: status(200))
    write_ranges(tmp_path, OWN + "::1/128 aws us-east-2\n")
    compile_filter(tmp_path, site_config({"eu": (f"{store.url}/eu", ["aws/eu-west-3"]),
                                          "us": (f"{store.url}/us", ["aws/us-east-2"])}))
    one = own(Envoy(tmp_path, Sample().use_clusters({"eu": store.port, "us": store.port}),
                    address="'::', ipv4_compat: true"))
    assert region(one) == "eu"
    assert region(one, "::1") == "us"
    assert one.counter("client_unusable") == 0


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


def test_it_is_whom_x_real_ip_names_where_that_is_believed(regions):
    one = regions("client_address: x-real-ip")
    assert region(one) == "eu"
    assert region(one, fields=[("X-Real-Ip", US)]) == "us"


def test_an_unusable_header_never_fails_a_pull_and_is_counted(regions):
    one = regions("client_address: google-lb", change=[AS_IT_CAME])
    assert region(one) == "eu"
    assert region(one, headers=[f"{US}, 130.211.0.1"]) == "us"
    assert one.counter("client_unusable") == 0
    assert region(one, headers=["junk"]) == "upstream"
    assert one.counter("client_unusable") == 1
