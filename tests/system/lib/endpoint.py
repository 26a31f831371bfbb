"""The decision endpoint (server.decide), asked as other programs ask it."""

import json
from urllib.parse import quote

from . import http, http2_client
from .archeio import Archeio, merge, to_yaml
from .golden import RANGES, REQUESTS, Golden
from .ports import free_port


def query(**values):
    """Every byte but letters, digits and a few is escaped."""
    pairs = (f"{name}={quote(value.encode('latin-1'), safe='')}" for name, value in values.items())
    return "?" + "&".join(pairs)


class Told:
    """What the endpoint says of a request: in JSON, and the same in fields."""

    def __init__(self, answer):
        assert answer.status == 200, (answer.status, answer.body)
        assert answer.headers["content-type"] == "application/json"
        self.json = json.loads(answer.body)
        self.headers = answer.headers
        assert int(self.headers["x-archeio-status"]) == self.json["status"]
        assert self.headers.get("x-archeio-location") == self.json["location"]

    def __getattr__(self, name):
        return self.json[name]


class Endpoint(Archeio):
    """An archeio with the endpoint at .decide_port."""

    def __init__(self, directory, config=None, **options):
        self.decide_port = free_port()
        own = {"server": {"decide": f"127.0.0.1:{self.decide_port}"}}
        super().__init__(directory, merge(own, config or {}), **options)

    def crash(self):
        """It is gone from one moment to the next."""
        self.program.kill()
        self.stopped = True

    def stop(self, *how, **more):
        if not self.stopped:
            super().stop(*how, **more)

    def ask(self, target, method="GET", headers=(), timeout=15.0):
        """One request to the endpoint, whatever it is."""
        return http.request(self.decide_port, target, method, headers, timeout=timeout)

    def decide(self, path, headers=(), **values):
        return Told(self.ask("/decide" + query(path=path, **values), headers=headers))


class EndpointGolden(Golden):
    """The site of a golden table, of which the endpoint is asked, or whatever is in front of it.
    changes: {what the sample's Lua says: what it is to say}, for those."""

    def __init__(self, directory, table=REQUESTS):
        super().__init__(directory, table)
        self.port, self.admin_port, self.decide_port = free_port(), free_port(), free_port()
        own = to_yaml({
            "server": {"listen": [f"127.0.0.1:{self.port}"], "admin": f"127.0.0.1:{self.admin_port}",
                       "decide": f"127.0.0.1:{self.decide_port}", "client_address": "peer"},
            "ranges": {"directory": str(RANGES), "refresh": "0s"},
            "existence": {"wait": "10s", "error_ttl": "10m"},
        })
        self.archeio = Archeio(directory / "archeio", self.text + own + "\n", port=self.port,
                               admin=self.admin_port)
        self.client = None  # of HTTP/2: one connection for all
        names = sorted({f'"{name.lower()}"' for row in table.rows() for name, _ in row.fields})
        self.changes = {"local WAIT = ": "local WAIT = 20 * ", "local FIELDS = {}":
                        f"local FIELDS = {{ {', '.join(names)} }}"}

    def ask(self, row, method, way):
        """way: how the question is put: "query", "fields" or "h2"."""
        host = row.sent_to(f"127.0.0.1:{self.port}")
        target = row.target.replace("{host}", host)
        client = "unknown" if row.client == "-" else row.client
        fields = [(name.lower(), value) for name, value in row.fields]
        if way == "query":
            path = "/decide" + query(ip=client, path=target, host=host, method=method)
            return Told(http.request(self.decide_port, path, headers=fields))
        fields += [("x-real-ip", client), ("x-original-uri", target), ("x-original-host", host),
                   ("x-original-method", method)]
        if way == "fields":
            return Told(http.request(self.decide_port, "/decide", headers=fields))
        if self.client is None:
            self.client = http2_client.Client(self.decide_port)
        return Told(self.client.request("/decide", fields=fields))

    def stop(self):
        if self.client:
            self.client.close()
        try:
            self.archeio.stop()
        finally:
            super().stop()
