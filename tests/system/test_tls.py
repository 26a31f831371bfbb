"""TLS, and HTTP/2 as clients and load balancers use it: what the server agrees to, and what it does
when certificates change, when it drains, and when stores are slow. Each scenario opens with the
sentence that it proves."""

import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from lib import http, tls
from lib.archeio import run, to_yaml
from lib.certificates import make_certificate, settle_validity
from lib.http2_client import Client
from lib.ports import free_port, wait_until
from lib.store import StandIn, status
from lib.tls import await_certificate, certificate_of, client_context

MANIFEST = "/v2/app/manifests/1"
LOCATION = "https://upstream.example/v2/app/manifests/1"
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
RESUMED = "archeio_tls_handshakes_resumed_total"


def settings(port, pairs, server=None, **more):
    """One listener with TLS. pairs: a certificate's, or a list."""
    listener = {"address": f"127.0.0.1:{port}", "tls": pairs}
    server = {"listen": [listener | more.pop("listener", {})], "client_address": "peer"} | (server or {})
    return {"server": server, "upstream": {"endpoint": "https://upstream.example"}} | more


@pytest.fixture
def serve(archeio, tmp_path):
    """serve(...) starts a server with one certificate (or those given), and returns it."""
    def start(certificates=None, **more):
        port = free_port()
        made = certificates or [make_certificate(tmp_path, "only")]
        return archeio(settings(port, [one.pair for one in made], **more), port=port)
    return start


def get(sock, target=MANIFEST, host="registry.example"):
    """One request by HTTP/1.1 on a connection of its own."""
    sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    [answer] = http.parse_answers(http.read_all(sock))
    return answer


def negotiated(port, context):
    with tls.connect(port, context) as sock:
        return sock.version(), sock.cipher()[0], get(sock).location


# ── What is agreed on ──

@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
def test_both_versions_of_tls_are_spoken_with_forward_secrecy(serve, version):
    """TLS 1.2 and 1.3, with authenticated encryption under keys that are gone afterwards."""
    server = serve()
    spoken, suite, location = negotiated(server.port, client_context(least=version, most=version))
    assert spoken == {V12: "TLSv1.2", V13: "TLSv1.3"}[version]
    assert location == LOCATION
    assert re.fullmatch(r"ECDHE-ECDSA-(AES...-GCM-SHA...|CHACHA20-POLY1305)"
                        r"|TLS_(AES_..._GCM_SHA...|CHACHA20_POLY1305_SHA256)", suite), suite


def s_client(port, *options):
    """openssl s_client, for what python does not let us ask for: what it printed."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
                          input=b"", capture_output=True, timeout=20, check=False)
    return done.stdout.decode("latin-1") + done.stderr.decode("latin-1")


@pytest.mark.parametrize("options", [
    ("-tls1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
    ("-tls1_2", "-cipher", "AES128-GCM-SHA256"), ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"),
], ids=["TLS 1.0", "TLS 1.1", "no forward secrecy", "no authenticated encryption"])
def test_nothing_weaker_is_agreed_on(serve, options):
    """Older versions and suites end in an alert; and the next client is served."""
    server = serve()
    said = s_client(server.port, *options)
    assert re.search(r"alert (protocol version|handshake failure)|alert number (70|40)", said), said
    assert "Cipher is (NONE)" in said or "Cipher    : 0000" in said, said
    assert negotiated(server.port, client_context())[2] == LOCATION
    wait_until(lambda: server.metric("archeio_tls_handshakes_failed_total") == 1)


def test_a_client_may_not_renegotiate(serve):
    server = serve()
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"],
                          input=b"R\n", capture_output=True, timeout=20, check=False)
    assert b"no renegotiation" in done.stderr, done.stderr


def test_the_name_that_a_client_asks_for_chooses_among_three_certificates(serve, tmp_path):
    """Exact names, a wildcard for one label, in any case; the first for everybody else."""
    first = make_certificate(tmp_path, "first", ["first.example", "also.example"])
    second = make_certificate(tmp_path, "second", ["*.wild.example"], key="rsa")
    third = make_certificate(tmp_path, "third", ["third.example"])
    port = serve([first, second, third]).port
    for name, expected in (
            ("first.example", first), ("also.example", first), (None, first),
            ("a.wild.example", second), ("A.Wild.EXAMPLE", second), ("b.wild.example", second),
            ("third.example", third), ("unknown.example", first), ("wild.example", first),
            ("a.b.wild.example", first), ("xwild.example", first)):
        assert certificate_of(port, name) == expected.der, name


@pytest.mark.parametrize("offered, spoken", [
    (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["h2"], "h2"),
    (["http/1.1"], "http/1.1"), (["spdy/1", "http/1.1"], "http/1.1"), ([], None)])
def test_alpn_chooses_the_protocol(serve, offered, spoken):
    """HTTP/2 where the client speaks it; without ALPN, the connection's first bytes say."""
    port = serve().port
    with tls.connect(port, client_context(offered)) as sock:
        assert sock.selected_alpn_protocol() == spoken
        if spoken == "h2":
            assert Client(sock=sock).request(MANIFEST).location == LOCATION
        else:
            assert get(sock).location == LOCATION
    if not offered:
        with tls.connect(port, client_context([])) as sock:
            assert Client(sock=sock).request(MANIFEST).location == LOCATION


