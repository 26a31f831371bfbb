"""The tables of TLS and HTTP/2, beside nginx and H2O: requests, handshakes, idle connections; and
what the limit per client costs."""

import socket
import ssl

import measure
import servers
from measure import median
from rows import (BLOB, MANIFEST, UNKNOWN, Row, await_present, headers, run_all, say, verdict)

# What is promised, as it stands in the issue tracker.
H1_OF_NGINX, H2_OF_NGINX, H2_OF_H2O = 0.90, 0.45, 1.00
HANDSHAKES_OF_NGINX = 1.0  # as many a second, at least
IDLE_KIB, IDLE_CONNECTIONS = 48.0, 1000


class Servers:
    """nginx, H2O where it is installed, and archeio, on the same certificate."""

    def __init__(self, directory, published):
        directory.mkdir()
        self.started = []
        self.client = published.address_of("aws")
        tls = servers.make_certificate(directory)
        try:
            store = self._own(servers.bucket(directory / "bucket"))
            url = f"http://127.0.0.1:{store.port}"
            self.nginx = self._own(servers.nginx(directory / "nginx", tls=tls))
            self.h2o = self._own(servers.h2o(directory, tls)) if measure.find("h2o") else None
            self.archeio = self._own(servers.archeio_tls(directory / "archeio",
                                                         published.directory, tls, url))
            await_present(self.archeio.port, self.client, url)
        except Exception:
            self.stop()
            raise

    def _own(self, server):
        self.started.append(server)
        return server

    def stop(self):
        for server in self.started:
            server.stop()


def rows_of(found, what, load, tls):
    """One of nginx, of H2O (for HTTP/2), and two of archeio."""
    def row(name, server, path, client):
        url = (f"https://127.0.0.1:{server.tls_port}" if tls
               else f"http://127.0.0.1:{server.port}")
        return Row(f"{name}, {what}", server, path, client, url=url, load=load)

    rows = [row("nginx", found.nginx, BLOB, found.client)]
    if load is measure.load_h2 and found.h2o:
        rows.append(row("H2O", found.h2o, BLOB, found.client))
    return rows + [row("archeio, manifest", found.archeio, MANIFEST, UNKNOWN),
                   row("archeio, blob known present", found.archeio, BLOB, found.client)]


def wanted_of(row, beside, most):
    """beside: the rows of the other servers; most: {name: how much of its time, at most}"""
    if not row.name.startswith("archeio"):
        return ""
    parts = []
    for other in beside:
        name = other.name.split(",")[0]
        if name in most:
            parts.append(f"≤ {most[name]:.2f} × {name}:"
                         f" {verdict(row.us / other.us, most[name])}")
    return "; ".join(parts)


def requests(directory, published, options):
    found = Servers(directory / "protocols", published)
    groups = [
        (rows_of(found, "HTTP/1.1 over TLS", measure.load, True), {"nginx": H1_OF_NGINX}),
        (rows_of(found, "HTTP/2 over TLS", measure.load_h2, True),
         {"nginx": H2_OF_NGINX, "H2O": H2_OF_H2O}),
        (rows_of(found, "HTTP/2 in clear", measure.load_h2, False), {}),
    ]
    try:
        run_all([row for rows, _ in groups for row in rows], options)
    finally:
        found.stop()
    out = ["| server | CPU per request, µs | lowest to highest | × nginx | × H2O | requests/s |"
           " wanted |", "|---|---:|---:|---:|---:|---:|---|"]
    for rows, most in groups:
        beside = [row for row in rows if not row.name.startswith("archeio")]
        for row in rows:
            ratios = [f"{row.us / other.us:.2f}" for other in beside] + [""]
            out.append(f"| {row.name} | {row.us:.2f} | {min(row.cpu):.2f} to {max(row.cpu):.2f} |"
                       f" {ratios[0]} | {ratios[1]} | {median(row.rate):,.0f} |"
                       f" {wanted_of(row, beside, most)} |")
    return out


