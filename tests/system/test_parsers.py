"""archeio beside nginx, HAProxy and Node's llhttp, and behind them: docs/http1-parsers.md says how
each judges the HTTP/1.1 table, and none of them can be made to disagree with archeio on where a
request ends."""

import sys
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "compare"), str(TESTS / "hostile")]
import chains  # pylint: disable=wrong-import-position
import document  # pylint: disable=wrong-import-position
import peers  # pylint: disable=wrong-import-position
import table  # pylint: disable=wrong-import-position
import verdicts  # pylint: disable=wrong-import-position

ROWS = table.read()
WRITE = "tests/compare/http1 --write writes it anew"


# ── Beside ──


@pytest.fixture(scope="module")
def written():
    return document.FILE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """What all four make of every row, now."""
    return peers.ask_all(tmp_path_factory.mktemp("judged"), ROWS)


def test_the_table_has_every_row_as_archeio_judges_it(written, judged):
    """Statuses and closes, to the letter."""
    cells, _ = document.parse(written)
    assert list(cells) == [row.name for row in ROWS], WRITE
    now = {name: judged[name][document.OURS] for name in cells}
    wrong = [f"{name}: {now[name]}, and the table has {cells[name][document.OURS]}"
             for name in cells if now[name] != cells[name][document.OURS]]
    assert not wrong, "\n".join(wrong + [WRITE])


def test_the_table_has_what_the_others_accept_and_refuse(written, judged):
    """Which status refuses is not compared. Of versions other than those that the table names, a
    difference is shown, and fails nothing: it is no fault of ours."""
    cells, _ = document.parse(written)
    for server, version in peers.versions().items():
        both = {name: (judged[name][server], cells[name][server]) for name in cells}
        differing = [f"{name}: {server} says {now}, the table {then}"
                     for name, (now, then) in both.items()
                     if verdicts.kind(now) != verdicts.kind(then)]
        if f"{server} {version}," in " ".join(written.split()):
            assert not differing, "\n".join(differing + [WRITE])
        elif differing:
            warnings.warn(f"{server} {version} differs from the table's:\n" + "\n".join(differing))


def test_wherever_archeio_accepts_what_another_refuses_the_reason_stands_beside_it(written):
    """In the table, from http1.reasons; and no reason stands anywhere else."""
    cells, beside = document.parse(written)
    reasons, missing, unneeded = document.explain(cells)
    assert not missing + unneeded, "\n".join(missing + unneeded)
    assert beside == reasons, WRITE


# ── Behind ──


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    one = peers.archeio(tmp_path_factory.mktemp("behind") / "archeio")
    yield one
    if not one.stopped:
        one.stop()


@pytest.fixture(scope="module")
def fronts(tmp_path_factory, ours):
    """A chains.Chain for each server before the same archeio."""
    started = peers.Peers(tmp_path_factory.mktemp("fronts"), to=ours.port)
    yield [chains.Chain(name, port) for name, port in started.port.items()]
    started.stop()


def test_clients_of_a_front_share_its_connection(fronts, ours):
    """Else what follows would prove nothing."""
    for chain in fronts:
        before = ours.metric("archeio_connections_accepted_total")
        for _ in range(20):
            chain.beside()
        assert not chain.wrong
        assert ours.metric("archeio_connections_accepted_total") <= before + 1, chain.name


def run(fronts, attacks):
    for chain in fronts:
        chain.wrong.clear()
    with ThreadPoolExecutor(len(fronts)) as pool:
        list(pool.map(lambda chain: chain.run(attacks), fronts))
    wrong = [problem for chain in fronts for problem in chain.wrong]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])


def test_no_row_desynchronises_a_front_and_archeio(fronts):
    """Each row, then an honest request on its connection and one on another: each gets its own
    answer and no other, or, behind the row only, the end of the connection."""
    run(fronts, [chains.Attack(row.name, (row.data,), row.method) for row in ROWS])
    for chain in fronts:
        assert chain.outcomes["answered"] > len(ROWS) / 4, chain.outcomes


def test_no_body_made_of_requests_desynchronises_a_front_and_archeio(fronts):
    """GET, HEAD and uploads, with a length and chunked."""
    run(fronts, chains.bodies())


def test_archeio_was_asked_nothing_twice_and_nothing_that_lay_in_a_body(fronts, ours):
    """So says its log of all the above. A front may ask and then close without passing the answer
    on: Node does, behind a request that it refused itself."""
    ours.stop()
    asked = Counter(line["path"].split("/")[2] for line in ours.access_log()
                    if line["path"].startswith("/v2/") and "/manifests/" in line["path"])
    answered = sum((chain.answered for chain in fronts), Counter())
    assert "hidden" not in asked
    assert asked.pop("smuggled") == answered.pop("smuggled") > 0
    honest = Counter({path.removeprefix("honest-"): times for path, times in asked.items()
                      if path.startswith("honest-")})
    assert set(honest.values()) == {1}
    assert not answered - honest, "answers that it did not give"