def test_a_client_that_offers_other_protocols_only_is_refused(serve):
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        tls.connect(serve().port, client_context(["spdy/1"]))


def test_the_configuration_switches_either_protocol_off(serve):
    """protocols: [h2] or [http/1.1]: the other one is neither offered nor understood."""
    old = serve(listener={"protocols": ["http/1.1"]})
    with tls.connect(old.port, client_context(["h2", "http/1.1"])) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"
        assert get(sock).location == LOCATION
    with tls.connect(old.port, client_context([])) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert not http.read_all(sock).startswith(b"\x00")
    new = serve(listener={"protocols": ["h2"]})
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        tls.connect(new.port, client_context(["http/1.1"]))
    with tls.connect(new.port, client_context([])) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: registry.example\r\n\r\n")
        assert http.read_all(sock) == b""


# ── Resumption ──

def resume(port, context, session):
    with tls.connect(port, context, session=session) as sock:
        assert get(sock).location == LOCATION
        return sock.session_reused


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
def test_a_ticket_resumes_on_any_worker_and_after_a_reload(serve, version):
    """The workers share the keys of tickets, and so do the contexts that a reload makes."""
    server = serve(server={"workers": 2})
    context = client_context(least=version, most=version)
    with tls.connect(server.port, context) as sock:
        assert get(sock).location == LOCATION  # TLS 1.3 sends its tickets with the first bytes
        session = sock.session
    # The kernel spreads connections over the workers by chance: thirty never go to one.
    assert all(resume(server.port, context, session) for _ in range(30))
    assert server.metric(RESUMED) == 30
    server.reload()
    wait_until(lambda: "reloaded" in server.output())
    assert resume(server.port, context, session)


def test_a_ticket_that_was_changed_costs_a_full_handshake_and_no_more(serve):
    """Bytes of a client's ticket are nobody's but the server's."""
    server = serve()
    context = client_context(least=V12, most=V12)
    with tls.connect(server.port, context) as sock:
        get(sock)
    other = serve()
    with tls.connect(other.port, context) as sock:
        get(sock)
        foreign = sock.session
    assert not resume(server.port, context, foreign)
    assert server.metric(RESUMED) == 0


@pytest.mark.parametrize("others, kind, options", [
    ([{}], "", ""), ([{"protocols": ["h2"]}], "", " --http2-prior-knowledge"),
    ([{"proxy_protocol": ["127.0.0.0/8"]}], " (PROXY)", " --haproxy-protocol"),
    ([{"proxy_protocol": ["127.0.0.0/8"]}, {}], " (PROXY)", "")],
    ids=["in clear", "h2", "proxy", "proxy and plain"])
def test_the_first_words_name_each_listener_and_a_request_that_works(archeio, others, kind, options):
    ports = [free_port() for _ in others]
    listeners = [{"address": f"127.0.0.1:{port}"} | more for port, more in zip(ports, others)]
    server = archeio({"server": {"listen": listeners, "client_address": "peer"}}, port=ports[0])
    assert f" answers on 127.0.0.1:{ports[0]}{kind}" in server.output()
    line = re.search(r"try: +(curl .*)", server.output())[1]
    assert line.startswith(f"curl -i{options} http://127.0.0.1:{ports[-1]}/v2/")
    asked = subprocess.run([*line.split(), "--max-time", "10"], capture_output=True, text=True, check=True)
    assert " 307" in asked.stdout.splitlines()[0]


