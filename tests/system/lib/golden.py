"""The golden tables (tests/golden): their rows, and a running site that each is about.

What gives archeio's answers is put to both like this, here a door of the name "nginx":

    @pytest.fixture(scope="module", params=TABLES, ids=str)
    def golden(request, tmp_path_factory):
        one = Golden(tmp_path_factory.mktemp("golden"), request.param)  # its stores run
        one.door = ...  # with the configuration one.text, and the ranges and ASNs in RANGES
        yield one
        one.stop()

    def test_every_row(golden):
        golden.check(lambda row, method: ask_http1(http.connect, golden.door.port, row, method),
                     door="nginx")

ask_http2() asks on a connection that is there already. The client stands in X-Forwarded-For as
Google's load balancer writes it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from . import http, http2_client, tls
from .archeio import Archeio, to_yaml
from .certificates import make_certificate
from .nginx import Nginx
from .ports import free_port

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
RANGES = GOLDEN / "ranges"


@dataclass(frozen=True)
class Row:
    place: str  # "requests.tsv:12"
    step: str
    route: str  # the name of the one that was taken; "": none
    methods: tuple  # for which it holds
    client: str  # "-": unknown
    authority: str  # "-": the address that the request is sent to
    fields: tuple  # (name, value), more than those that every request has
    target: str
    status: int
    location: str  # "-": none
    host: dict  # {program: status} of those that answer before we are asked

    @property
    def method(self):
        return self.methods[0]

    @property
    def is_origin_form(self):
        """Any other is HTTP/1.1's."""
        return self.target.startswith("/")

    def sent_to(self, own):
        """The request's authority, where `own` is the address that it is sent to."""
        return own if self.authority == "-" else self.authority

    def all_fields(self, agent=""):
        """Of a request; agent: what User-Agent ends with."""
        client = "unknown" if self.client == "-" else self.client
        named = [value for name, value in self.fields if name.lower() == "user-agent"]
        return [("X-Forwarded-For", f"{client}, 130.211.0.1"),
                ("User-Agent", " ".join([*named, agent]).strip()),
                *((name, value) for name, value in self.fields if name.lower() != "user-agent")]


def lines(name, columns, more=0):
    """(number, cells) of each row of a table."""
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


def _methods(cell):
    return {"GET": ("GET", "HEAD"), "GET-only": ("GET",)}.get(cell, (cell,))


def _fields(cell):
    return () if cell == "-" else tuple(tuple(f.split(": ", 1)) for f in cell.split(" | "))


@dataclass(frozen=True)
class Table:
    name: str
    site: str
    columns: int
    least: int  # rows

    def __str__(self):
        return self.name

    def rows(self):
        """In their order, in which they are to be asked for."""
        found = [self._row(number, cells) for number, cells in lines(self.name, self.columns, 1)]
        assert len(found) >= self.least
        return found

    def _row(self, number, cells):
        if self.columns == 6:
            cells = [*cells[:3], "-", "-", *cells[3:]]
        step, _, route = cells[0].partition(" ")
        return Row(f"{self.name}:{number}", step, route, _methods(cells[1]), cells[2], cells[3],
                   _fields(cells[4]), cells[5], int(cells[6]), cells[7], _host(cells[8:]))


REQUESTS = Table("requests.tsv", "site.yaml", 6, 300)
ROUTES = Table("routes.tsv", "routes.yaml", 8, 250)
TABLES = (REQUESTS, ROUTES)


class Stores(Nginx):
    """A bucket per store, with the blobs and artifacts that blobs.tsv and artifacts.tsv give it."""

    def __init__(self, directory, names):
        self.port = {name: free_port() for name in names}
        blocks = [self._server(name) for name in names]
        super().__init__(directory, list(self.port.values()), "\n".join(blocks))

    def _server(self, name):
        def status(present, broken):
            return 200 if name in present.split(",") else 500 if name in broken.split(",") else 404

        answers = [f"location = /containers/images/{digest} {{ return {status(*stores)}; }}"
                   for _, (_, digest, *stores) in lines("blobs.tsv", 4)]
        answers += [f'if ($request_uri = "{path}") {{ return {status(*stores)}; }}'  # as it came
                    for _, (path, *stores) in lines("artifacts.tsv", 3)]
        return (f"    server {{ listen 127.0.0.1:{self.port[name]};\n        "
                + "\n        ".join(answers) + "\n        location / { return 404; } }")


