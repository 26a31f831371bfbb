"""The golden table (tests/golden), driven through the running server."""

import time

import pytest

from lib.golden import GoldenSite, rows


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


def test_the_access_log_names_the_step_of_every_answer(golden):
    """The access log's reason is the row's step."""
    time.sleep(1)  # the lines of the requests before are written by then
    seen = len(golden.archeio.access_log())
    wanted = []
    for row in rows():
        if row.step in ("R12", "R13") or " " in row.target:
            continue  # the order of the rows matters there; a blank never reaches the decision
        golden.ask(row, row.method)
        wanted.append((row.step, row.status))
    time.sleep(1)
    lines = golden.archeio.access_log()[seen:]
    # What the parser refuses before there is a decision has no step.
    got = [(line["reason"], line["status"]) for line in lines]
    wrong = [(w, g) for w, g in zip(wanted, got) if w != g and not (g[0] == "" and w[1] == 400)]
    assert len(got) == len(wanted)
    assert not wrong, wrong[:10]
