"""HAProxy with the samples of doors/endpoint: it answers what archeio decides, and without an answer of
archeio's pulls go on at the upstream."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib import http
from lib.endpoint import Endpoint, EndpointGolden
from lib.golden import TABLES, ask_http1
from lib.haproxy_door import BEHIND_PROXIES, DOOR, HAProxyDoor
from lib.hostile import ROWS, Exchange, drive
from lib.program import find, freeze
from lib.site import SOURCES, Site, expect

UPSTREAM = "https://upstream.example"
SAMPLES = "https://registry.example.org/v2/mirror/images"  # where the sample sends whom archeio does not
PLAIN = {"upstream": {"endpoint": UPSTREAM, "path": "p"}, "server": {"client_address": "peer"}}


class Saying:
    """Says these bytes to whoever asks something, and closes."""

    def __init__(self, data):
        self.asked = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, args=(data,), daemon=True).start()

    def _serve(self, data):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                if connection.recv(65536):
                    self.asked += 1
                    connection.sendall(data)

    def close(self):
        self.socket.close()


@pytest.fixture
def door(own, tmp_path):
    """door(config) starts an archeio with the endpoint, and HAProxy in front of it."""
    def start(config=None, changes=None):
        archeio = own(Endpoint(tmp_path / "archeio", config or PLAIN))
        one = own(HAProxyDoor(tmp_path / "haproxy", archeio.decide_port, archeio.admin_port, changes))
        one.archeio = archeio
        return one
    return start


# ── What is answered ──


class GoldenDoor(EndpointGolden):
    def __init__(self, directory, table):
        super().__init__(directory, table)
        self.door = HAProxyDoor(directory / "haproxy", self.decide_port, self.admin_port,
                                {**self.changes, **BEHIND_PROXIES})

    def stop(self):
        try:
            self.door.stop()
        finally:
            super().stop()


@pytest.fixture(scope="module", params=TABLES, ids=str)
def golden(request, tmp_path_factory):
    one = GoldenDoor(tmp_path_factory.mktemp("golden-haproxy"), request.param)
    yield one
    one.stop()


def test_every_row_of_the_golden_tables_gets_its_answer(golden):
    """Each row's status and Location, byte for byte, but where HAProxy itself refuses the request; HEAD
    gets what GET gets."""
    def ask(row, method):
        if "haproxy" not in row.host:
            return ask_http1(http.connect, golden.door.port, row, method)
        # It has not read the method then, and sends a page in any case.
        head = f"{method} {row.target.format(host='x')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        return http.parse_answers(http.exchange(golden.door.port, head))[0]
    golden.check(ask, door="haproxy")


FIELDS = [
    ("GET", "/v2/", {"docker-distribution-api-version": "registry/2.0"}),
    ("HEAD", "/v2/", {"docker-distribution-api-version": "registry/2.0"}),
    ("GET", "/v2/a/tags/list", {"location": f"{UPSTREAM}/v2/p/a/tags/list"}),
    ("GET", "/nothing", {}),
    ("POST", "/v2/", {"allow": "GET, HEAD"}),
    ("GET", "/v2/_catalog", {"content-type": "application/json"}),
    ("HEAD", "/v2/_catalog", {"content-type": "application/json"}),
    ("GET", "/gone/x", {"content-type": "text/plain"}),
]
FIXED = {**PLAIN, "routes": [{"name": "gone", "when": {"path": ["/gone/**"]},
                              "to": {"status": 410, "body": 'no "more", 100% \\'}}]}


def test_answers_have_the_fields_and_the_body_of_archeios_own(door):
    one = door(FIXED)
    for method, target, fields in FIELDS:
        here, there = one.request(target, method), one.archeio.request(target, method)
        assert (here.status, here.body) == (there.status, there.body), target
        for answer in here, there:
            answer.headers.pop("date", None)
            answer.headers.pop("connection", None)
        assert here.headers == there.headers
        assert fields.items() <= here.headers.items()


def test_the_client_is_whom_haproxy_takes_it_for(door, own, tmp_path):
    """Its peer, or whom set-src makes it; what clients say of themselves goes no further."""
    (tmp_path / "archeio" / "ranges").mkdir(parents=True)
    (tmp_path / "archeio" / "ranges" / "own.txt").write_text("127.0.0.1/32 aws near\n192.0.2.0/24 aws far\n")
    one = door({**PLAIN, "routes": [{"name": name, "when": {"region": [f"aws/{name}"]},
                                     "to": {"url": f"https://{name}.example"}} for name in ("near", "far")]})
    far = ("X-Real-Ip", "192.0.2.1"), ("X-Original-Uri", "/y"), ("X-Forwarded-For", "192.0.2.1, 192.0.2.1")
    assert one.request("/x", headers=far).location == "https://near.example/x"
    behind = own(HAProxyDoor(tmp_path / "behind", one.archeio.decide_port, one.archeio.admin_port,
                             BEHIND_PROXIES))
    assert behind.request("/x", client="192.0.2.1").location == "https://far.example/x"


# ── Without archeio ──


def timed(one, target="/v2/app/manifests/v1?n=1"):
    begin = time.monotonic()
    answer = one.request(target)
    return answer.location, time.monotonic() - begin


@pytest.mark.alone
def test_when_archeio_is_gone_clients_go_to_the_upstream_at_once(door):
    """Before HAProxy has found that out, and afterwards."""
    one = door()
    assert timed(one)[0] == f"{UPSTREAM}/v2/p/app/manifests/v1?n=1"
    one.archeio.crash()
    for _ in range(3):
        location, seconds = timed(one)
        assert location == f"{SAMPLES}/app/manifests/v1?n=1" and seconds < 0.6
    one.wait_for_archeio("DOWN")
    assert timed(one)[0] == f"{SAMPLES}/app/manifests/v1?n=1"
    assert one.request("/v2/").status == 200
    assert one.request("/nothing").status == 404


@pytest.mark.alone
def test_when_archeio_hangs_a_client_waits_no_longer_than_the_sample_says(door):
    """Once HAProxy has found that out, nobody waits any more; when archeio goes on, it decides again."""
    one = door()
    freeze(one.archeio.pid)
    try:
        location, seconds = timed(one)
        assert location == f"{SAMPLES}/app/manifests/v1?n=1" and seconds < 5
        one.wait_for_archeio("DOWN")
        location, seconds = timed(one)
        assert location == f"{SAMPLES}/app/manifests/v1?n=1" and seconds < 0.6
    finally:
        os.kill(one.archeio.pid, signal.SIGCONT)
    one.wait_for_archeio("UP")
    assert timed(one)[0] == f"{UPSTREAM}/v2/p/app/manifests/v1?n=1"


NONSENSE = {
    "nothing": b"",
    "half an answer": b"HTTP/1.1 200 OK\r\nX-Archeio-Status: 307\r\n",
    "no status": b"HTTP/1.1 200 OK\r\nX-Archeio-Location: https://evil.example/\r\n\r\n",
    "a status that is none": b"HTTP/1.1 200 OK\r\nX-Archeio-Status: x\r\n\r\n",
    "an error": b"HTTP/1.1 503 No\r\nX-Archeio-Status: 307\r\n\r\n",
    "no HTTP": b"\xff" * 1000,
}


@pytest.mark.parametrize("what", NONSENSE)
def test_what_is_no_decision_is_not_passed_on(door, own, tmp_path, what):
    """Whatever listens in archeio's place: clients go to the upstream."""
    stand_in = own(Saying(NONSENSE[what]))
    one = door()
    other = own(HAProxyDoor(tmp_path / "other", stand_in.port, one.archeio.admin_port))
    assert timed(other)[0] == f"{SAMPLES}/app/manifests/v1?n=1"
    assert stand_in.asked == 1


