"""Who the client is where a PROXY header says so, and how much one client may have. Each scenario
opens with the sentence that it proves."""

import fcntl
import socket
import struct
import termios
import time

import pytest

from lib import http, tls
from lib.certificates import make_certificate
from lib.http2_client import Client
from lib.ports import free_port, wait_until
from lib.tls import client_context

MANIFEST = "/v2/app/manifests/1"
UPSTREAM = "https://upstream.example"
NEAR, FAR, NEAR6 = "198.51.100.7", "203.0.113.7", "2001:db8:1::7"
BLOB = "/v2/app/blobs/sha256:" + "ab" * 32


# ── The PROXY protocol ──

def version1(source, family="TCP4", destination="192.0.2.1"):
    return f"PROXY {family} {source} {destination} 40000 443\r\n".encode()


def version2(source, command=1, tlvs=b"", family=None):
    """family: what the 14th byte says; else TCP over the source's family."""
    six = ":" in source
    kind = socket.AF_INET6 if six else socket.AF_INET
    addresses = (socket.inet_pton(kind, source) * 2) + struct.pack("!HH", 40000, 443)
    code = family if family is not None else (0x21 if six else 0x11)
    return (b"\r\n\r\n\x00\r\nQUIT\n" + bytes([0x20 | command, code])
            + struct.pack("!H", len(addresses) + len(tlvs)) + addresses + tlvs)


def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


class Site:
    """A server whose access log says which client it was, and where: the region of a blob's client
    decides."""

    def __init__(self, archeio, tmp_path, listed, encrypted=False, protocols=None):
        ranges = tmp_path / "ranges"
        ranges.mkdir()
        (ranges / "own.txt").write_text("198.51.100.0/24 office near\n2001:db8:1::/48 office near\n")
        self.port = free_port()
        listener = {"address": f"127.0.0.1:{self.port}", "proxy_protocol": listed}
        if encrypted:
            listener["tls"] = make_certificate(tmp_path, "site").pair
        if protocols:
            listener["protocols"] = protocols
        self.server = archeio({
            "server": {"listen": [listener], "client_address": "peer"},
            "upstream": {"endpoint": UPSTREAM, "blobs_for": ["office/near"]},
            "ranges": {"directory": str(ranges)},
            "log": {"access": "access.log"},
        }, port=self.port)

    def clients(self):
        return [(line["client"], line["region"]) for line in self.server.access_log()]

    def asked_by(self, n=1):
        """The last client, and its region, once n lines are there."""
        wait_until(lambda: len(self.clients()) >= n, what="a line in the log")
        return self.clients()[-1]


REQUEST = (f"GET {BLOB} HTTP/1.1\r\nHost: registry.example\r\nConnection: close\r\n\r\n").encode()


def answer_in_clear(port, header, request=REQUEST):
    [answer] = http.parse_answers(http.exchange(port, header + request))
    return answer


@pytest.mark.parametrize("make", [version1, version2], ids=["v1", "v2"])
@pytest.mark.parametrize("source, region", [(NEAR, "near"), (FAR, ""), (NEAR6, "near")])
def test_a_listed_peers_header_says_who_the_client_is_and_where(archeio, tmp_path, make, source,
                                                                region):
    """Its address is logged, and decides the region."""
    site = Site(archeio, tmp_path, ["127.0.0.0/8"])
    header = make(source) if make is version2 or ":" not in source else \
        version1(source, "TCP6", "2001:db8::1")
    assert answer_in_clear(site.port, header).location == UPSTREAM + BLOB
    client, found = site.asked_by()
    assert (client, found or "") == (source, region)


@pytest.mark.parametrize("make", [version1, version2], ids=["v1", "v2"])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_the_header_comes_before_tls(archeio, tmp_path, make, protocol):
    site = Site(archeio, tmp_path, ["127.0.0.1"], encrypted=True)
    raw = http.connect(site.port)
    raw.sendall(make(NEAR))
    with client_context([protocol]).wrap_socket(raw) as sock:
        if protocol == "h2":
            assert Client(sock=sock).request(BLOB).location == UPSTREAM + BLOB
        else:
            sock.sendall(REQUEST)
            [answer] = http.parse_answers(http.read_all(sock))
            assert answer.location == UPSTREAM + BLOB
    assert site.asked_by() == (NEAR, "near")


