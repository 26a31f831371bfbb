"""Hostile bytes over HTTP/1.1 against the nginx door. What is no HTTP, nginx judges by rules of its own;
what holds all the same: no worker dies, no request gets two answers, no Location leads outside the
configured hosts, and no store is asked for what is no digest."""

import re

import pytest

from lib import http
from lib.hostile import (LAST, ROWS, UPSTREAM, CountingStore, after, bare, drive, judge_location,
                         pipelined)
from lib.nginx_door import NginxDoor

# What nginx may say instead of what archeio would: its own refusals.
REFUSALS = {400, 405, 413, 414, 431, 501, 505}
PATIENCE = "client_header_timeout 3s; keepalive_timeout 3s; lingering_timeout 1s;"


@pytest.fixture(scope="module")
def store():
    one = CountingStore()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def door(tmp_path_factory, store):
    """One nginx for all of it: its workers must outlive the whole table."""
    config = {"upstream": {"endpoint": UPSTREAM, "path": "mirror/images"},
              "stores": [{"name": "only", "url": store.url, "serves": ["default"]}]}
    one = NginxDoor(tmp_path_factory.mktemp("hostile-door") / "door", config, http=PATIENCE, workers=2)
    yield one
    one.stop()


def legal(row, status):
    """A row that archeio accepts gets archeio's answer, or nginx's refusal; of others, nginx may
    make what it likes."""
    if row is None:
        return status == 307
    if row.parser in ("ok", "close"):
        return row.allows(status) or status in REFUSALS
    return status in REFUSALS | {200, 307, 404, 408}


def judge(exchange, heard):
    """None, or what is wrong."""
    if heard is None:
        return "not closed"
    if any(row and row.name.startswith("http-0.9") for row in exchange.rows):
        return None if b"Location" not in heard.replace(GOOD_ANSWER, b"") else "a Location"
    answers = http.parse_answers(heard, exchange.methods)
    for answer in answers:
        if answer.status == 307:
            judge_location(answer)
            assert "smuggled" not in answer.location
    if len(answers) > len(exchange.rows):
        return f"{len(answers)} answers to {len(exchange.rows)} requests"
    for row, answer in zip(exchange.rows, answers):
        if not legal(row, answer.status):
            return f"{answer.status}"
    return None


GOOD_ANSWER = f"Location: {UPSTREAM}/v2/mirror/images/good/manifests/v1".encode()


@pytest.mark.parametrize("around", [bare, after, pipelined])
def test_every_row_gets_its_one_answer_and_ends_no_worker(door, store, around):
    wrong = []
    workers = door.workers()
    for exchange, heard in drive(door.port, [around(r, [r.data], "whole") for r in ROWS]):
        try:
            problem = judge(exchange, heard)
        except AssertionError as e:
            problem = str(e)
        if problem:
            wrong.append(f"{exchange.what}: {problem} in {heard!r:.300}")
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])
    assert door.workers() == workers
    assert all(re.fullmatch("/containers/images/sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})", path)
               for path in store.asked)


def test_a_target_that_is_longer_than_archeio_decides_on_is_refused(tmp_path):
    """Even where nginx is told to take more; by an answer of archeio's, not a page of nginx's."""
    one = NginxDoor(tmp_path / "door", {"upstream": {"endpoint": UPSTREAM, "path": "p"}},
                    http="large_client_header_buffers 4 64k;")
    fits = "/v2/a/manifests/" + "v" * (8192 - 16)
    assert one.request(fits).location == UPSTREAM + "/v2/p/" + fits.removeprefix("/v2/")
    answer = one.request(fits + "v")
    assert (answer.status, answer.body, answer.location) == (414, b"", None)
    one.stop()


def test_hundreds_of_pipelined_requests_are_answered_in_order(door):
    requests = b"".join(b"GET /v2/a/manifests/v%d HTTP/1.1\r\nHost: x\r\n\r\n" % i
                        for i in range(900))
    answers = http.parse_answers(http.exchange(door.port, requests + LAST))
    assert [a.location.rsplit("/", 1)[1] for a in answers] == [*(f"v{i}" for i in range(900)), "v1"]