# ── Hostile bytes ──

LAST = b"GET /v2/last/manifests/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
OURS = (f"{UPSTREAM}/", f"{SAMPLES}/", "https://github.com/", "https://www.linuxfoundation.org/")
REFUSALS = (400, 403, 404, 405, 408, 413, 414, 422, 431, 501, 505)


def judge(row, heard):
    """None, or what is wrong. Where a request ends is for HAProxy to say, which reads bodies; what it
    refuses it answers with a page, of HEAD, too."""
    methods = [] if b"<html>" in heard else [row.method]
    try:
        answers = http.parse_answers(heard, methods)
    except (AssertionError, ValueError) as e:
        return str(e)
    for answer in answers:
        if answer.location and (not answer.location.startswith(OURS) or set(answer.location) & set("\r\n\0 ")):
            return f"leads to {answer.location:.100}"
        if answer.status not in (200, 307, *REFUSALS):
            return f"{answer.status}"
    return None


def test_hostile_bytes_are_answered_whole_and_lead_nowhere(door):
    """Each row of the table, with a valid request behind it. What is too long for a question goes to the
    upstream, like everything else that archeio does not answer."""
    one = door(changes={"timeout client 60s": "timeout client 2s", "local WAIT = ": "local WAIT = 10 * "})
    rows = [row for row in ROWS if not row.data.startswith(b"PRI ")]  # to HAProxy that is HTTP/2
    exchanges = [Exchange(row.name, (row.data + LAST,), (row,), ()) for row in rows]
    wrong = [f"{exchange.what}: {problem} in {heard!r:.200}"
             for exchange, heard in drive(one.port, exchanges)
             if (problem := judge(exchange.rows[0], heard or b""))]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])
    assert timed(one)[0] == f"{UPSTREAM}/v2/p/app/manifests/v1?n=1"
    assert one.program.alive()