@pytest.mark.parametrize("make", [version1, version2], ids=["v1", "v2"])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_header_and_request_may_be_cut_anywhere(archeio, tmp_path, make, protocol):
    """At every byte, of the header and of what follows at once."""
    site = Site(archeio, tmp_path, ["127.0.0.1"])
    request = REQUEST
    if protocol == "h2":
        request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
    data = make(NEAR) + request
    for cut in range(1, len(make(NEAR)) + 25):
        with http.connect(site.port) as sock:
            sock.sendall(data[:cut])
            wait_until(lambda: unread(sock) == 0, what="the first part's arrival", interval=0.001)
            sock.sendall(data[cut:])
            if protocol == "h2":
                assert sock.recv(9)[3] == 4, f"cut at {cut}: no SETTINGS"
            else:
                [answer] = http.parse_answers(http.read_all(sock))
                assert answer.status == 307, f"cut at {cut}"


def unread(sock):
    """Bytes that the other side's kernel has not acknowledged."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


@pytest.mark.parametrize("header", [
    version2(NEAR, tlvs=tlv(2, b"registry.example") + tlv(5, b"x" * 128)),
    version2(NEAR, tlvs=tlv(0x20, b"\x01" + b"\0" * 4 + tlv(0x21, b"TLSv1.3"))),
    version2(NEAR, tlvs=tlv(0xee, b"x" * 1000))], ids=["name and id", "tls", "a kilobyte"])
def test_what_a_header_says_beside_the_address_is_passed_over(archeio, tmp_path, header):
    site = Site(archeio, tmp_path, ["127.0.0.1"])
    assert answer_in_clear(site.port, header).status == 307
    assert site.asked_by() == (NEAR, "near")


@pytest.mark.parametrize("header", [
    version2(NEAR, command=0), b"PROXY UNKNOWN\r\n", version2(NEAR, family=0)],
    ids=["LOCAL", "UNKNOWN", "no family"])
def test_without_an_address_the_peer_is_the_client(archeio, tmp_path, header):
    """A load balancer's own health checks."""
    site = Site(archeio, tmp_path, ["127.0.0.1"])
    assert answer_in_clear(site.port, header).status == 307
    assert site.asked_by()[0] == "127.0.0.1"


@pytest.mark.parametrize("header", [
    b"", b"PROXY TCP4 198.51.100.7\r\n", b"PROXY TCP4 198.51.100.07 192.0.2.1 1 2\r\n",
    b"PROXY " + b"x" * 200 + b"\r\n", version2(NEAR, tlvs=b"\x02\xff\xff"), version2(NEAR)[:12] + b"\x31",
    version1(NEAR) + version1(FAR), version2(NEAR) + version2(FAR), version2(NEAR, tlvs=tlv(4, b"x" * 5000))],
    ids=["none", "cut short", "octal", "too long", "TLV beyond the end", "version 3", "two of version 1",
         "two of version 2", "too large"])
def test_a_listed_peer_with_a_bad_header_gets_no_answer(archeio, tmp_path, header):
    """Or a 400, where only what comes behind a good header is bad."""
    site = Site(archeio, tmp_path, ["127.0.0.1"])
    said = http.exchange(site.port, header + REQUEST)
    assert said == b"" or (header.count(b"PROXY") == 2 or header.count(b"QUIT") == 2) and \
        [answer.status for answer in http.parse_answers(said)] == [400]
    assert answer_in_clear(site.port, version1(NEAR)).status == 307


@pytest.mark.parametrize("header", [version1(NEAR), version2(NEAR)], ids=["v1", "v2"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "tls"])
def test_a_peer_that_is_not_listed_cannot_say_who_it_is(archeio, tmp_path, header, encrypted):
    """Its header is no valid request; without one it is served, and is the client itself."""
    site = Site(archeio, tmp_path, ["192.0.2.0/24"], encrypted)
    said = http.exchange(site.port, header + REQUEST)
    assert said == b"" or [answer.status for answer in http.parse_answers(said)] == [400]
    with tls.connect(site.port) if encrypted else http.connect(site.port) as sock:
        sock.sendall(REQUEST)
        [answer] = http.parse_answers(http.read_all(sock))
        assert answer.status == 307
    wait_until(lambda: 307 in [line["status"] for line in site.server.access_log()], what="its line")
    assert {client for client, _ in site.clients()} == {"127.0.0.1"}


def test_a_header_that_does_not_come_is_waited_for_no_longer_than_others(archeio, tmp_path):
    site = Site(archeio, tmp_path, ["127.0.0.1"])
    began = time.monotonic()
    assert http.exchange(site.port, version1(NEAR)[:10]) == b""
    assert time.monotonic() - began < 5  # header_timeout is 2 s


