"""The golden table (tests/golden): its rows, and a running site that they are about."""

import re
from dataclasses import dataclass
from pathlib import Path

from . import http, http2_client, tls
from .archeio import Archeio, to_yaml
from .certificates import make_certificate
from .nginx import Nginx
from .ports import free_port

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


@dataclass(frozen=True)
class Row:
    line: int
    step: str
    method: str
    client: str  # "-": unknown
    target: str
    status: int
    location: str  # "-": none
    host: dict  # {program: status} of those that answer before we are asked


def table(name, columns, more=0):
    with open(GOLDEN / name, encoding="latin-1", newline="\n") as f:
        for number, line in enumerate(f, 1):
            if line[0] in "#\n":
                continue
            cells = line.rstrip("\n").split("\t")
            assert columns <= len(cells) <= columns + more, f"{name}:{number}: {len(cells)} columns"
            yield number, cells


def _host(cells):
    word, *statuses = cells[0].split() if cells else ["host"]
    assert word == "host", cells
    return {program: int(status) for program, status in (s.split("=") for s in statuses)}


def rows():
    return [Row(n, *c[:4], int(c[4]), c[5], _host(c[6:])) for n, c in table("requests.tsv", 6, more=1)]


class Stores(Nginx):
    """A bucket per store of site.yaml, with the blobs that blobs.tsv gives it."""

    def __init__(self, directory, names):
        self.port = {name: free_port() for name in names}
        blobs = [cells for _, cells in table("blobs.tsv", 4)]
        blocks = [self._server(name, blobs) for name in names]
        super().__init__(directory, list(self.port.values()), "\n".join(blocks))

    def _server(self, name, blobs):
        answers = []
        for _, digest, present, broken in blobs:
            status = 200 if name in present.split(",") else 500 if name in broken.split(",") else 404
            answers.append(f"location = /containers/images/{digest} {{ return {status}; }}")
        return (f"    server {{ listen 127.0.0.1:{self.port[name]};\n        "
                + "\n        ".join(answers) + "\n        location / { return 404; } }")


# How the server can be asked: by HTTP/1.1 and by HTTP/2, each in clear and over TLS.
WAYS = ("http/1.1", "http/1.1 over tls", "h2", "h2 over tls")


class Golden:
    """The stores of site.yaml, and `text`: that file with their real addresses."""

    def __init__(self, directory):
        text = (GOLDEN / "site.yaml").read_text(encoding="utf-8")
        names = re.findall(r"http://([a-z0-9]+)\.store\.test$", text, re.M)
        assert names, "site.yaml has no store at http://NAME.store.test"
        self.stores = Stores(directory / "stores", names)
        self.text = self.real(text)

    def real(self, text):
        """With the stores' real addresses in the place of http://NAME.store.test."""
        return re.sub(r"http://([a-z0-9]+)\.store\.test",
                      lambda m: f"http://127.0.0.1:{self.stores.port[m[1]]}", text)

    def expected(self, row):
        """The Location; None: there is none."""
        return None if row.location == "-" else self.real(row.location)

    def stop(self):
        self.stores.stop()


def forwarded(row):
    """X-Forwarded-For, as Google's load balancer would write it."""
    return f"{'unknown' if row.client == '-' else row.client}, 130.211.0.1"


def ask_http1(connect, port, row, method, agent=""):
    """A connection of its own for each. connect(port) makes it."""
    host = f"127.0.0.1:{port}"
    data = (f"{method} {row.target.replace('{host}', host)} HTTP/1.1\r\nHost: {host}\r\n"
            f"X-Forwarded-For: {forwarded(row)}\r\nUser-Agent: {agent}\r\n"
            "Connection: close\r\n\r\n").encode("latin-1")
    with connect(port) as sock:
        sock.sendall(data)
        data = http.read_all(sock)
    answers = http.parse_answers(data, [method])
    return answers[0] if len(answers) == 1 else http.Answer(0, {"location": data[:200]})


class GoldenSite(Golden):
    def __init__(self, directory):
        super().__init__(directory)
        port, admin = free_port(), free_port()
        self.tls_port = free_port()
        certificate = make_certificate(directory, "golden")
        self.connection = {}  # of HTTP/2, by way
        own = to_yaml({
            "server": {"listen": [{"address": f"127.0.0.1:{port}"},
                                  {"address": f"127.0.0.1:{self.tls_port}", "tls": certificate.pair}],
                       "admin": f"127.0.0.1:{admin}", "client_address": "google-lb"},
            "ranges": {"directory": str(GOLDEN / "ranges"), "refresh": "0s"},
            "existence": {"wait": "10s", "error_ttl": "10m"},
            "log": {"access": str(directory / "archeio" / "access.log")},
        })
        self.archeio = Archeio(directory / "archeio", self.text + own + "\n", port=port,
                               admin=admin)

    def ask(self, row, method, agent="", way="http/1.1"):
        if way.startswith("h2"):
            return self._ask_http2(row, method, agent, way)
        if way.endswith("tls"):
            return ask_http1(tls.connect, self.tls_port, row, method, agent)
        return ask_http1(http.connect, self.archeio.port, row, method, agent)

    def _ask_http2(self, row, method, agent, way):
        """On one connection for all, as clients do."""
        if way not in self.connection:
            sock = tls.connect(self.tls_port, tls.client_context(["h2"])) if way.endswith("tls") \
                else http.connect(self.archeio.port)
            self.connection[way] = http2_client.Client(sock=sock)
        return self.connection[way].request(
            row.target, method, [("x-forwarded-for", forwarded(row)), ("user-agent", agent)],
            authority=f"127.0.0.1:{self.archeio.port}")

    def stop(self):
        for connection in self.connection.values():
            connection.close()
        try:
            self.archeio.stop()
        finally:
            super().stop()
