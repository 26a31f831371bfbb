"""Every allocation and every system call fails once, in turn, in a site of ten prefixes: while it
starts, serves, reloads and ends. Nothing crashes or leaks, and the next clean request is answered.

With ARCHEIO_FAULTS_EVERY=1 (`make faults`) it is every single one; else, where starts and reloads
make thousands of allocations, one of so many, and all system calls.
"""

import concurrent.futures
import http.client
import http.server
import itertools
import os
import socket
import ssl
import threading

import pytest

from lib import faults
from lib.archeio import Archeio
from lib.certificates import make_certificate
from lib.http import parse_answers
from lib.http2_client import Client
from lib.ports import free_port, wait_until

EVERY = int(os.environ.get("ARCHEIO_FAULTS_EVERY", "7"))
PATIENCE = 4.0  # seconds; more than any time limit of the site's
UPSTREAM = "https://upstream.example"
PREFIXES = "".join(f"198.51.100.{16 * i}/28 aws eu-west-3\n" for i in range(10))
CLIENT = "198.51.100.7"
MANIFEST = "/v2/pause/manifests/3.10"
serial = itertools.count()

# Where they run out of memory as they begin, these lose some by themselves. Only for lives in which
# they begin.
SUPPRESSIONS = "leak:libcrypto.so\nleak:libseccomp.so\n"


# How the C library ends a program that has no memory for what is a thread's own in a library.
GIVEN_UP = "cannot allocate memory for thread-local data: ABORT"


class Cut(Exception):
    """The connection ended before all was answered."""