# ── Certificates that change ──

def reloads(server, n):
    wait_until(lambda: len(re.findall(r": reloaded$|reloaded\n", server.output())) >= n, 10, "reload")


def test_a_reload_shows_new_certificates_and_keeps_connections(serve, tmp_path):
    """New connections see the new one; those that were begun go on under the old."""
    first, second = (make_certificate(tmp_path, name) for name in ("first", "second"))
    server = serve([first])
    with tls.connect(server.port, client_context(["h2"])) as sock:
        before = Client(sock=sock)
        assert before.request(MANIFEST).status == 307
        second.copy_over(first)
        server.reload()
        reloads(server, 1)
        await_certificate(server.port, second)
        assert before.request(MANIFEST).status == 307


@pytest.mark.parametrize("named", ["secure", "secure clear", "other secure"])
def test_listeners_stay_what_they_are_until_a_restart(archeio, tmp_path, named):
    """Whatever addresses the file names at a reload, and however often: each open port speaks what it
    spoke, and every reload says that it takes a restart."""
    port = {name: free_port() for name in ("clear", "secure", "other")}
    listener = {name: {"address": f"127.0.0.1:{port[name]}"} for name in port}
    listener["secure"]["tls"] = make_certificate(tmp_path, "made").pair

    def listening(names):
        return {"server": {"listen": [listener[name] for name in names], "client_address": "peer"},
                "upstream": {"endpoint": "https://upstream.example"}}

    server = archeio(listening(["clear", "secure"]), port=port["clear"])
    server.write(listening(named.split()))
    for n in (1, 2, 3):
        server.reload()
        reloads(server, n)
        assert negotiated(port["secure"], client_context())[2] == LOCATION
        with socket.create_connection(("127.0.0.1", port["clear"])) as sock:
            assert get(sock).location == LOCATION
        assert server.output().count("server.listen has changed: restart to use it") == n
    server.write(listening(["clear", "secure"]))
    server.reload()
    reloads(server, 4)
    assert server.output().count("restart to use it") == 3


def broken_certificate(pair, _):
    pair.file.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    return pair.file, "holds no certificate in PEM form"


def missing_key(pair, _):
    pair.key.unlink()
    return pair.key, "No such file or directory"


def another_key(pair, other):
    pair.key.write_bytes(other.key.read_bytes())
    return None, "this key is not that of the certificate beside it"


def empty_certificate(pair, _):
    pair.file.write_text("")
    return pair.file, "holds no certificate in PEM form"


def key_with_passphrase(pair, _):
    subprocess.run(["openssl", "pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret",
                    "-out", f"{pair.key}.new"], check=True, capture_output=True)
    os.rename(f"{pair.key}.new", pair.key)
    return pair.key, "is protected by a passphrase"


def weak_certificate(pair, _):
    weak = make_certificate(pair.file.parent, "weak", key="weak")
    weak.copy_over(pair)
    return pair.file, "holds a certificate that is too weak; expected RSA of 2048 bits"


@pytest.mark.parametrize("harm", [broken_certificate, missing_key, another_key, empty_certificate,
                                  key_with_passphrase, weak_certificate], ids=lambda harm: harm.__name__)
def test_a_broken_certificate_is_refused_with_its_place_and_the_old_stays(serve, tmp_path, harm):
    """The log names the configuration's file and line, and what is wrong; and a good one is taken
    again afterwards. check-config says the same."""
    good, other, later = (make_certificate(tmp_path, name) for name in ("good", "other", "later"))
    pairs = [make_certificate(tmp_path, "first"), good]
    shown = good.der
    server = serve(pairs)
    file, why = harm(good, other)
    server.reload()
    wait_until(lambda: "the update is dropped, and what was running goes on" in server.output())
    lines = server.file.read_text(encoding="utf-8").splitlines()
    [message] = [line for line in server.output().splitlines() if why in line]
    place = re.search(r"archeio\.yaml:(\d+):\d+: ", message)
    assert place and "good." in lines[int(place[1]) - 1], message
    assert file is None or f'"{file}"' in message
    assert certificate_of(server.port, "good.example") == shown

    checked = run("check-config", server.file)
    assert checked.returncode == 1 and why in checked.stderr

    good.key.write_bytes(later.key.read_bytes())
    good.file.write_bytes(later.file.read_bytes())
    server.reload()
    reloads(server, 1)
    await_certificate(server.port, later, "later.example")