def handshakes(directory, published, options):
    found = Servers(directory / "handshakes", published)
    names = {"nginx": found.nginx, "archeio": found.archeio}
    us = {(name, kind): [] for kind in ("full", "resumed") for name in names}
    try:
        for i in range(options.rounds):
            for name, kind in us:
                used = measure.handshakes(names[name], names[name].tls_port, options.seconds, kind)
                us[name, kind].append(used * 1e6)
            say(f"round {i + 1} of {options.rounds}: "
                + ", ".join(f"{all[-1]:.1f}" for all in us.values()) + " us")
    finally:
        found.stop()
    out = ["| handshakes, TLS 1.3 | CPU each, µs | lowest to highest | a second of one core |"
           " × nginx | wanted |", "|---|---:|---:|---:|---:|---|"]
    for (name, kind), all in us.items():
        ratio = median(us["nginx", kind]) / median(all)
        wanted = ("" if name == "nginx" else f"≥ {HANDSHAKES_OF_NGINX:.2f} × nginx:"
                  f" {verdict(HANDSHAKES_OF_NGINX, ratio)}")
        out.append(f"| {name}, {kind} | {median(all):.1f} | {min(all):.1f} to {max(all):.1f} |"
                   f" {1e6 / median(all):,.0f} | {ratio:.2f} | {wanted} |")
    return out


def literal(name, value):
    """A field that is in no table: RFC 7541 section 6.2.2."""
    out = b"\x00"
    for text in (name.encode(), value.encode()):
        assert len(text) < 127
        out += bytes([len(text)]) + text
    return out


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def opening(path, fields):
    """What a client of HTTP/2 sends first: preface, SETTINGS, and a request."""
    head = b"".join(literal(*field) for field in [
        (":method", "GET"), (":scheme", "https"), (":authority", "registry.k8s.io"),
        (":path", path), *fields])
    return (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(4, 1, 0, b"")
            + frame(1, 5, 1, head))


def is_answered(data):
    """Are there HEADERS in these frames?"""
    while len(data) >= 9:
        if data[3] == 1:
            return True
        data = data[9 + int.from_bytes(data[:3], "big"):]
    return False


def idle_connections(port, n):
    """n connections of HTTP/2 over TLS, each of which has got one answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    first = opening(MANIFEST, [("user-agent", "containerd/1.7.24"), ("accept-encoding", "gzip"),
                               ("x-forwarded-for", headers(UNKNOWN)["X-Forwarded-For"])])
    kept = []
    for _ in range(n):
        one = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5))
        kept.append(one)
        one.sendall(first)
        data = b""
        while not is_answered(data):
            data += one.recv(65536)
    return kept


def memory(directory, published):
    """Of one idle connection of HTTP/2 over TLS, beside the other servers."""
    found = Servers(directory / "idle", published)
    each, kept = {}, []
    try:
        for name, server in (("nginx", found.nginx), ("H2O", found.h2o),
                             ("archeio", found.archeio)):
            if not server:
                continue
            kept += idle_connections(server.tls_port, 10)
            before = server.memory()["Rss"]
            kept += idle_connections(server.tls_port, IDLE_CONNECTIONS)
            each[name] = (server.memory()["Rss"] - before) / IDLE_CONNECTIONS / 1024
    finally:
        for one in kept:
            one.close()
        found.stop()
    mine = each.pop("archeio")
    beside = ", ".join(f"{name} {kib:.1f} KiB" for name, kib in each.items())
    return [f"An idle connection of HTTP/2 over TLS, one request behind it, takes {mine:.1f} KiB of"
            f" the process's memory ({IDLE_CONNECTIONS:,} of them; wanted ≤ {IDLE_KIB:.0f}:"
            f" {verdict(mine, IDLE_KIB)}; {beside})."]


def limit(directory, published, options):
    """HTTP/1.1 in clear, without a limit per client and with one that none reaches."""
    kept, rows = [], []
    try:
        for name, more in (("no limit per client", []),
                           ("a limit per client",
                            ["rate_limit: {rate: 1000000/s, burst: 1000000}"])):
            file, port = servers.configure(directory / name.replace(" ", "-"),
                                           published.directory, more=more)
            kept.append(servers.archeio(file, port).wait())
            rows.append(Row(f"archeio, manifest, {name}", kept[-1], MANIFEST, UNKNOWN))
        run_all(rows, options)
    finally:
        for server in kept:
            server.stop()
    out = ["| HTTP/1.1 in clear | CPU per request, µs | lowest to highest | × without |",
           "|---|---:|---:|---:|"]
    for row in rows:
        out.append(f"| {row.name} | {row.us:.2f} | {min(row.cpu):.2f} to {max(row.cpu):.2f} |"
                   f" {row.us / rows[0].us:.3f} |")
    return out
