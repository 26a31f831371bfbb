"""The nginx door: a real nginx with the module and the sample configuration of doors/nginx gives the
answers that archeio's own server gives."""

import os
import re
import socket
import struct
import subprocess

import pytest

from lib import http, http2_client
from lib.archeio import ROOT
from lib.golden import TABLES
from lib.http import connect, parse_answers
from lib.nginx_door import (BEHIND_PROXIES, DOOR, SAMPLE, DoorSite, GoldenDoor, NginxDoor,
                            compile_snapshot, module)
from lib.ports import free_port, wait_until
from lib.program import find
from lib.site import PATH, SOURCES, Upstream, expect

UPSTREAM = "https://upstream.example"
PLAIN = {"upstream": {"endpoint": UPSTREAM, "path": "p"}}
OWN = "192.0.2.10/32 aws eu-west-3\n198.51.100.0/24 gcp europe-west1\n2001:db8::/32 aws us-east-2\n"


@pytest.fixture(scope="module", params=TABLES, ids=str)
def golden(request, tmp_path_factory):
    one = GoldenDoor(tmp_path_factory.mktemp("golden-door"), request.param)
    yield one
    one.stop()


@pytest.fixture
def door(tmp_path):
    """door(config, ...) starts one as lib.nginx_door.NginxDoor says; it is stopped at the end."""
    started = []

    def start(config=None, **options):
        directory = tmp_path / f"door-{len(started)}"
        started.append(NginxDoor(directory, config or PLAIN, **options))
        return started[-1]

    yield start
    for one in reversed(started):
        one.stop()


# ── What is answered ──


def test_every_row_of_the_golden_tables_gets_its_answer(golden):
    """Each row's status and Location, byte for byte, but where nginx itself refuses the request; HEAD
    gets what GET gets."""
    golden.check(golden.ask, door="nginx")


def test_every_row_gets_its_answer_over_http2(golden):
    rows = [row for row in golden.table.rows() if row.is_origin_form]
    golden.check(golden.ask_http2, door="nginx", rows=rows)


def test_the_log_has_each_rows_step_and_where_it_went(golden):
    """$archeio_reason is the step, $archeio_route the route; $archeio_store, $archeio_cloud and
    $archeio_region say where the client is and which store has what it wants."""
    table = [row for row in golden.table.rows() if "nginx" not in row.host]
    begin = len(golden.door.log())
    for row in table:
        golden.ask(row, row.method)
    wait_until(lambda: len(golden.door.log()) >= begin + len(table), what="a line for each row")
    lines = golden.door.log()[begin:]
    assert [(line.reason, line.route, int(line.status)) for line in lines] == \
        [(row.step, row.route or "-", row.status) for row in table]
    for row, line in zip(table, lines):
        store, found, _ = row.location.removeprefix("http://").partition(".store.test/")
        assert line.store == (store if found else "-"), row
    places = {(row.client, line.cloud, line.region) for row, line in zip(table, lines)}
    assert {("198.51.100.1", "aws", "eu-west-3"), ("-", "-", "-")} <= places
    assert ("aws", "-") in {place[1:] for place in places}


FIELDS = [
    ("GET", "/v2/", 200, {"docker-distribution-api-version": "registry/2.0"}, b""),
    ("HEAD", "/v2/", 200, {"docker-distribution-api-version": "registry/2.0"}, b""),
    ("GET", "/", 307, {"location": "https://github.com/kubernetes/registry.k8s.io"}, b""),
    ("GET", "/nothing", 404, {}, b""),
    ("POST", "/v2/", 405, {"allow": "GET, HEAD"}, b""),
    ("GET", "/v2/_catalog", 404, {"content-type": "application/json"}, b"UNSUPPORTED"),
    ("GET", "/v2/a%2fb/tags/list", 400, {"content-type": "application/json"}, b"NAME_INVALID"),
    ("GET", "/v2/a/blobs/sha256:1", 400, {"content-type": "application/json"}, b"DIGEST_INVALID"),
    ("HEAD", "/v2/a/blobs/sha256:1", 400, {"content-type": "application/json"}, b""),
]


@pytest.mark.parametrize("method, target, status, fields, body", FIELDS)
def test_answers_have_the_fields_of_archeios_own(door, archeio, method, target, status, fields, body):
    """Status, Location, Allow, Content-Type, Content-Length and body are what archeio's own server
    sends, and nothing of nginx's pages."""
    here = door().request(target, method)
    there = archeio(PLAIN).request(target, method)
    assert here.status == there.status == status
    assert here.body == there.body and body in here.body and (body or not here.body)
    names = ("location", "allow", "content-type", "content-length",
             "docker-distribution-api-version")
    assert {n: here.headers.get(n) for n in names} == {n: there.headers.get(n) for n in names}
    assert fields.items() <= here.headers.items()


