"""Hostile bytes to the decision endpoint: those of HTTP/1.1 itself get what they get on any listener, and
hostile targets that it is asked about what they would get if they came by themselves."""

import re

import pytest

from lib import http
from lib.endpoint import Endpoint
from lib.hostile import ROWS, UPSTREAM, CountingStore, Exchange, drive, judge_location

GOOD = b"HEAD /host HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /host HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
NAME = b"upstream.example:8443"


@pytest.fixture(scope="module")
def store():
    one = CountingStore()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, store):
    """One process must outlive all of it."""
    directory = tmp_path_factory.mktemp("hostile-endpoint")
    one = Endpoint(directory, {
        "server": {"client_address": "peer", "header_timeout": "20s", "write_timeout": "20s"},
        "log": {"access": str(directory / "access.log")},
        "upstream": {"endpoint": UPSTREAM, "path": "mirror/images"},
        "stores": [{"name": "only", "url": store.url, "serves": ["default"]}]})
    yield one
    one.stop()


def surrounded(row, cut):
    """Between two questions, in one stream that is cut at one place."""
    data = GOOD + row.data + LAST
    return Exchange(f"{row.name}, cut at {cut}", (data[:cut], data[cut:]) if cut else (data,), (row,),
                    ("HEAD", row.method, "GET"))


def judge(exchange, heard):
    """None, or what is wrong. The endpoint reads requests as every listener does, but has other pages."""
    (row,) = exchange.rows
    if heard is None:
        return "not closed"
    try:
        first, *answers = http.parse_answers(heard, exchange.methods)
    except (AssertionError, ValueError) as e:
        return str(e)
    if first.status != 200 or any(answer.location for answer in answers):
        return "the first question was not answered, or something led somewhere"
    if row.parser == "drop":
        return "answered" if answers else None
    if not answers:
        return "not answered"
    own, *rest = answers
    if own.status not in ((200, 400, 404, 405) if row.parser in ("ok", "close") else (int(row.parser),)):
        return f"{own.status}"
    if row.refused:
        return "goes on" if rest or own.headers.get("connection") != "close" else None
    return None if [answer.body for answer in rest] == [NAME] else "the next question is not answered"


def test_every_row_gets_its_one_answer_between_two_questions(server):
    """Whole, and cut at some places: never two answers to one request, and none that it is not."""
    exchanges = [surrounded(row, cut) for row in ROWS
                 for cut in (0, *range(len(GOOD) + 1, len(GOOD) + len(row.data), 1 + len(row.data) // 10))]
    wrong = [f"{exchange.what}: {problem} in {heard!r:.300}"
             for exchange, heard in drive(server.decide_port, exchanges)
             if (problem := judge(exchange, heard))]
    assert not wrong, f"{len(wrong)} of {len(exchanges)}:\n" + "\n".join(wrong[:40])
    assert len(exchanges) > 2500


# Whose bytes before or behind the target are what is wrong; or its authority, which counts here for Host.
ELSE = ("method-", "absolute-form-")
TARGET = re.compile(rb"([!-~]+) ([^\r\n]+) HTTP/1\.1\r\nHost: x\r\n\r\n", re.S)


def test_every_hostile_target_is_told_what_it_would_get(server):
    """Asked about in the query, so that any byte can come: the status of the row, and no Location but
    to a configured host."""
    wrong, asked = [], 0
    for row in ROWS:
        match = TARGET.fullmatch(row.data)
        if not match or len(match[2]) > 2000 or row.name.startswith(ELSE):
            continue
        method, target = (part.decode("latin-1") for part in match.groups())
        told = server.decide(target, method=method)
        asked += 1
        if not row.allows(told.status):
            wrong.append(f"{row.name}: {told.status}, not {row.server}")
        if told.location:
            judge_location(http.Answer(307, {"location": told.location}))
    assert not wrong, "\n".join(wrong)
    assert asked >= 80


def test_nothing_of_it_reached_a_store_or_broke_a_line(server, store):
    """HEADs go to well-formed digests alone, and the log is JSON objects, one a line."""
    assert all(re.fullmatch("/containers/images/sha256:[0-9a-f]{64}", path) for path in store.asked)
    assert server.program.alive()
    assert len(server.access_log()) > len(ROWS)
    assert all(set(line) >= {"client", "method", "path", "status"} for line in server.access_log())
