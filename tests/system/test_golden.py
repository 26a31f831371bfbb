"""The golden table (tests/golden), driven through the running server."""

import pytest

from lib.golden import WAYS, GoldenSite, rows
from lib.ports import wait_until


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    one = GoldenSite(tmp_path_factory.mktemp("golden"))
    yield one
    one.stop()


def differences(golden, row, method, way):
    answer = golden.ask(row, method, way=way)
    location = golden.expected(row)
    if (answer.status, answer.location) == (row.status, location):
        return []
    return [f"requests.tsv:{row.line}: {way}: {method} {row.target}: got {answer.status} "
            f"{answer.location}, expected {row.status} {location}"]


@pytest.mark.parametrize("way", WAYS)
def test_every_row_gets_its_answer_from_the_server(golden, way):
    """Each row's status and Location are what a client of the running server gets, byte for byte,
    by each protocol; HEAD gets what GET gets."""
    wrong = []
    count = 0
    for row in rows():
        if way.startswith("h2") and not row.target.startswith("/"):
            continue  # the absolute form is HTTP/1.1's
        wrong += differences(golden, row, row.method, way)
        if row.method == "GET":
            wrong += differences(golden, row, "HEAD", way)
        count += 1
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])
    assert count >= 300


def test_the_access_log_has_one_line_for_each_request_with_its_step(golden):
    """A line for each row, and no second one, with the row's step and status."""
    def lines():
        return [(line["user_agent"], line["reason"], line["status"])
                for line in golden.archeio.access_log() if line["user_agent"]]

    wanted = []
    for row in rows():
        golden.ask(row, row.method, agent=f"row {row.line}")
        wanted.append((f"row {row.line}", row.step, row.status))
    wait_until(lambda: len(lines()) >= len(wanted), what="every line")
    # Each worker's lines are in order; whose come first is chance.
    assert sorted(lines()) == sorted(wanted)