def test_http2_through_nginx_gets_the_same_answers(door):
    """Many requests on one connection, each with its answer."""
    port = free_port()
    one = door(server=f"\n    listen 127.0.0.1:{port} http2;")
    with http2_client.Client(port) as client:
        for number in range(50):
            answer = client.request(f"/v2/a/manifests/v{number}?n=1")
            assert (answer.status, answer.location) == \
                (307, f"{UPSTREAM}/v2/p/a/manifests/v{number}?n=1")
        assert client.request("/v2/_catalog").body.startswith(b'{"errors":')
    assert one.request("/v2/").status == 200


# ── Who the client is ──


def located(one, client=None, **options):
    """The cloud and region that the door takes a client for."""
    begin = len(one.log())
    one.request("/v2/", client=client, **options)
    wait_until(lambda: len(one.log()) > begin, what="the line")
    return one.log()[-1].cloud, one.log()[-1].region


def test_the_client_is_whom_nginx_takes_it_for(door, tmp_path):
    """Without realip that is the connection, whatever headers say; with it, whom the listed proxies
    name."""
    (tmp_path / "ranges").mkdir()
    (tmp_path / "ranges" / "own.txt").write_text(OWN + "127.0.0.0/8 aws eu-central-1\n")
    plain = door(ranges=tmp_path / "ranges")
    assert located(plain, "192.0.2.10") == ("aws", "eu-central-1")
    behind = door(ranges=tmp_path / "ranges", server=BEHIND_PROXIES)
    assert located(behind, "192.0.2.10") == ("aws", "eu-west-3")
    assert located(behind, "2001:db8::7") == ("aws", "us-east-2")
    assert located(behind, "::ffff:198.51.100.9") == ("gcp", "europe-west1")
    assert located(behind, "203.0.113.1, 192.0.2.10") == ("aws", "eu-west-3")
    assert located(behind, "junk") == ("-", "-")


def proxied(port, header, data):
    with connect(port) as sock:
        sock.sendall(header + data)
        return parse_answers(http.read_all(sock))


def test_the_client_may_come_by_the_proxy_protocol(door, tmp_path):
    """In both of its versions, where nginx listens with proxy_protocol."""
    (tmp_path / "ranges").mkdir()
    (tmp_path / "ranges" / "own.txt").write_text(OWN)
    one = door(ranges=tmp_path / "ranges", changes={
        r"(?m)^    location / \{": "    set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;\n"
                                   "    location / {"})
    sample = one.directory / "archeio.conf"
    text = sample.read_text()
    sample.write_text(text.replace(f"127.0.0.1:{one.port};", f"127.0.0.1:{one.port} proxy_protocol;"))
    one.reload()
    request = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(
        ">H4s4sHH", 12, socket.inet_aton("198.51.100.9"), socket.inet_aton("127.0.0.1"), 1, 2)
    for header, place in ((b"PROXY TCP4 192.0.2.10 127.0.0.1 1 2\r\n", ("aws", "eu-west-3")),
                          (v2, ("gcp", "europe-west1"))):
        begin = len(one.log())
        assert proxied(one.port, header, request)[0].status == 200
        wait_until(lambda n=begin: len(one.log()) > n, what="the line")
        assert (one.log()[-1].cloud, one.log()[-1].region) == place


# ── Pulls ──


@pytest.fixture(scope="module")
def site(tmp_path_factory, upstream):
    """One site for all pulls, whose archeio is nginx with two workers."""
    one = DoorSite(tmp_path_factory.mktemp("door-pulls"), upstream)
    yield one
    one.stop()


@pytest.mark.parametrize("who, source", SOURCES)
def test_blobs_come_from_the_clients_own_region(site, clients, upstream, who, source):
    """skopeo pulls an image through the door: blobs from the bucket of its region, else from the
    upstream; manifests always from the upstream."""
    expect(site.pull(clients["skopeo"], who), upstream.image, source)


def test_containerd_pulls_through_it_too(site, clients, upstream):
    expect(site.pull(clients["containerd"], "us", "@" + upstream.image.digest), upstream.image, "us")


def test_tags_are_the_upstreams(site):
    answer = http.request(site.front.port["eu"], f"/v2/{Upstream.REPOSITORY}/tags/list?n=1000")
    assert answer.location == f"{site.registry.url}/v2/{PATH}/{Upstream.REPOSITORY}/tags/list?n=1000"


# ── Snapshots and configuration ──


def broken(data):
    return {
        "cut": (data[:-1], "truncated or too long"),
        "one bit": (data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], "the checksum does not match"),
        "empty": (b"", "not a snapshot; make one with `archeio compile`"),
        "text": (b"upstream:\n" * 100, "not a snapshot; make one with `archeio compile`"),
        "version": (data[:8] + struct.pack("=I", 99) + data[12:], "made by another version"),
        "order": (data[:12] + data[12:16][::-1] + data[16:], "made on a machine of another byte order"),
    }


