"""One request and its answer, without following redirects; and raw bytes."""

import http.client
import socket
from dataclasses import dataclass, field


@dataclass
class Answer:
    status: int
    headers: dict = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    version: str = "HTTP/1.1"

    @property
    def location(self):
        return self.headers.get("location")


def request(port, target, method="GET", headers=None, host="127.0.0.1", timeout=15.0):
    """Sends one request on a connection of its own. headers: a dict, or a list of pairs."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        pairs = headers.items() if isinstance(headers, dict) else headers or []
        for name, value in pairs:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        found = {k.lower(): v for k, v in response.getheaders()}
        version = "HTTP/1.0" if response.version == 10 else "HTTP/1.1"
        return Answer(response.status, found, response.read(), version)
    finally:
        connection.close()


def connect(port, host="127.0.0.1", timeout=15.0):
    sock = socket.create_connection((host, port), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_all(sock):
    """Everything until the other side closes. A reset counts as the end."""
    chunks = []
    while True:
        try:
            chunk = sock.recv(65536)
        except ConnectionResetError:
            break
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks)


def exchange(port, data, host="127.0.0.1", timeout=15.0, half_close=False):
    """Sends bytes, and reads until the server closes: all that it said."""
    with connect(port, host, timeout) as sock:
        try:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return read_all(sock)


def parse_answers(data, methods=()):
    """Splits a byte stream into Answers. methods: those of the requests, in order ("HEAD" has no
    body); GET where there is none. Fails on anything that is no whole answer."""
    answers = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        assert end, f"no end of an answer's head: {data[:200]!r}"
        lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ")
        assert version in ("HTTP/1.1", "HTTP/1.0"), f"no status line: {lines[0]!r}"
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon, f"no field: {line!r}"
            assert name.lower() not in headers, f"field twice: {name}"
            headers[name.lower()] = value.strip()
        method = methods[len(answers)] if len(answers) < len(methods) else "GET"
        length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
        assert len(rest) >= length, f"body cut: {length} announced, {len(rest)} came"
        answers.append(Answer(int(status), headers, rest[:length], version))
        data = rest[length:]
    return answers