# ── Requests of a client ──

def limited(port, **more):
    limit = {"rate": "1/h", "burst": 3} | more
    return {"server": {"listen": [{"address": f"127.0.0.1:{port}"}], "client_address": "trusted-proxies",
                       "trusted_proxies": ["127.0.0.1"], "workers": 2},
            "upstream": {"endpoint": UPSTREAM}, "rate_limit": limit}


@pytest.fixture
def limit(archeio):
    def start(**more):
        port = free_port()
        return archeio(limited(port, **more), port=port)
    return start


def ask(server, client, http2=None, target=MANIFEST):
    fields = [("x-forwarded-for", client)]
    if http2 is None:
        return server.request(target, headers=fields)
    return http2.request(target, fields=fields)


def assert_too_many(answer):
    assert answer.status == 429
    assert answer.location is None
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert answer.headers["content-type"] == "application/json"
    assert b'{"errors":[{"code":"TOOMANYREQUESTS","message":"' in answer.body


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_what_is_beyond_the_limit_gets_429_and_says_when(limit, protocol):
    """The burst is answered, the next is not; an error as OCI clients know it; the connection goes
    on, and other clients on it are answered. All workers count together."""
    server = limit()
    http2 = Client(server.port) if protocol == "h2" else None
    assert [ask(server, NEAR, http2).status for _ in range(3)] == [307] * 3
    for _ in range(3):
        assert_too_many(ask(server, NEAR, http2))
    assert ask(server, FAR, http2).status == 307
    assert ask(server, NEAR6, http2).status == 307
    assert server.metric("archeio_http_errors_total", status="429") == 3


def test_a_head_beyond_the_limit_has_no_body(limit):
    server = limit(burst=1)
    assert ask(server, NEAR).status == 307
    answer = server.request(MANIFEST, "HEAD", headers={"x-forwarded-for": NEAR})
    assert (answer.status, answer.body) == (429, b"") and "retry-after" in answer.headers
    http2 = Client(server.port)
    answer = http2.request(MANIFEST, "HEAD", [("x-forwarded-for", NEAR)])
    assert (answer.status, answer.body) == (429, b"") and "retry-after" in answer.headers


def test_connections_survive_the_limit_by_http11(limit):
    """Keep-alive goes on, and each request has one answer."""
    server = limit(burst=2)
    one = f"GET {MANIFEST} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {NEAR}\r\n\r\n".encode()
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n").replace(NEAR.encode(), FAR.encode())
    answers = http.parse_answers(server.exchange(one * 5 + last))
    assert [answer.status for answer in answers] == [307, 307, 429, 429, 429, 307]


def test_addresses_of_one_subscriber_share_a_limit(limit):
    """An IPv6 /64 is one client, its neighbour another; an IPv4 address is one, mapped or not."""
    server = limit(burst=2)
    assert [ask(server, f"2001:db8:5:6::{i}").status for i in range(1, 4)] == [307, 307, 429]
    assert ask(server, "2001:db8:5:7::1").status == 307
    assert [ask(server, client).status for client in (NEAR, f"::ffff:{NEAR}", NEAR)] == [307, 307, 429]


def test_exempt_prefixes_are_not_limited(limit):
    server = limit(burst=1, exempt=["198.51.100.0/24", "2001:db8:1::/48"])
    for client in (NEAR, NEAR6):
        assert [ask(server, client).status for _ in range(10)] == [307] * 10
    assert [ask(server, FAR).status for _ in range(2)] == [307, 429]


def test_the_rate_refills(limit):
    """20/s: what was refused is answered a twentieth of a second later."""
    server = limit(rate="20/s", burst=1)
    assert ask(server, NEAR).status == 307
    refused = 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        answer = ask(server, NEAR)
        if answer.status == 307:
            break
        refused += 1
        assert answer.headers["retry-after"] == "1"
    assert answer.status == 307