# How the server can be asked: by HTTP/1.1 and by HTTP/2, each in clear and over TLS.
WAYS = ("http/1.1", "http/1.1 over tls", "h2", "h2 over tls")


class Golden:
    """The stores of a table's site, and `text`: its configuration with their real addresses."""

    def __init__(self, directory, table=REQUESTS):
        self.table = table
        text = (GOLDEN / table.site).read_text(encoding="utf-8")
        names = re.findall(r"http://([a-z0-9]+)\.store\.test$", text, re.M)
        assert names, f"{table.site} has no store at http://NAME.store.test"
        self.stores = Stores(directory / "stores", names)
        self.text = self.real(text)

    def real(self, text):
        """With the stores' real addresses in the place of http://NAME.store.test."""
        return re.sub(r"http://([a-z0-9]+)\.store\.test",
                      lambda m: f"http://127.0.0.1:{self.stores.port[m[1]]}", text)

    def expected(self, row, door=""):
        """Status and Location (None: there is none), as they come through that door."""
        if door in row.host:
            return row.host[door], None
        return row.status, None if row.location == "-" else self.real(row.location)

    def check(self, ask, door="", rows=None):
        """What ask(row, method) answers is what the table says, for all its rows or for those."""
        wrong = []
        for row in self.table.rows() if rows is None else rows:
            for method in row.methods:
                answer = ask(row, method)
                expected = self.expected(row, door)
                if (answer.status, answer.location) != expected:
                    wrong.append(f"{row.place}: {method} {row.target}: got {answer.status} "
                                 f"{answer.location}, expected {expected}")
        assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])

    def stop(self):
        self.stores.stop()


def ask_http1(connect, port, row, method, agent=""):
    """A connection of its own for each. connect(port) makes it."""
    host = row.sent_to(f"127.0.0.1:{port}")
    head = [f"{method} {row.target.replace('{host}', host)} HTTP/1.1", f"Host: {host}",
            *(f"{name}: {value}" for name, value in row.all_fields(agent)),
            "Connection: close", "", ""]
    with connect(port) as sock:
        sock.sendall("\r\n".join(head).encode("latin-1"))
        data = http.read_all(sock)
    answers = http.parse_answers(data, [method])
    return answers[0] if len(answers) == 1 else http.Answer(0, {"location": data[:200]})


def ask_http2(client, port, row, method, agent=""):
    """client: an http2_client.Client; port: the one it is connected to."""
    return client.request(row.target, method,
                          [(name.lower(), value) for name, value in row.all_fields(agent)],
                          authority=row.sent_to(f"127.0.0.1:{port}"))


class GoldenSite(Golden):
    def __init__(self, directory, table=REQUESTS):
        super().__init__(directory, table)
        port, admin = free_port(), free_port()
        self.tls_port = free_port()
        certificate = make_certificate(directory, "golden")
        self.connection = {}  # of HTTP/2, by way
        own = to_yaml({
            "server": {"listen": [{"address": f"127.0.0.1:{port}"},
                                  {"address": f"127.0.0.1:{self.tls_port}", "tls": certificate.pair}],
                       "admin": f"127.0.0.1:{admin}", "client_address": "google-lb"},
            "ranges": {"directory": str(RANGES), "refresh": "0s"},
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
        return ask_http2(self.connection[way], self.archeio.port, row, method, agent)

    def stop(self):
        for connection in self.connection.values():
            connection.close()
        try:
            self.archeio.stop()
        finally:
            super().stop()
