"""Hostile clients of TLS: whatever they do before, in or after a handshake, they are bounded in time,
memory and work, and others are served."""

import os
import re
import socket
import ssl
import time
from pathlib import Path

import pytest

from lib import http, http2, openssl, tls
from lib.certificates import make_certificate
from lib.ports import free_port, wait_until
from lib.release import release_binary

pytestmark = pytest.mark.alone

REQUEST = b"HEAD /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"


def start_secure(archeio, tmp_path, header_timeout="1s"):
    """.tls_port speaks TLS, .proxied takes PROXY headers, in clear."""
    certificate = make_certificate(tmp_path, "attacked")
    port, tls_port, proxied = free_port(), free_port(), free_port()
    one = archeio({"server": {
        "header_timeout": header_timeout, "idle_timeout": "5s", "workers": 1, "client_address": "peer",
        "listen": [{"address": f"127.0.0.1:{port}"},
                   {"address": f"127.0.0.1:{tls_port}", "tls": certificate.pair},
                   {"address": f"127.0.0.1:{proxied}", "proxy_protocol": ["127.0.0.0/8"]}]}},
        port=port)
    one.tls_port, one.proxied = tls_port, proxied
    return one


@pytest.fixture
def secure(archeio, tmp_path):
    return start_secure(archeio, tmp_path)


def is_served(port):
    with tls.connect(port) as sock:
        sock.sendall(REQUEST)
        return sock.recv(4096).startswith(b"HTTP/1.1 200")


def client_hello():
    """As the ssl module sends it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        tls.client_context().wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


def test_new_keys_now_and_then_are_harmless(secure):
    """A client may change its keys and ask for the server's to be changed."""
    client = openssl.Connection(http.connect(secure.tls_port))
    for _ in range(8):
        assert client.update_keys()
        assert client.write(REQUEST)
        assert client.read().startswith(b"HTTP/1.1 200")
    client.close()


def test_a_flood_of_new_keys_ends_its_connection(secure):
    """Each KeyUpdate costs two derivations of keys and an answer: there is an end to them, though
    each comes with a request."""
    client = openssl.Connection(http.connect(secure.tls_port))
    count = 0
    while client.update_keys() and client.write(REQUEST) and client.read():
        count += 1
        assert count < 100, "it goes on for ever"
    client.close()
    assert 8 < count < 40
    assert is_served(secure.tls_port)


def test_renegotiation_is_refused(secure):
    """TLS 1.2's, which an attacker could repeat for ever (CVE-2011-1473)."""
    client = openssl.Connection(http.connect(secure.tls_port), openssl.TLS1_2)
    assert client.write(REQUEST) and client.read()
    assert client.lib.SSL_renegotiate(client.ssl) == 1
    assert client.lib.SSL_do_handshake(client.ssl) != 1
    client.close()
    assert is_served(secure.tls_port)