def test_a_certificate_that_soon_expires_is_warned_of(archeio, tmp_path):
    """In the log at the start, and by a metric all the time."""
    port = free_port()
    soon = make_certificate(tmp_path, "soon", days=2)
    server = archeio(settings(port, soon.pair), port=port)
    assert re.search(rf'archeio\.yaml:\d+:\d+: .*"{soon.file}" expires in 4[78] hours', server.output())
    left = server.metric("archeio_tls_certificate_expiration_timestamp_seconds",
                         listener=f"127.0.0.1:{port}", file=str(soon.file)) - time.time()
    assert 47 * 3600 < left <= 48 * 3600


@pytest.mark.parametrize("begin, end, why", [
    ("20200101000000Z", "20210101000000Z", "has expired; clients will refuse it"),
    ("20900101000000Z", "20910101000000Z", "is not valid yet; until then clients will refuse it")],
    ids=["expired", "not yet"])
def test_a_certificate_that_is_not_valid_now_is_warned_of(tmp_path, begin, end, why):
    """It is used all the same: the clock may be wrong, and no certificate is no better."""
    made = make_certificate(tmp_path, "made")
    settle_validity(made, begin, end)
    file = tmp_path / "archeio.yaml"
    file.write_text(to_yaml(settings(8443, made.pair)), encoding="ascii")
    checked = run("check-config", file)
    assert checked.returncode == 0
    assert re.search(rf'archeio\.yaml:\d+:\d+: warning: the certificate in "{made.file}" {why}',
                     checked.stderr)


def test_a_metric_says_that_a_reload_was_refused(serve, tmp_path):
    good, other = (make_certificate(tmp_path, name) for name in ("good", "other"))
    kept = good.key.read_bytes()
    server = serve([good])
    assert server.metric("archeio_reload_refused") == 0
    for key, refused in ((other.key.read_bytes(), 1), (kept, 0)):
        good.key.write_bytes(key)
        server.reload()
        wait_until(lambda: server.metric("archeio_reload_refused") == refused)


# ── What is no TLS ──

@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: registry.example\r\n\r\n", b"G", b"POST /x HTTP/1.1\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], ids=["whole", "one byte", "cut", "http/2"])
def test_a_request_in_clear_gets_one_short_400_in_clear(serve, data):
    """A person with a browser sees why; then the connection is closed."""
    server = serve()
    said = server.exchange(data)
    [answer] = http.parse_answers(said)
    assert answer.status == 400 and answer.headers["connection"] == "close" and len(said) < 512
    assert answer.body == b"This port speaks TLS: ask with https.\n"
    assert negotiated(server.port, client_context())[2] == LOCATION


@pytest.mark.parametrize("data", [b"\x00" * 100, b"\x80\x2e\x01\x03\x01", bytes(range(1, 256)),
                                  b"\r\n\r\n", b"\xff", b"get / HTTP/1.1\r\n\r\n"])
def test_bytes_that_are_neither_are_closed_without_a_word(serve, data):
    server = serve()
    assert server.exchange(data) == b""
    assert negotiated(server.port, client_context())[2] == LOCATION


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" + b"x" * 70000,
    b"\x16\x03\x01\x00\x04\x01\xff\xff\xff"], ids=["no message", "a record too long", "no end"])
def test_a_broken_beginning_of_tls_ends_the_connection(serve, data):
    """At once, or when the time for a header has passed; others are served meanwhile."""
    server = serve(server={"header_timeout": "500ms"})
    said = server.exchange(data)
    assert said == b"" or said[0] == 0x15, said  # an alert
    assert negotiated(server.port, client_context())[2] == LOCATION