def test_a_reload_changes_the_limit_and_keeps_what_clients_have_used(limit):
    """Tighter, wider, exempt and off, without a restart."""
    server = limit(burst=3)
    assert [ask(server, NEAR).status for _ in range(4)] == [307, 307, 307, 429]

    def reload(**more):
        before = server.output().count("reloaded")
        server.write(limited(server.port, **more))
        server.reload()
        wait_until(lambda: server.output().count("reloaded") > before, what="reload")

    reload(burst=5)
    # A worker takes the new one over when it is woken.
    wait_until(lambda: ask(server, NEAR).status == 307, what="a wider limit")
    wait_until(lambda: ask(server, NEAR).status == 429, what="its end")
    reload(burst=5, exempt=[NEAR + "/32"])
    wait_until(lambda: ask(server, NEAR).status == 307, what="exempt")
    reload(rate=0)
    wait_until(lambda: ask(server, NEAR).status == 307, what="off")
    assert [ask(server, NEAR).status for _ in range(20)] == [307] * 20


def test_the_limit_is_of_the_client_that_a_proxy_header_names(archeio):
    port = free_port()
    server = archeio({
        "server": {"listen": [{"address": f"127.0.0.1:{port}", "proxy_protocol": ["127.0.0.1"]}],
                   "client_address": "peer"},
        "upstream": {"endpoint": UPSTREAM}, "rate_limit": {"rate": "1/h", "burst": 2}}, port=port)
    for source in (NEAR, FAR):
        assert [answer_in_clear(server.port, version2(source)).status for _ in range(3)] == \
            [307, 307, 429]


# ── Connections of a client ──

def stays_open(port, header=b""):
    """A connection that was answered and goes on; None: it was closed."""
    sock = http.connect(port)
    try:
        sock.sendall(header + b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n")
        if sock.recv(65536).startswith(b"HTTP/1.1 200"):
            return sock
    except OSError:
        pass
    sock.close()
    return None


def test_a_client_has_no_more_connections_than_allowed(archeio):
    """One too many is closed at once and counted; when another ends there is room again. All
    workers count together."""
    server = archeio({"server": {"max_connections_per_client": 5, "workers": 2}})
    open_now = [stays_open(server.port) for _ in range(5)]
    assert all(open_now)
    assert [stays_open(server.port) for _ in range(3)] == [None] * 3
    assert server.metric("archeio_connections_crowded_total") == 3
    open_now.pop().close()
    open_now.append(wait_until(lambda: stays_open(server.port), what="room"))
    assert stays_open(server.port) is None
    for sock in open_now:
        sock.close()


def test_clients_that_a_proxy_names_are_counted_and_the_proxy_is_not(archeio):
    """Two clients behind one load balancer, each with as many as are allowed."""
    port = free_port()
    server = archeio({"server": {
        "listen": [{"address": f"127.0.0.1:{port}", "proxy_protocol": ["127.0.0.1"]}],
        "client_address": "peer", "max_connections_per_client": 3, "workers": 2}}, port=port)
    open_now = [stays_open(port, version2(source)) for source in (NEAR, FAR, NEAR6) for _ in range(3)]
    assert all(open_now)
    neighbour = "2001:db8:1::8"  # of the same /64
    assert [stays_open(port, version2(source)) for source in (NEAR, FAR, neighbour)] == [None] * 3
    for sock in open_now:
        sock.close()
    wait_until(lambda: stays_open(port, version2(NEAR)), what="room")
    assert server.metric("archeio_connections_crowded_total") >= 3


def test_a_list_that_changes_while_a_connection_begins_counts_it_once(archeio):
    """A peer that connects unlisted, and is listed before it has said anything, stays who it was."""
    port = free_port()

    def config(listed):
        return {"server": {
            "listen": [{"address": f"127.0.0.1:{port}", "proxy_protocol": listed}],
            "client_address": "peer", "max_connections_per_client": 2, "header_timeout": "20s"}}

    server = archeio(config(["192.0.2.1"]), port=port)
    early = [http.connect(port) for _ in range(2)]
    for sock in early:
        sock.sendall(version1(NEAR)[:1])
    wait_until(lambda: server.metric("archeio_connections") == 2)
    assert stays_open(port) is None
    server.write(config(["127.0.0.1"]))
    server.reload()
    wait_until(lambda: "reloaded" in server.output(), what="reload")
    for sock in early:  # no listed peer's header is taken from one that was not listed
        with sock:
            try:
                sock.sendall(version1(NEAR)[1:] + REQUEST)
            except OSError:
                pass
            assert b" 307 " not in http.read_all(sock)
    server.write(config(["192.0.2.1"]))
    server.reload()
    wait_until(lambda: server.output().count("reloaded") == 2, what="reload")
    open_now = [wait_until(lambda: stays_open(port), what="room") for _ in range(2)]
    for sock in open_now:
        sock.close()