# ── Pulls ──


class HAProxySite(Site):
    """A site whose archeio is asked by HAProxy."""

    def serve(self, directory, settings, port):
        settings.pop("log")
        self.endpoint = self._own(Endpoint(directory, settings))
        upstream = "https://registry.example.org/"
        text = {upstream: f"{self.registry.url}/", "local WAIT = ": "local WAIT = 10 * "}
        return HAProxyDoor(directory / "haproxy", self.endpoint.decide_port, self.endpoint.admin_port,
                           {**BEHIND_PROXIES, **text})


@pytest.fixture(scope="module")
def site(tmp_path_factory, upstream):
    one = HAProxySite(tmp_path_factory.mktemp("haproxy-pulls"), upstream)
    yield one
    one.stop()


@pytest.mark.parametrize("who, source", SOURCES)
def test_blobs_come_from_the_clients_own_region(site, clients, upstream, who, source):
    """skopeo pulls an image: blobs from the bucket of its region, else from the upstream; manifests
    always from the upstream."""
    expect(site.pull(clients["skopeo"], who), upstream.image, source)


@pytest.mark.parametrize("how", ["hangs", "is gone"])
def test_pulls_go_on_without_archeio(site, clients, upstream, how):
    """All of the image comes from the upstream then, whether HAProxy knows that already or not."""
    if how == "hangs":
        freeze(site.endpoint.pid)
    else:
        site.endpoint.crash()
    try:
        expect(site.pull(clients["skopeo"], "eu"), upstream.image, "upstream")
        site.archeio.wait_for_archeio("DOWN")
        expect(site.pull(clients["skopeo"], "eu", "@" + upstream.image.digest), upstream.image, "upstream")
    finally:
        if how == "hangs":
            os.kill(site.endpoint.pid, signal.SIGCONT)
            site.archeio.wait_for_archeio("UP")


# ── The sample ──


def test_haproxy_finds_nothing_wrong_with_the_sample():
    done = subprocess.run([find("haproxy"), "-c", "-f", "haproxy.cfg"], cwd=DOOR, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
