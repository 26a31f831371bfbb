"""A server with routes, and how it is asked: by HTTP/1.1 and by HTTP/2, for any host."""

from . import http, http2_client
from .ports import wait_until

WAYS = ("http/1.1", "h2")
UPSTREAM = "https://upstream.example"

# Who is asking: as lib/archeio.py sends it, and what RANGES and NUMBERS say of it.
EU = "192.0.2.10"  # aws/eu-west-3, AS 64500
OFFICE = "198.51.100.7"  # office, a cloud of one's own without a region
NUMBERED = "203.0.113.9"  # of no cloud, AS 64501
SIXTH = "2001:db8:5::1"  # the same, AS 4200000000
NOBODY = "192.88.99.1"

RANGES = """\
192.0.2.0/25    aws eu-west-3
198.51.100.0/24 office
"""
NUMBERS = """\
192.0.2.0/24 64500 EXAMPLE-ONE
203.0.113.0/24 64501 EXAMPLE-TWO
2001:db8:5::/48 4200000000
"""


def write_ranges(directory):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "own.txt").write_text(RANGES)
    (directory / "numbers.asn").write_text(NUMBERS)
    return directory


def settings(directory, routes, **more):
    """A configuration with these routes, whose log and ranges lie in the directory."""
    return {"upstream": {"endpoint": UPSTREAM, "path": "p"},
            "server": {"client_address": "google-lb"},
            "log": {"access": str(directory / "access.log")},
            "ranges": {"directory": str(write_ranges(directory / "ranges")), "refresh": "0s"},
            "routes": routes} | more


def head(target, host, method="GET", fields=(), client=None, close=False):
    """A request of HTTP/1.1 as bytes."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{n}: {v}" for n, v in fields)]
    if client:
        lines.append(f"X-Forwarded-For: {client}, 130.211.0.1")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def ask(port, target, host, method="GET", fields=(), client=None, way="http/1.1"):
    """One request on a connection of its own; its answer."""
    if way == "h2":
        sent = [(name.lower(), value) for name, value in fields]
        if client:
            sent.append(("x-forwarded-for", f"{client}, 130.211.0.1"))
        with http2_client.Client(port) as connection:
            return connection.request(target, method, sent, authority=host)
    data = http.exchange(port, head(target, host, method, fields, client, close=True))
    answers = http.parse_answers(data, [method])
    assert len(answers) == 1, data
    return answers[0]


def read_answer(sock, method="GET"):
    """The next answer on a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(sock)
    start, _, rest = data.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in start.decode("latin-1").split("\r\n")[1:])
    length = 0 if method == "HEAD" else int(fields["Content-Length"])
    while len(rest) < length:
        rest += received(sock)
    assert len(rest) == length, "more than one answer"
    return http.parse_answers(start + b"\r\n\r\n" + rest, [method])[0]


def received(sock):
    chunk = sock.recv(65536)
    assert chunk, "the connection ended"
    return chunk


def logged(server, count):
    """That many lines of the access log, once they are there."""
    return wait_until(lambda: lines if len(lines := server.access_log()) >= count else None, 10,
                      f"{count} lines in the log")
