"""Hostile HTTP/2: what is malformed ends its stream or the connection, what is a waste ends the
connection when there is too much of it, and honest clients on other connections notice nothing."""

import sys
from pathlib import Path

import pytest
from hpack import Decoder
from hyperframe.frame import HeadersFrame

from lib import http2
from lib.archeio import Archeio

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hostile"))
import frames  # pylint: disable=wrong-import-position

UPSTREAM = "https://upstream.example:8443"


def configuration(**server):
    return {"server": server, "upstream": {"endpoint": UPSTREAM, "path": "mirror/images"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that must outlive all of the table."""
    one = Archeio(tmp_path_factory.mktemp("http2"), configuration(header_timeout="1s",
                                                                  write_timeout="1s"))
    yield one
    one.stop()


# ── The table ──


def statuses(talk):
    """{stream: status}"""
    decoder = Decoder()
    return {f.stream_id: dict(decoder.decode(f.data))[":status"]
            for f in talk.frames if isinstance(f, HeadersFrame)}


def judge(row, talk):
    """None, or what is wrong."""
    answers, resets = statuses(talk), talk.resets()
    if row.kind == "C":
        if not talk.closed or talk.goaway() not in row.codes:
            return f"closed: {talk.closed}, GOAWAY: {talk.goaway()}"
        return None
    if talk.closed or talk.goaway() is not None:
        return f"closed: {talk.closed}, GOAWAY: {talk.goaway()}"
    if row.kind == "S":
        return None if resets.get(row.stream) in row.codes else f"resets: {resets}"
    if resets:
        return f"resets: {resets}"
    if row.kind != "ok" and answers.get(row.stream) != row.kind:
        return f"answers: {answers}"
    return None


@pytest.mark.parametrize("row", frames.rows(), ids=lambda row: row.name)
def test_every_row_ends_what_it_must_and_nothing_else(server, row):
    """A row that breaks the connection gets GOAWAY with the right code, and the end; one that breaks
    a stream gets RST_STREAM, and the next request on the connection its answer."""
    with http2.connect(server.port) as talk:
        talk.send(http2.HELLO, http2.SETTINGS_ACK, row.data)
        talk.hear_all_before() if row.kind != "C" else talk.hear()
        assert judge(row, talk) is None, f"{judge(row, talk)} in {talk.frames}"
        if row.kind != "C" and row.stream < 0x7fffffff:
            talk.send(http2.headers(101))
            talk.hear_all_before(b"the next")
            assert statuses(talk)[101] == "307"
    assert server.program.alive(), server.output()