@pytest.mark.parametrize("how", ["cut", "one bit", "empty", "text", "version", "order"])
def test_a_corrupt_snapshot_refuses_the_configuration(door, how):
    """`nginx -t` says why, and where; a reload is refused, and what runs goes on."""
    one = door()
    data, why = broken(one.snapshot.read_bytes())[how]
    one.snapshot.write_bytes(data)
    said = one.refused()
    assert f'snapshot "{one.snapshot}": ' in said and why in said and "archeio.conf:" in said
    workers = one.workers()
    one.hang_up()
    wait_until(lambda: why in one.errors(), what="the reason in the log")
    assert one.request("/v2/a/tags/list").location == f"{UPSTREAM}/v2/p/a/tags/list"
    assert one.workers() == workers


def test_a_missing_snapshot_refuses_the_configuration(door):
    one = door()
    one.snapshot.unlink()
    said = one.refused()
    assert f'snapshot "{one.snapshot}" cannot be read (2: No such file' in said


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_snapshot_that_is_no_regular_file_refuses_the_configuration(door, make):
    """nginx does not wait for somebody to write to a pipe."""
    one = door()
    one.snapshot.unlink()
    make(one.snapshot)
    said = one.refused()
    assert f'snapshot "{one.snapshot}" is no regular file; make one with `archeio compile`' in said


def test_a_file_that_shrinks_while_nginx_runs_changes_nothing(door):
    """The snapshot was read into memory: no worker looks at the file again."""
    one = door()
    with open(one.snapshot, "r+b") as f:
        f.truncate(0)
    assert one.request("/v2/a/tags/list").location == f"{UPSTREAM}/v2/p/a/tags/list"


def test_a_reload_takes_the_new_snapshot(door):
    one = door()
    compile_snapshot({"upstream": {"endpoint": "https://other.example", "path": "q"}}, one.snapshot)
    assert one.request("/v2/a/tags/list").location == f"{UPSTREAM}/v2/p/a/tags/list"
    one.reload()
    assert one.request("/v2/a/tags/list").location == "https://other.example/v2/q/a/tags/list"


STORES = {**PLAIN, "stores": [{"name": "one", "url": "http://127.0.0.1:9", "serves": ["default"]}]}
WRONG = [
    (PLAIN, r"archeio_snapshot .*", "", '"archeio" without a policy; name the file'),
    (STORES, r"archeio_existence .*", "", "nobody to ask them; name an internal location"),
    (STORES, r"archeio_cache .*", "", "no memory for what they have; give some: archeio_cache"),
    (PLAIN, r"zone=archeio:64m", "", "needs zone=NAME:SIZE, such as zone=archeio:64m"),
    (PLAIN, r"zone=archeio:64m", "zone=64m", '"64m": expected zone=NAME:SIZE'),
    (PLAIN, r"zone=archeio:64m", "zone=a:64k", '"64k" is no size for zone "a", expected 1m or more'),
    (PLAIN, r"zone=archeio:64m", "zone=a:1m zone=b:1m",
     '"zone=b:1m": there is a zone already, expected one'),
    (PLAIN, r"present_ttl=6h", "present_ttl=x", '"present_ttl=x": expected a time of 366d at most'),
    (PLAIN, r"present_ttl=6h", "ttl=6h", '"ttl=6h": expected zone=, present_ttl=, absent_ttl= or'),
    (PLAIN, r"wait=2s", "wait=-1", '"wait=-1": expected wait=TIME of 1h at most'),
    (PLAIN, r"wait=2s", "wait=", '"wait=": expected wait=TIME of 1h at most, such as wait=2s'),
    (PLAIN, r"wait=2s", "wait=61m", '"wait=61m": expected wait=TIME of 1h at most'),
    (PLAIN, r"absent_ttl=60s", "absent_ttl=300y",
     '"absent_ttl=300y": expected a time of 366d at most, such as 60s'),
    (PLAIN, r"wait=2s", "2s", '"2s": expected wait=TIME of 1h at most'),
    (PLAIN, r"archeio_existence /archeio-", "archeio_existence ", "is no URI of an internal location"),
    (PLAIN, r"(archeio_snapshot) .*", "archeio_snapshot archeio.snapshot; archeio_snapshot x;",
     '"archeio_snapshot" directive is duplicate'),
    (PLAIN, r"(?m)^archeio_cache .*", "archeio_cache zone=a:1m; archeio_cache zone=b:1m;",
     '"archeio_cache" directive is duplicate'),
]