class Store(http.server.ThreadingHTTPServer):
    """Has every blob."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", "1")
            self.end_headers()

        def log_message(self, *_):
            pass

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass


@pytest.fixture(scope="module")
def store():
    one = Store()
    yield one
    one.shutdown()
    one.server_close()


@pytest.fixture(scope="module")
def injector():
    return faults.library()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"), "own", ["localhost"])


class Site:
    """archeio on ports of its own, and what is asked of it."""

    def __init__(self, directory, injector, certificate, store):
        directory.mkdir()
        (directory / "ranges").mkdir()
        (directory / "ranges" / "own.txt").write_text(PREFIXES)
        (directory / "suppressions").write_text(SUPPRESSIONS)
        self.directory = directory
        self.certificate = certificate
        self.store = store
        self.secure_port = free_port()
        self.faults = faults.Faults(directory / "control", injector)
        self.careful = False
        self.context = ssl.create_default_context(cafile=certificate.file)
        self.server = None

    def config(self, port):
        return {"server": {"listen": [{"address": f"127.0.0.1:{port}"},
                                      {"address": f"127.0.0.1:{self.secure_port}", "tls": self.certificate.pair}],
                           "workers": 1, "user": "root", "client_address": "google-lb",
                           "header_timeout": "1s", "write_timeout": "1s",
                           "drain_timeout": "20ms"},
                "log": {"access": str(self.directory / "access.log")},
                "upstream": {"endpoint": UPSTREAM},
                "existence": {"wait": "1s"},
                "stores": [{"name": "eu", "url": self.store.url, "serves": ["aws/eu-west-3"]}]}

    def start(self, wait=True):
        """careful: leaks are told with whole stacks, which takes time, and those that are not ours
        left out."""
        env = dict(self.faults.env)
        if self.careful:
            env["ASAN_OPTIONS"] += ":fast_unwind_on_malloc=0"
            env["LSAN_OPTIONS"] = (f"suppressions={self.directory}/suppressions:"
                                   "print_suppressions=0")
        log = self.directory / "archeio.log"
        log.unlink(missing_ok=True)
        port = self.server.port if self.server else free_port()
        admin = self.server.admin_port if self.server else None
        self.server = Archeio(self.directory, self.config(port), port=port, admin=admin, env=env,
                              wait=wait)
        return self.server

    # Requests; each returns [(status, location)] of what was answered, and raises OSError where
    # the connection was lost.

    def connect(self, secure, protocol):
        port = self.secure_port if secure else self.server.port
        sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        if not secure:
            return sock
        self.context.set_alpn_protocols([protocol])
        try:
            return self.context.wrap_socket(sock, server_hostname="localhost")
        except BaseException:
            sock.close()
            raise

    def http1(self, targets, secure):
        requests = "".join(
            f"GET {t} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {CLIENT}, 130.211.0.1\r\n"
            f"{'Connection: close' if t == targets[-1] else 'Accept: */*'}\r\n\r\n"
            for t in targets)
        data = b""
        with self.connect(secure, "http/1.1") as sock:
            sock.sendall(requests.encode())
            while chunk := sock.recv(65536):
                data += chunk
        if not data.endswith(b"\r\n\r\n"):
            raise Cut("closed before all was answered")
        return [(a.status, a.location) for a in parse_answers(data)]

    def http2(self, targets, secure):
        scheme = "https" if secure else "http"
        forwarded = [("x-forwarded-for", f"{CLIENT}, 130.211.0.1")]
        with self.connect(secure, "h2") as sock:
            client = Client(sock=sock)
            streams = [client.begin(target, fields=forwarded, authority="localhost", scheme=scheme,
                                    flush=False) for target in targets]
            client.flush()
            while not client.answers.keys() | client.resets.keys() >= set(streams):
                if not client.read():
                    raise Cut("closed before all was answered")
            return [(answer.status, answer.location)
                    for _, answer in sorted(client.answers.items())]

    def ask(self, how):
        """A manifest and a blob that nobody asked for before. Fails on a wrong answer."""
        digest = f"sha256:{next(serial):064x}"
        targets = [MANIFEST, f"/v2/pause/blobs/{digest}"]
        right = [{(307, UPSTREAM + MANIFEST)},
                 {(307, f"{self.store.url}/containers/images/{digest}"),
                  (307, f"{UPSTREAM}/v2/pause/blobs/{digest}")}]
        got = (self.http2 if "h2" in how else self.http1)(targets, "tls" in how)
        for answer, allowed in zip(got, right):
            assert answer in allowed or answer[0] >= 500, f"wrong answer {answer}"
        return len(got) == 2 and all(status == 307 for status, _ in got)

    def reload(self):
        said = len(self.server.output())
        self.server.reload()
        wait_until(lambda: any(word in self.server.output()[said:] for word in
                               ("reloaded", "reload refused", "is dropped")),
                   PATIENCE, "a reload", 0.003)
        return True

    def tried(self, how):
        """Whether all was answered. Fails where an answer is wrong, or a client waits in vain."""
        try:
            if how == "metrics":
                return "archeio_connections" in self.server.admin("/metrics")
            return self.ask(how)
        except TimeoutError:
            raise AssertionError("the connection was neither answered nor closed") from None
        except (OSError, http.client.HTTPException, Cut):
            return False


def descriptors(site):
    return len(os.listdir(f"/proc/{site.server.pid}/fd"))


@pytest.fixture
def site(tmp_path, injector, certificate, store):
    started = []

    def make():
        one = Site(tmp_path / f"site-{len(started)}", injector, certificate, store)
        started.append(one)
        return one

    yield make
    for one in started:
        if one.server is not None:
            one.server.program.kill()


# ── While it serves ──

@pytest.mark.slow
@pytest.mark.parametrize("how", ["h1", "h2", "tls-h1", "tls-h2", "metrics"])
def test_a_failure_costs_at_most_its_connection(site, how):
    """Whatever call fails while a request is served, the program goes on; a failure that only
    delays costs nothing; and the same, asked again, is answered."""
    one = site()
    one.start()
    for warm in ("h1", "tls-h2", "metrics"):
        assert one.tried(warm)
    before = descriptors(one)
    for way in faults.WAYS:
        for at in itertools.count(1):
            one.faults.arm(way, at)
            answered = one.tried(how)
            name = one.faults.disarm()
            where = f"{how}: {way} at call {at}: {name}"
            assert one.server.program.alive(), f"{where}\n{one.server.output()[-4000:]}"
            assert answered or way not in faults.DELAYS, f"{where}: it was not answered"
            assert one.tried(how), f"{where}: the next one was not answered"
            if not name:
                break
        assert at > 1 or (how, way) == ("metrics", "EMFILE"), f"nothing fails by {way}"
    wait_until(lambda: descriptors(one) <= before + 1, PATIENCE, "descriptors as before")
    one.server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("way", faults.WAYS)
def test_a_failed_reload_leaves_what_was_running(site, way):
    """Whatever call fails while it reloads, requests are answered and the next reload succeeds."""
    one = site()
    one.start()
    assert one.tried("tls-h1")
    before = descriptors(one)
    for at in itertools.count(1, EVERY if way == "memory" else 1):
        one.faults.arm(way, at)
        try:
            one.reload()
            said = True
        except AssertionError:
            said = False
        name = one.faults.disarm()
        where = f"{way} at call {at}: {name}"
        assert said or name == "write", f"{where}: nobody says how the reload ended"
        assert one.server.program.alive(), f"{where}\n{one.server.output()[-4000:]}"
        assert one.tried("tls-h1"), f"{where}: the next request was not answered"
        if not name:
            break
    one.reload()
    assert "reloaded" in one.server.output().splitlines()[-1]
    wait_until(lambda: descriptors(one) <= before + 2, PATIENCE, "descriptors as before")
    one.server.stop()


# ── One life for each failure ──

def start(one, way, at):
    """It starts, or says why not and exits with code 1."""
    one.faults.arm(way, at)
    server = one.start(wait=False)

    def up_or_over():
        try:
            return not server.program.alive() or server.request("/v2/", timeout=PATIENCE)
        except OSError:
            return False
    wait_until(up_or_over, PATIENCE, "it to start or to end", 0.002)
    name = one.faults.disarm()
    if not server.program.alive():
        code, output = server.program.stop(), server.output()
        assert code == 1 and "error: " in output, f"exit code {code}: {output!r}"
        return name
    assert one.tried("h1"), "the next request was not answered"
    server.stop()
    return name


def ask_first(one, way, at):
    """The first request, for which libraries are opened, may fail; the next does not."""
    server = one.start()
    one.faults.arm(way, at)
    answered = one.tried("tls-h1")
    name = one.faults.disarm()
    assert server.program.alive(), "it ended"
    assert answered or way not in faults.DELAYS, "it was not answered"
    assert one.tried("tls-h1"), "the next request was not answered"
    server.stop()
    return name


def end(one, way, at):
    """It ends in time and with exit code 0, though a connection is still there."""
    server = one.start()
    assert one.tried("h2")
    with one.connect(False, "h1"):
        one.faults.arm(way, at)
        server.stop()
    return one.faults.disarm()


def live(one, phase, way, at):
    """One life of the program; the name of what failed in it."""
    try:
        name = phase(one, way, at)
        report = one.server.program.sanitizer_report()
        problem = report
    except AssertionError as e:
        name = one.faults.disarm()
        report, problem = one.server.program.sanitizer_report(), str(e)
        if way == "memory" and GIVEN_UP in one.server.output():
            return name
    finally:
        one.server.program.kill()
    if way == "memory" and "in gcov_do_dump" in report:
        return name  # a build that counts coverage: the counting itself crashes without memory
    if "LeakSanitizer" in report and not one.careful:
        one.careful = True
        name = live(one, phase, way, at)
        one.careful = False
        return name
    assert not problem, f"{way} at call {at}: {name}: {problem}\n{one.server.output()[-4000:]}"
    return name


@pytest.mark.slow
@pytest.mark.parametrize("way", faults.WAYS)
@pytest.mark.parametrize("phase", [start, ask_first, end])
def test_a_failure_ends_it_only_with_a_reason(site, phase, way):
    """Whatever call fails while it starts, is asked for the first time, or ends: no crash, no leak,
    and whatever has started answers."""
    step = EVERY if way == "memory" and phase is not end else 1
    sites = [site() for _ in range(os.cpu_count() or 1)]
    free = sites[:]

    def one_life(at):
        one = free.pop()
        try:
            return live(one, phase, way, at)
        finally:
            free.append(one)

    with concurrent.futures.ThreadPoolExecutor(len(sites)) as pool:
        for first in itertools.count(1, 16 * step):
            if "" in list(pool.map(one_life, range(first, first + 16 * step, step))):
                break