class Relay:
    """Between a client and the server: a socket that passes everything on, byte for byte."""

    def __init__(self, port):
        self.near, self.far = socket.socketpair()
        self.server = http.connect(port)
        for source, target in ((self.far, self.server), (self.server, self.far)):
            threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    @staticmethod
    def _pass(source, target):
        try:
            while data := source.recv(65536):
                for i in range(len(data)):
                    target.sendall(data[i:i + 1])
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_everything_arrives_one_byte_at_a_time(serve, version, protocol):
    """The handshake, its end and the requests, each byte in a segment of its own."""
    relay = Relay(serve().port)
    context = client_context([protocol], least=version, most=version)
    with context.wrap_socket(relay.near) as sock:
        if protocol == "h2":
            client = Client(sock=_Plain(sock))
            assert [client.request(MANIFEST).location for _ in range(3)] == [LOCATION] * 3
        else:
            assert get(sock).location == LOCATION


class _Plain:
    """A socket without options: a pair has none of TCP's."""

    def __init__(self, sock):
        self._sock = sock

    def setsockopt(self, *_):
        pass

    def __getattr__(self, name):
        return getattr(self._sock, name)


# ── HTTP/2: drains, slow stores ──

@pytest.fixture
def slow_store():
    """A store that answers when it is told to: .go.set()."""
    go = threading.Event()

    def answer(path, count):
        go.wait(30)
        return status(200)

    store = StandIn(answer)
    store.go = go
    yield store
    go.set()
    store.close()


def digest(i):
    return f"sha256:{i:064x}"


def blob(i):
    return f"/v2/app/blobs/{digest(i)}"


def with_store(store, **more):
    return {"stores": [{"name": "slow", "url": store.url, "serves": ["default"]}],
            "existence": {"wait": "20s"}} | more


def test_streams_that_wait_for_a_store_are_answered_when_it_answers(serve, slow_store):
    """Parked streams hold nobody up: others are answered meanwhile, on the same connection."""
    server = serve(**with_store(slow_store))
    with tls.connect(server.port, client_context(["h2"])) as sock:
        client = Client(sock=sock)
        parked = [client.begin(blob(i)) for i in range(40)]
        assert client.request(MANIFEST).location == LOCATION
        assert not any(stream in client.answers for stream in parked)
        wait_until(lambda: len(slow_store.requests) == 40, what="HEADs")
        slow_store.go.set()
        for i, stream in enumerate(parked):
            assert client.answer(stream).location == f"{slow_store.url}/containers/images/{digest(i)}"


def test_a_store_that_never_answers_costs_the_wait_and_no_more(serve, slow_store):
    server = serve(**with_store(slow_store, existence={"wait": "300ms"}))
    with tls.connect(server.port, client_context(["h2"])) as sock:
        client = Client(sock=sock)
        began = time.monotonic()
        parked = [client.begin(blob(i)) for i in range(10)]
        for i, stream in enumerate(parked):
            assert client.answer(stream).location == \
                f"https://upstream.example/v2/app/blobs/{digest(i)}"
        assert 0.25 < time.monotonic() - began < 5


def test_a_stream_that_is_reset_while_it_waits_is_forgotten(serve, slow_store):
    """Its answer goes nowhere; its neighbours get theirs; nothing is left behind."""
    server = serve(**with_store(slow_store))
    with tls.connect(server.port, client_context(["h2"])) as sock:
        client = Client(sock=sock)
        parked = [client.begin(blob(i)) for i in range(30)]
        wait_until(lambda: len(slow_store.requests) == 30, what="HEADs")
        for stream in parked[::2]:
            client.reset(stream)
        assert client.request(MANIFEST).location == LOCATION  # the resets have been read
        slow_store.go.set()
        for stream in parked[1::2]:
            assert client.answer(stream).location.startswith(slow_store.url)
        assert not set(parked[::2]) & set(client.answers)
        assert client.request(MANIFEST).location == LOCATION
    # All of them are known now, those of the streams that were reset, too.
    wait_until(lambda: server.metric("archeio_connections") in (0, None), what="the connection's end")
    with tls.connect(server.port, client_context(["h2"])) as sock:
        client = Client(sock=sock)
        for i in range(30):
            assert client.request(blob(i)).location.startswith(slow_store.url)
    server.stop()


