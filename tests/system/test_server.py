"""The server as such: connections, signals, reloads, listeners, metrics, the access log."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from lib import http
from lib.archeio import Archeio, binary, environment
from lib.ports import free_port, wait_until

pytestmark = pytest.mark.alone

MANIFEST = "/v2/pause/manifests/3.10"
GET = f"GET {MANIFEST} HTTP/1.1\r\nHost: registry.k8s.io\r\n\r\n".encode()
UPSTREAM = "https://us-central1-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/manifests/3.10"


def read_answer(sock, pending=b""):
    """One answer without a body from a connection that stays open: (head, what follows). None if
    the connection ended before its first byte."""
    while b"\r\n\r\n" not in pending:
        chunk = sock.recv(65536)
        if not chunk:
            assert not pending, f"an answer was cut: {pending!r}"
            return None, b""
        pending += chunk
    head, _, rest = pending.partition(b"\r\n\r\n")
    return head, rest


class Load:
    """Clients that keep asking, over connections that they keep and over new ones. A request whose
    connection was accepted, and was not closed before it was sent, must be answered."""

    def __init__(self, port, clients=16):
        self.port = port
        self.stop = False
        self.answered = 0
        self.failures = []
        self.refused = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i % 2 == 0,))
                        for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self, keep):
        while not self.stop:
            try:
                sock = http.connect(self.port, timeout=10)
            except OSError:
                with self.lock:
                    self.refused += 1
                time.sleep(0.01)
                continue
            with sock:
                self._talk(sock, keep)

    def _talk(self, sock, keep):
        while not self.stop:
            try:
                sock.sendall(GET)
                head, _ = read_answer(sock)
                if head is None:
                    raise ConnectionError("closed without an answer")
            except (OSError, AssertionError) as e:
                with self.lock:
                    self.failures.append(repr(e))
                return
            with self.lock:
                self.answered += 1
                if b" 307 " not in head:
                    self.failures.append(head)
            if not keep or b"Connection: close" in head:
                return

    def end(self):
        self.stop = True
        for thread in self.threads:
            thread.join(20)
        assert not self.failures, f"{len(self.failures)} failed: {self.failures[:3]}"


# ── Connections ──

def test_redirect_has_date_and_no_body(archeio):
    answer = archeio({}).request(MANIFEST)
    assert (answer.status, answer.location, answer.body) == (307, UPSTREAM, b"")
    assert answer.headers["date"].endswith(" GMT")
    assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize("target", ["/", "/v2/", MANIFEST, "/v2/_catalog", "/nothing", "/v2/../x"])
def test_head_has_the_headers_of_get_and_no_body(archeio, target):
    server = archeio({})
    got, head = server.request(target), server.request(target, "HEAD")
    got.headers.pop("date"), head.headers.pop("date")
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


def test_a_connection_is_kept(archeio):
    server = archeio({})
    with http.connect(server.port) as sock:
        for _ in range(50):
            sock.sendall(GET)
            head, rest = read_answer(sock)
            assert head.startswith(b"HTTP/1.1 307 ") and b"Connection" not in head and not rest
    assert server.metric("archeio_requests_total", step="R9") == 50


def wakings(pid):
    """How often the workers have gone to sleep."""
    count = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("worker-"):
            status = (task / "status").read_text()
            count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])
    return count


def test_idle_connections_wake_nobody(archeio):
    server = archeio({})
    socks = [http.connect(server.port) for _ in range(20)]
    for sock in socks:
        sock.sendall(GET)
        read_answer(sock)
    time.sleep(0.5)  # what the requests set off is over by then
    before = wakings(server.pid)
    assert before > 0
    time.sleep(2)
    assert wakings(server.pid) - before <= 1
    for sock in socks:
        sock.close()


def test_a_thousand_pipelined_requests_are_answered_in_order(archeio):
    server = archeio({})
    targets = [f"/v2/pause/manifests/{i}" for i in range(1000)]
    data = b"".join(f"GET {t} HTTP/1.1\r\nHost: a\r\n{'Connection: close' if i == 999 else 'X: y'}"
                    "\r\n\r\n".encode() for i, t in enumerate(targets))
    answers = http.parse_answers(server.exchange(data))
    assert [a.location.rsplit("/", 1)[1] for a in answers] == [str(i) for i in range(1000)]


def test_a_client_that_reads_late_gets_every_answer_in_bounded_memory(archeio):
    server = archeio({})
    count = 20000
    with http.connect(server.port, timeout=30) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        sender = threading.Thread(target=sock.sendall, args=(GET * count,))
        sender.start()
        time.sleep(1)
        got, tail = 0, b""
        while got < count:
            chunk = sock.recv(65536)
            assert chunk, f"closed after {got} answers"
            *heads, tail = (tail + chunk).split(b"\r\n\r\n")
            got += sum(head.startswith(b"HTTP/1.1 307 ") for head in heads)
        sender.join()
    assert (got, tail) == (count, b"")


def test_http_1_0_closes_unless_asked_to_keep(archeio):
    server = archeio({})
    answers = http.parse_answers(server.exchange(f"GET {MANIFEST} HTTP/1.0\r\n\r\n".encode()))
    assert [a.status for a in answers] == [307]
    assert answers[0].headers["connection"] == "close"
    with http.connect(server.port) as sock:
        for _ in range(2):
            sock.sendall(f"GET {MANIFEST} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
            head, _ = read_answer(sock)
            assert b"Connection: keep-alive" in head


def test_a_request_cut_at_every_byte_is_answered_once(archeio):
    server = archeio({})
    with http.connect(server.port) as sock:
        for cut in range(1, len(GET)):
            sock.sendall(GET[:cut])
            time.sleep(0.001)
            sock.sendall(GET[cut:])
            head, rest = read_answer(sock)
            assert b" 307 " in head and not rest


def test_a_half_closed_client_is_answered(archeio):
    answers = http.parse_answers(archeio({}).exchange(GET * 3, half_close=True))
    assert [a.status for a in answers] == [307] * 3


def test_bad_after_good_gets_the_good_answer_then_400_and_a_close(archeio):
    answers = http.parse_answers(archeio({}).exchange(GET + b"GET  /v2/ HTTP/1.1\r\n\r\n" + GET))
    assert [a.status for a in answers] == [307, 400]


def test_an_answer_survives_a_body_that_nobody_reads(archeio):
    server = archeio({})
    head = f"GET {MANIFEST} HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n".encode()
    for _ in range(20):
        answers = http.parse_answers(server.exchange(head + b"x" * 40000))
        assert [(a.status, a.headers["connection"]) for a in answers] == [(307, "close")]


def test_a_slow_header_is_ended_and_an_idle_connection_is_closed(archeio):
    server = archeio({"server": {"header_timeout": "1s", "idle_timeout": "2s"}})
    begin = time.monotonic()
    answers = http.parse_answers(server.exchange(GET[:20]))
    assert [a.status for a in answers] == [408]
    assert 0.9 < time.monotonic() - begin < 3
    begin = time.monotonic()
    assert server.exchange(b"") == b""
    assert 1.9 < time.monotonic() - begin < 4


def test_a_dripping_header_gains_no_time(archeio):
    server = archeio({"server": {"header_timeout": "1s"}})
    begin = time.monotonic()
    with http.connect(server.port) as sock:
        sock.sendall(GET[:20])
        while time.monotonic() - begin < 5:
            try:
                sock.sendall(b"a")
            except OSError:
                break
            time.sleep(0.05)
    assert time.monotonic() - begin < 4


def test_a_reader_that_stops_is_closed(archeio):
    server = archeio({"server": {"write_timeout": "1s"}})
    with http.connect(server.port, timeout=20) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(0.5)
        try:
            for _ in range(1000):
                sock.sendall(GET * 1000)
        except OSError:
            pass
        wait_until(lambda: server.metric("archeio_connections") == 0, 10, "the connection closed")


def test_connections_beyond_the_limit_are_shed_and_others_kept(archeio):
    server = archeio({"server": {"max_connections": 20}})
    socks = [http.connect(server.port) for _ in range(40)]
    alive = 0
    for sock in socks:
        try:
            sock.sendall(GET)
            head, _ = read_answer(sock)
            alive += head is not None
        except OSError:
            pass
    assert alive == 20
    assert server.metric("archeio_connections_shed_total") == 20
    for sock in socks:
        sock.close()
    wait_until(lambda: server.metric("archeio_connections") == 0, 5, "all closed")
    assert server.request(MANIFEST).status == 307


# ── Signals ──

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_under_load_loses_no_request(archeio, number):
    server = archeio({"server": {"shutdown_delay": "300ms"}})
    load = Load(server.port)
    wait_until(lambda: load.answered > 500, 30, "load")
    os.kill(server.pid, number)
    time.sleep(0.15)
    assert server.admin_status("/readyz") == 503
    assert server.admin_status("/healthz") == 200
    before = load.answered
    assert server.request(MANIFEST).status == 307
    wait_until(lambda: not server.program.alive(), 10, "the end")
    server.stop()
    load.end()
    assert load.answered > before


def test_hundreds_of_connections_in_the_queue_are_answered_in_a_drain(archeio):
    server = archeio({})
    os.kill(server.pid, signal.SIGSTOP)
    socks = [http.connect(server.port) for _ in range(300)]
    for sock in socks:
        sock.sendall(GET)
    os.kill(server.pid, signal.SIGTERM)
    os.kill(server.pid, signal.SIGCONT)
    for sock in socks:
        head, _ = read_answer(sock)
        assert head and b" 307 " in head
        sock.close()
    server.stop()


def test_idle_connections_do_not_hold_up_a_drain(archeio):
    server = archeio({"server": {"drain_timeout": "10s"}})
    socks = [http.connect(server.port) for _ in range(100)]
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 5
    for sock in socks:
        assert sock.recv(1) == b""


def test_a_second_signal_ends_at_once(archeio):
    server = archeio({"server": {"shutdown_delay": "30s"}})
    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: server.admin_status("/readyz") == 503, 5, "draining")
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 3


def test_hundreds_of_reloads_under_load_lose_no_request(archeio):
    server = archeio({})
    load = Load(server.port, clients=8)
    wait_until(lambda: load.answered > 200, 30, "load")
    for i in range(200):
        server.write({"upstream": {"endpoint": f"https://r{i}.example.com"}})
        server.reload()
        time.sleep(0.01)
    wait_until(lambda: "//r199." in server.request(MANIFEST).location, 30, "the last one")
    load.end()
    total = server.metric("archeio_requests_total", step="R9")
    assert total >= load.answered  # what earlier generations counted is not forgotten


def test_a_broken_file_is_refused_and_what_runs_stays(archeio):
    server = archeio({})
    server.write("upstream: [BROKEN\n")
    server.reload()
    wait_until(lambda: "reload refused" in server.output(), 5, "refusal")
    assert server.request(MANIFEST).location == UPSTREAM


def test_broken_files_under_load_are_refused_and_lose_no_request(archeio):
    server = archeio({})
    load = Load(server.port, clients=8)
    wait_until(lambda: load.answered > 200, 30, "load")
    for i in range(100):
        server.write(f"upstream: [BROKEN {i}\n" if i % 2 == 0 else {"no": {"such": "setting"}})
        server.reload()
        wait_until(lambda: server.output().count("reload refused") == i + 1, 10, "a refusal")
    assert server.request(MANIFEST).location == UPSTREAM
    load.end()
    assert server.metric("archeio_requests_total", step="R9") >= load.answered


# ── Listeners ──

def ended(directory, config, **options):
    server = Archeio(directory, config, wait=False, **options)
    code = server.program.process.wait(20)
    return code, [line for line in server.output().splitlines() if "error" in line]


def test_a_busy_port_is_one_clear_line(archeio, tmp_path):
    server = archeio({})
    code, lines = ended(tmp_path / "second", {}, port=server.port)
    assert code == 1 and len(lines) == 1
    assert f"127.0.0.1:{server.port}" in lines[0] and "another program" in lines[0]


def test_a_privileged_port_is_one_clear_line(tmp_path):
    # Root without the right to it is refused like anybody else.
    unable = ["setpriv", "--bounding-set=-net_bind_service"] if os.geteuid() == 0 else []
    done = subprocess.run([*unable, binary(), "serve"], capture_output=True, text=True, timeout=20,
                          env=environment({"PORT": "80", "ARCHEIO_RANGES": str(tmp_path)}))
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert done.returncode == 1 and len(lines) == 1
    assert '"[::]:80"' in lines[0] and "1024" in lines[0]


@pytest.mark.parametrize("address", [
    "192.0.2.1:8080", "[2001:db8::1]:8080", "localhost:8080", "127.0.0.1", "127.0.0.1:65536",
    "127.0.0.1:", "[::1", "::1:8080", "[fe80::1%lo]:8080", "127.0.0.01:8080", ""])
def test_a_bad_address_is_one_clear_line(tmp_path, address):
    code, lines = ended(tmp_path, {"server": {"listen": [address]}})
    assert code == 1 and len(lines) == 1 and address in lines[0]


def test_ipv6_and_dual_stack(archeio):
    port = free_port("::1")
    server = archeio({"server": {"listen": [f"[::]:{port}"]}}, port=port)
    for host in ("127.0.0.1", "::1"):
        assert http.request(port, MANIFEST, host=host).status == 307
    assert server.metric("archeio_requests_total", step="R9") == 2


# ── Seeing what it does ──

def banner(server):
    """The request that the banner proposes, made: (its path, the answer)."""
    wait_until(lambda: "  try: " in server.output(), 10, "a banner")
    host, port, path = re.search(r"curl -i http://(\S+):(\d+)(/\S*)\n", server.output()).groups()
    return path, http.request(int(port), path, host=host.strip("[]"))


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0", "[::]:0", "0.0.0.0:0"])
def test_what_the_banner_proposes_works_wherever_it_listens(archeio, listen):
    server = archeio({"server": {"listen": [listen]}}, wait=False)
    path, answer = banner(server)
    assert (path, answer.status, answer.location) == (MANIFEST, 307, UPSTREAM)


def test_the_banner_proposes_to_another_registry_what_every_registry_answers(archeio):
    site = {"upstream": {"endpoint": "https://registry.example.com"},
            "stores": [{"name": "one", "url": "https://one.example.com", "serves": ["default"]}]}
    server = archeio(site)
    path, answer = banner(server)
    assert (path, answer.status) == ("/v2/", 200)
    assert "https://registry.example.com/v2/, and blobs from 1 store\n" in server.output()
    assert "  routes: " not in server.output()


def test_the_banner_says_how_many_routes_come_first(archeio):
    server = archeio({"upstream": {"endpoint": "https://registry.example.com"},
                      "routes": [{"name": "all", "to": {"url": "https://a.example.com"}}]})
    assert banner(server)[1].status == 307
    assert "\n  routes:   1, which come first\n" in server.output()


def test_metrics_are_prometheus_text_and_count(archeio):
    server = archeio({})
    server.request(MANIFEST)
    server.request("/nothing")
    server.exchange(b"nonsense\r\n\r\n")
    text = server.admin("/metrics")
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    for name, _, _ in server.metrics():
        family = name
        for suffix in ("_bucket", "_sum", "_count"):
            if name.endswith(suffix):
                family = name[:-len(suffix)]
        assert family in names or name in names
    assert server.metric("archeio_requests_total", step="R9", status="307") == 1
    assert server.metric("archeio_requests_total", step="R4", status="404") == 1
    assert server.metric("archeio_requests_by_network_total") == 2
    assert server.metric("archeio_http_errors_total", status="400") == 1
    assert server.admin_status("/elsewhere") == 404


def test_an_unusable_forwarded_for_is_counted_and_still_answered(archeio):
    server = archeio({})
    answer = server.request(MANIFEST, headers={"X-Forwarded-For": "nonsense, 10.0.0.1"})
    assert answer.status == 307
    assert server.metric("archeio_client_address_failures_total") == 1


def test_the_access_log_has_a_line_for_each_request_whatever_it_holds(archeio, tmp_path):
    log = tmp_path / "archeio-0" / "access.log"
    server = archeio({"log": {"access": str(log)}})
    evil = 'a"}\\ \x1b[31m{"x":'.replace("\x1b", "\t")
    server.request(MANIFEST, headers={
        "User-Agent": evil,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    server.request('/v2/"x"/manifests/1')
    wait_until(lambda: len(server.access_log()) == 2, 5, "two lines")
    # Each worker has a ring of its own: lines of two connections have no order.
    first, second = sorted(server.access_log(), key=lambda line: line["status"])
    assert first["path"] == MANIFEST and first["status"] == 307 and first["reason"] == "R9"
    assert first["user_agent"] == evil and first["client"] == "127.0.0.1"
    assert first["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert second["status"] == 400 and second["reason"] == "R7"


def test_the_access_log_is_reopened_on_sighup(archeio, tmp_path):
    log = tmp_path / "archeio-0" / "access.log"
    server = archeio({"log": {"access": str(log)}})
    server.request(MANIFEST)
    wait_until(lambda: len(server.access_log()) == 1, 5, "a line")
    log.rename(log.with_suffix(".1"))
    server.reload()
    wait_until(log.exists, 5, "a new file")
    server.request(MANIFEST)
    wait_until(lambda: len(server.access_log()) == 1, 5, "a line in the new file")


def test_a_log_that_nobody_reads_holds_up_nobody(archeio, tmp_path):
    log = tmp_path / "log"
    os.mkfifo(log)
    pipe = os.open(log, os.O_RDWR)  # open, and never read
    server = archeio({"log": {"access": str(log)}})
    with http.connect(server.port) as sock:
        request = GET.replace(b"Host:", b"User-Agent: " + b"a" * 500 + b"\r\nHost:")
        for _ in range(10):
            sock.sendall(request * 500)
            rest = b""
            for _ in range(500):
                head, rest = read_answer(sock, rest)
                assert b" 307 " in head
    wait_until(lambda: server.metric("archeio_access_log_dropped_total") > 0, 5, "dropped lines")
    server.write({"log": {"access": str(log)}, "upstream": {"endpoint": "https://r.example.com"}})
    server.reload()
    wait_until(lambda: "//r.example.com/" in server.request(MANIFEST).location, 5, "the reload")
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 5
    os.close(pipe)


def test_open_admin_connections_do_not_outlive_the_server(archeio):
    server = archeio({})
    socks = [http.connect(server.admin_port) for _ in range(5)]
    assert server.admin_status("/healthz") == 200  # they have been accepted by then
    server.stop()
    for sock in socks:
        sock.close()


def test_idle_admin_connections_do_not_keep_out_a_health_check(archeio):
    server = archeio({})
    socks = [http.connect(server.admin_port) for _ in range(200)]
    assert server.admin_status("/healthz") == 200
    for sock in socks:
        sock.close()


def test_metrics_are_whole_for_a_client_that_closes_its_half(archeio):
    server = archeio({"upstream": {"endpoint": "https://u.example"},
                      "stores": [{"name": f"store-{i}", "url": f"https://s{i}.example",
                                  "serves": ["default"]} for i in range(4000)]})
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.admin_port))
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        head, _, body = http.read_all(sock).partition(b"\r\n\r\n")
    size = int(re.search(rb"Content-Length: (\d+)", head)[1])
    assert len(body) == size > 4_000_000


def test_an_admin_address_that_is_taken_is_an_error_if_it_was_chosen(archeio, tmp_path):
    server = archeio({})
    code, lines = ended(tmp_path / "second", {}, admin=server.admin_port)
    assert code == 1 and len(lines) == 1 and "server.admin" in lines[0]
