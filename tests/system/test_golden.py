"""The golden tables (tests/golden), driven through the running server."""

import pytest

from lib.golden import ROUTES, TABLES, WAYS, GoldenSite
from lib.ports import wait_until


@pytest.fixture(scope="module", params=TABLES, ids=str)
def golden(request, tmp_path_factory):
    one = GoldenSite(tmp_path_factory.mktemp("golden"), request.param)
    yield one
    one.stop()


@pytest.mark.parametrize("way", WAYS)
def test_every_row_gets_its_answer_from_the_server(golden, way):
    """Each row's status and Location are what a client of the running server gets, byte for byte,
    by each protocol; HEAD gets what GET gets."""
    rows = [row for row in golden.table.rows() if row.is_origin_form or not way.startswith("h2")]
    golden.check(lambda row, method: golden.ask(row, method, way=way), rows=rows)


def test_the_access_log_has_one_line_for_each_request_with_its_step(golden):
    """A line for each row, and no second one, with the row's step and status."""
    def lines():
        return [(line["user_agent"], line["reason"], line["status"])
                for line in golden.archeio.access_log() if " row " in f" {line['user_agent']}"]

    wanted = []
    for row in golden.table.rows():
        golden.ask(row, row.method, agent=f"row {row.place}")
        agent = dict(row.all_fields(f"row {row.place}"))["User-Agent"]
        wanted.append((agent, row.step, row.status))
    wait_until(lambda: len(lines()) >= len(wanted), what="every line")
    # Each worker's lines are in order; whose come first is chance.
    assert sorted(lines()) == sorted(wanted)


BODIES = [("hello", b"hello"), ("empty", b""), ("unavailable", b"back at noon"), ("forbidden", b"closed")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("golden", [ROUTES], ids=str, indirect=True)
def test_fixed_answers_have_their_body_as_plain_text(golden, way):
    """HEAD gets its length, and no byte of it."""
    for route, body in BODIES:
        row = next(row for row in golden.table.rows() if row.route == route)
        get, head = (golden.ask(row, method, way=way) for method in ("GET", "HEAD"))
        assert (get.status, get.body, head.body) == (row.status, body, b""), route
        for answer in get, head:
            assert answer.headers["content-length"] == str(len(body))
            assert answer.headers.get("content-type") == ("text/plain" if body else None)
