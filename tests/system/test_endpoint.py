"""The decision endpoint: what other programs are told that archeio would answer."""

import json
import socket
import threading
import time

import pytest

from lib import http, http2_client
from lib.endpoint import Endpoint, EndpointGolden, Told, query
from lib.golden import rows
from lib.ports import free_port, wait_until
from lib.store import StandIn, status

UPSTREAM = "https://upstream.example"
PLAIN = {"upstream": {"endpoint": UPSTREAM, "path": "p"}, "server": {"client_address": "peer"}}
OWN = "192.0.2.10/32 aws eu-west-3\n198.51.100.0/24 gcp europe-west1\n2001:db8::/32 aws us-east-2\n"
BLOB = "/v2/app/blobs/sha256:" + "1" * 64


@pytest.fixture
def endpoint(tmp_path):
    """endpoint(config) starts an archeio with the endpoint; it must end well."""
    started = []

    def start(config=None, ranges=OWN, **options):
        directory = tmp_path / f"archeio-{len(started)}"
        (directory / "ranges").mkdir(parents=True)
        (directory / "ranges" / "own.txt").write_text(ranges)
        started.append(Endpoint(directory, config or PLAIN, **options))
        return started[-1]

    yield start
    for one in started:
        if not one.stopped:
            one.stop()


# ── The golden table ──


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    one = EndpointGolden(tmp_path_factory.mktemp("golden-endpoint"))
    yield one
    one.stop()


@pytest.mark.parametrize("way", ["query", "fields", "h2"])
def test_every_row_of_the_golden_table_is_told(golden, way):
    """Each row's status, Location and step, byte for byte, in JSON and in fields, whether it is asked
    for in the query, in fields, or by HTTP/2; of HEAD what of GET."""
    wrong, count = [], 0
    for row in rows():
        for method in {row.method, "HEAD" if row.method == "GET" else row.method}:
            told = golden.ask(row, method, way)
            got = (told.status, told.place, told.reason)
            if got != (row.status, golden.expected(row), row.step):
                wrong.append(f"requests.tsv:{row.line}: {method} {row.target}: got {got}, expected "
                             f"{row.status} {golden.expected(row)} {row.step}")
        count += 1
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])
    assert count >= 300
