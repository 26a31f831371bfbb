"""The hostile table on a site whose routes look at all there is: no answer is another for it."""

import pytest

from lib.archeio import Archeio
from lib.hostile import (ROWS, UPSTREAM, CountingStore, after, bare, drive, exchange_of, judge,
                         pipelined)
from lib.ports import free_port

# Nobody's: each is looked at with every request, and takes none.
ROUTES = [
    {"name": "fields", "to": {"status": 410, "body": "never"},
     "when": {"header": {name: ["never", "nev-*"] for name in (
         "Accept", "User-Agent", "Connection", "Content-Length", "Transfer-Encoding", "Expect",
         "Upgrade", "Range", "X-Forwarded-For", "Traceparent", "X", "A")}}},
    {"name": "hosts", "when": {"host": ["never.test", "[2001:db8:ffff::1]"], "path": "/**"},
     "to": {"url": "https://never.example", "status": 301}},
    {"name": "paths", "when": {"path": ["/never/**/x*", "/v2/never/**"], "share": "5%"},
     "to": ["only", {"status": 404}]},
    {"name": "rest", "when": {"repository": ["never/**", "*-never"], "kind": ["blob", "tags"]},
     "to": ["stores", "upstream"]},
]


@pytest.fixture(scope="module")
def store():
    one = CountingStore()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    directory = tmp_path_factory.mktemp("hostile")
    port = free_port()
    config = {
        "server": {"header_timeout": "20s", "write_timeout": "20s", "client_address": "x-real-ip",
                   "listen": [{"address": f"127.0.0.1:{port}", "protocols": ["http/1.1"]}]},
        "upstream": {"endpoint": UPSTREAM, "path": "mirror/images"},
        "stores": [{"name": "only", "url": store.url, "serves": ["default"]}],
        "routes": ROUTES,
        "log": {"access": str(directory / "access.log")},
    }
    one = Archeio(directory, config, port=port)
    yield one
    one.stop()


def check(server, exchanges):
    exchanges = list(exchanges)
    wrong = [f"{exchange.what}: {problem} in {heard!r:.300}"
             for exchange, heard in drive(server.port, exchanges)
             if (problem := judge(exchange, heard))]
    assert not wrong, f"{len(wrong)} of {len(exchanges)}:\n" + "\n".join(wrong[:40])
    assert server.program.alive(), server.output()


@pytest.mark.parametrize("around", [bare, after, pipelined])
def test_every_row_gets_its_one_answer_whole(server, around):
    check(server, (around(row, [row.data], "whole") for row in ROWS))


def test_every_row_gets_its_one_answer_in_two_pieces(server):
    check(server, (exchange_of(row, [row.data[:n], row.data[n:]], f"cut at {n}", before=True)
                   for row in ROWS for n in {1, len(row.data) // 2, len(row.data) - 1}
                   if 0 < n < len(row.data)))


def test_no_route_took_any_and_no_path_reached_a_store(server, store):
    assert server.metric("archeio_requests_by_route_total") is None
    assert all(path.startswith("/containers/images/sha") for path in store.asked)