def test_a_connection_that_ends_while_streams_wait_leaves_nothing(serve, slow_store):
    server = serve(**with_store(slow_store))
    sock = tls.connect(server.port, client_context(["h2"]))
    client = Client(sock=sock)
    for i in range(20):
        client.begin(blob(i))
    wait_until(lambda: len(slow_store.requests) == 20, what="HEADs")
    sock.close()
    slow_store.go.set()
    assert negotiated(server.port, client_context())[2] == LOCATION
    server.stop()


def test_a_drain_loses_no_stream_that_was_accepted(serve, slow_store):
    """Twelve connections, one waits for a store and the others send all the time: from SIGTERM on
    each hears GOAWAY, and each stream up to the last that it names has its answer."""
    server = serve(**with_store(slow_store, server={"workers": 2, "drain_timeout": "10s"}))
    count = 12
    outcomes, began = [None] * count, threading.Barrier(count + 1)

    def pull(n):
        client = Client(sock=tls.connect(server.port, client_context(["h2"])))
        streams = [client.begin(blob(i)) for i in range(30)] if n == 0 else []
        began.wait()
        while not client.goaways:
            while n > 0 and len(streams) - len(client.answers) < 50:
                streams.append(client.begin(MANIFEST, flush=False))
            client.flush()
            if not client.read():
                break
        client.read_all()
        outcomes[n] = client, streams

    threads = [threading.Thread(target=pull, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    began.wait()
    wait_until(lambda: len(slow_store.requests) == 30, what="HEADs")
    wait_until(lambda: (server.metric("archeio_requests_total") or 0) > 500, what="load")
    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: "ending" in server.output())
    slow_store.go.set()
    for thread in threads:
        thread.join(30)
    total = 0
    for n, outcome in enumerate(outcomes):
        assert outcome, f"client {n} ended in an exception"
        client, streams = outcome
        assert client.goaways, f"client {n}: closed without GOAWAY"
        last, code = client.goaways[-1]
        assert code == 0
        accepted = [stream for stream in streams if stream <= last]
        missing = [stream for stream in accepted if stream not in client.answers]
        assert not missing, f"client {n}: {len(missing)} of {len(accepted)} lost, GOAWAY {client.goaways}"
        total += len(accepted)
    assert total > 500
    assert server.program.process.wait(20) == 0


def has_listener(port):
    """Whether the kernel still has one there, in whatever state it takes connections."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return any(f[1].endswith(f":{port:04X}") and f[3] == "0A" for f in map(str.split, lines))


def test_a_client_that_comes_to_speak_while_it_drains_hears_goaway_too(serve):
    """One that connected before and begins its handshake in the drain is told like the others."""
    server = serve(server={"drain_timeout": "5s", "shutdown_delay": "0s"})
    raw = http.connect(server.port)
    raw.sendall(b"\x16")  # it is in the middle of its first message
    context = client_context(["h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = context.wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        talk.do_handshake()
    hello = outgoing.read()
    assert hello[:1] == b"\x16"
    wait_until(lambda: server.metric("archeio_tls_handshakes_total") == 1, what="its first byte")
    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: not has_listener(server.port), what="the drain")
    raw.sendall(hello[1:])
    client = Client(sock=_Plain(_Bio(raw, talk, incoming, outgoing)))
    stream = client.begin(MANIFEST)
    client.read_all()
    assert client.answers[stream].location == LOCATION
    assert client.goaways and client.goaways[-1][1] == 0


class _Bio:
    """A connection of TLS whose bytes a test has in its own hands."""

    def __init__(self, raw, talk, incoming, outgoing):
        self.raw, self.talk, self.incoming, self.outgoing = raw, talk, incoming, outgoing
        self._until(talk.do_handshake)

    def _until(self, act):
        while True:
            try:
                done = act()
                self.raw.sendall(self.outgoing.read())
                return done
            except ssl.SSLWantReadError:
                self.raw.sendall(self.outgoing.read())
                data = self.raw.recv(65536)
                if not data:
                    return b""
                self.incoming.write(data)

    def sendall(self, data):
        if data:
            self._until(lambda: self.talk.write(data))

    def recv(self, size):
        try:
            return self._until(lambda: self.talk.read(size))
        except ssl.SSLError:  # what follows the end
            return b""

    def close(self):
        self.raw.close()