@pytest.mark.parametrize("part", ["a byte", "half", "all"])
def test_a_half_open_handshake_is_given_up(secure, part):
    """header_timeout counts from the first byte to the end of the handshake, however slowly it
    comes."""
    hello = client_hello()
    data = {"a byte": hello[:1], "half": hello[:len(hello) // 2], "all": hello}[part]
    with http.connect(secure.tls_port) as sock:
        began = time.monotonic()
        sock.sendall(data)
        while sock.recv(65536):
            pass
        assert 0.9 < time.monotonic() - began < 5


def test_a_dripping_handshake_is_given_up(secure):
    """A byte at a time does not keep it open."""
    with http.connect(secure.tls_port) as sock:
        began = time.monotonic()
        with pytest.raises(OSError):
            for byte in client_hello() * 2:
                sock.sendall(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - began < 5


def begun_record(sock, protocols):
    """Shakes hands on a connected socket; all of a record but its last byte, ready to be sent."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls.client_context(protocols).wrap_bio(incoming, outgoing)
    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
    sock.sendall(outgoing.read())
    client.write(http2.HELLO if protocols == ["h2"] else REQUEST)
    return outgoing.read()[:-1]


@pytest.mark.parametrize("protocols", [None, ["http/1.1"], ["h2"]], ids=["none", "http", "h2"])
@pytest.mark.parametrize("part", [1, 5, 6, None], ids=["byte", "head", "more", "all-but-one"])
def test_a_record_that_is_not_ended_is_given_up(secure, protocols, part):
    """It counts as the beginning of a request: header_timeout, not idle_timeout."""
    with http.connect(secure.tls_port) as sock:
        record = begun_record(sock, protocols)[:part]
        began = time.monotonic()
        for i in range(0, len(record), 8):
            sock.sendall(record[i:i + 8])
            time.sleep(0.01)
        while sock.recv(65536):
            pass
        assert 0.9 < time.monotonic() - began < 3
    assert is_served(secure.tls_port)


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\xff\xff" + b"x" * 65535, b"\x16\x03\x01\x00\x00" * 1000,
    b"\x16\x03\x01\x00\x04\x01\xff\xff\xff" + b"\x16\x03\x01\x40\x00" + b"x" * 16384,
    b"\x16\x03\x01" + b"\0" * 100, b"\x16" + os.urandom(5000)],
    ids=["oversize-record", "empty-records", "hello-of-16-MiB", "zeros", "noise"])
def test_what_is_no_hello_ends_its_connection(secure, data):
    """At once or at header_timeout, with an alert at most."""
    with http.connect(secure.tls_port) as sock:
        try:
            sock.sendall(data)
        except OSError:
            pass
        assert len(http.read_all(sock)) < 100
    assert is_served(secure.tls_port)


def test_tiny_records_make_a_request(secure):
    """A record for each byte is slow and allowed."""
    client = openssl.Connection(http.connect(secure.tls_port))
    for byte in REQUEST:
        assert client.write(bytes([byte]))
    assert client.read().startswith(b"HTTP/1.1 200")
    client.close()


def test_many_half_open_handshakes_hold_up_nobody_and_end(secure):
    """They cost a bounded time each, and honest clients are served meanwhile."""
    hello = client_hello()
    socks = [http.connect(secure.tls_port) for _ in range(1000)]
    for sock in socks:
        sock.sendall(hello)
    assert is_served(secure.tls_port)
    wait_until(lambda: secure.metric("archeio_connections") <= 1, 10, "handshakes to be given up")
    for sock in socks:
        sock.close()


def own_memory(server):
    """Bytes that are the process's own."""
    text = Path(f"/proc/{server.pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Private_Dirty:\s+(\d+) kB", text, re.M)[1]) * 1024


def test_the_memory_of_many_handshakes_comes_back(archeio, tmp_path, monkeypatch):
    """When they have ended, those that were given up and those that were not: of the release build,
    because a sanitizer keeps its memory in another way."""
    monkeypatch.setenv("ARCHEIO_BINARY", release_binary())
    server = start_secure(archeio, tmp_path, header_timeout="20s")
    assert is_served(server.tls_port)
    before, hello = own_memory(server), client_hello()
    socks = [http.connect(server.tls_port) for _ in range(1500)]
    for sock in socks:
        sock.sendall(hello)
    wait_until(lambda: own_memory(server) - before > 30 << 20, 20, "handshakes to take memory")
    for sock in socks:
        sock.close()
    wait_until(lambda: own_memory(server) - before < 4 << 20, 30, "their memory to come back")


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x10\x00" + b"\0" * 3000], ids=["v1", "v2", "v2-with-TLVs"])
def test_a_dripping_proxy_header_is_given_up(secure, header):
    """header_timeout counts for it, too."""
    with http.connect(secure.proxied) as sock:
        began = time.monotonic()
        sock.sendall(header)
        with pytest.raises(OSError):
            while time.monotonic() < began + 10:
                sock.sendall(b" ")
                time.sleep(0.05)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2" + b" " * 200, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" * 2, b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0c",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0f" + b"\x7f\0\0\1" * 2 + b"\0\1\0\2" + b"\4\0\xff"],
    ids=["v1-oversize", "v2-oversize", "repeated", "version-3", "TLV-too-long"])
def test_a_bad_proxy_header_ends_its_connection(secure, header):
    """Without an answer, unless it is to what comes behind a good one."""
    with http.connect(secure.proxied) as sock:
        sock.sendall(header + REQUEST)
        heard = http.read_all(sock)
    assert not heard or heard.startswith(b"HTTP/1.1 400")
    assert socket.create_connection(("127.0.0.1", secure.proxied)).close() is None