@pytest.mark.parametrize("config, pattern, replacement, said", WRONG)
def test_a_wrong_directive_is_refused_and_what_is_wanted_is_said(door, config, pattern, replacement,
                                                                said):
    one = door(config)
    one.write({pattern: replacement})
    text = one.refused()
    assert text is not None and said in text, text


WAYS = r"""
    error_page 403 404 = /v2/elsewhere/tags/list;
    location /v2/if/ { archeio; if ($arg_x) { set $seen 1; } }
    location /v2/rewrite/ { rewrite ^ /v2/elsewhere/tags/list last; }
    location /v2/denied/ { deny all; }
    location /v2/missing/ { root /nonexistent; }
    location /v2/tried/ { try_files /nonexistent @named; }
    location @named { archeio; }
    location /v2/around/ { archeio; location /v2/around/within/ { archeio; } }
    location /v2/mirrored/ { archeio; mirror /mirror; }
    location = /mirror { internal; return 204; }
    location /v2/own/ { return 418; }
"""


def test_whichever_way_nginx_leads_a_request_archeio_decides_by_the_clients_bytes(door):
    """`if`, `rewrite`, `error_page`, `try_files`, nested and named locations. What never comes to
    archeio has none of its words in the log."""
    one = door(changes={r"(?m)^    location / \{": WAYS + "    location / {"})
    paths = ["if/t", "if/t?x=1", "rewrite/t", "denied/t", "missing/t", "tried/t", "around/t",
             "around/within/t", "mirrored/t"]
    for path in paths:
        assert one.request(f"/v2/{path}").location == f"{UPSTREAM}/v2/p/{path}"
    assert one.request("/v2/own/t").status == 418
    wait_until(lambda: len(one.log()) > len(paths), what="the lines")
    assert [line.reason for line in one.log()] == ["R9"] * len(paths) + ["-"]


def test_locations_and_servers_may_have_policies_of_their_own(door, tmp_path):
    """archeio_snapshot holds for what it stands in, and what lies therein."""
    compile_snapshot({"upstream": {"endpoint": "https://other.example", "path": "q"}},
                     tmp_path / "other.snapshot")
    one = door(changes={r"(?m)^    location / \{":
                        "    location /v2/other/ { archeio; archeio_snapshot "
                        f"{tmp_path}/other.snapshot; }}\n    location / {{"})
    assert one.request("/v2/a/tags/list").location == f"{UPSTREAM}/v2/p/a/tags/list"
    assert one.request("/v2/other/tags/list").location == \
        "https://other.example/v2/q/other/tags/list"


# ── What is built ──


def exported(file, *options):
    done = subprocess.run([find("nm"), "-j", "--defined-only", *options, file], capture_output=True,
                          text=True, check=True)
    return set(done.stdout.split())


def test_the_module_exports_what_nginx_looks_for_and_no_more():
    """So that none of archeio's names gets in the way of nginx's or another module's."""
    assert exported(module(), "-D") == {"ngx_modules", "ngx_module_names", "ngx_module_order"}


def test_the_doors_files_export_only_names_that_begin_with_their_own():
    objects = [module().parent / "addon" / "nginx" / f"{file.stem}.o" for file in DOOR.glob("*.c")]
    assert len(objects) > 5
    assert [f"{file.stem}: {name}" for file in objects for name in exported(file, "-g")
            if not name.removeprefix("__odr_asan.").startswith(file.stem)] == []


@pytest.mark.slow
def test_an_image_is_pulled_through_the_module_of_the_package(tmp_path, clients, upstream):
    """The package puts it where nginx looks for it, loads it as Debian's own modules are loaded,
    depends on the very nginx it was built for, and contains the sample."""
    done = subprocess.run([DOOR / "package", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (package,) = tmp_path.glob("libnginx-mod-http-archeio_*.deb")
    fields = subprocess.run([find("dpkg-deb"), "-f", package], capture_output=True, text=True,
                            check=True).stdout
    assert re.search(r"^Depends: .*\bnginx-abi-", fields, re.M)
    version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
    assert f"Version: {version}\n" in fields
    subprocess.run([find("dpkg-deb"), "-x", package, tmp_path / "root"], check=True)
    usr = tmp_path / "root" / "usr"
    load = (usr / "share/nginx/modules-available/mod-http-archeio.conf").read_text()
    assert load == "load_module modules/ngx_http_archeio_module.so;\n"
    shipped = next(usr.glob("share/doc/libnginx-mod-http-archeio/examples/archeio.conf*"))
    assert shipped.read_bytes() == SAMPLE.read_bytes()
    site = DoorSite(tmp_path / "site", upstream,
                    file=usr / "lib/nginx/modules/ngx_http_archeio_module.so")
    assert site.archeio.refused() is None
    expect(site.pull(clients["skopeo"], "eu"), upstream.image, "eu")
    site.stop()
