"""The golden table (tests/golden), driven through the running server."""

import pytest

from lib.golden import GoldenSite, rows
from lib.ports import wait_until


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    one = GoldenSite(tmp_path_factory.mktemp("golden"))
    yield one
    one.stop()


def differences(golden, row, method):
    answer = golden.ask(row, method)
    location = None if row.location == "-" else golden.real(row.location)
    if (answer.status, answer.location) == (row.status, location):
        return []
    return [f"requests.tsv:{row.line}: {method} {row.target}: got {answer.status} "
            f"{answer.location}, expected {row.status} {location}"]


def test_every_row_gets_its_answer_from_the_server(golden):
    """Each row's status and Location are what a client of the running server gets, byte for byte;
    HEAD gets what GET gets."""
    wrong = []
    count = 0
    for row in rows():
        wrong += differences(golden, row, row.method)
        if row.method == "GET":
            wrong += differences(golden, row, "HEAD")
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
