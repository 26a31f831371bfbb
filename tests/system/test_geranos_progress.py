"""How geranos says how far it is: lines on a terminal, JSON elsewhere; and how it is interrupted."""

import datetime
import json
import re
import signal
import subprocess
import time

import pytest

from lib import geranos
from lib.ports import wait_until
from lib.registry import Registry
from lib.screen import Terminal
from lib.source import Source, digest_of, noise
from lib.target import BLOBS, Folder


REDRAWN = b"\x1b[J"


@pytest.fixture
def registry(tmp_path):
    one = Registry(tmp_path / "registry")
    yield one
    one.stop()


@pytest.fixture
def source(registry):
    """Six images of 700 kB."""
    one = Source(registry.host)
    for i in range(6):
        one.image(f"team/application-{i}", "v1", [noise(700_000, i)], f'{{"n":{i}}}'.encode())
    return one


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def argv(registry, folder):
    """Four seconds of work."""
    return [geranos.binary(), "sync", "--from", registry.url, "--to", folder.url,
            "--max-bandwidth", "1MiB", "--jobs", "3"]


# ── A terminal ──


def blocks(terminal):
    """What the progress lines looked like, one by one; the summary, which may be as wide, begins
    with the registry's name."""
    return [text for _, text in terminal.seen
            if "MiB" in text and re.match(r"(images|blobs) \d", text)]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_progress_is_redrawn_in_its_place_at_any_width(tmp_path, source, argv, folder, columns):
    terminal = Terminal(argv, geranos.environment(tmp_path), columns)
    flight = r" +\d+%  team/application-\d@sha2"
    terminal.wait_for(flight)
    code = terminal.end()
    assert code == 0
    assert terminal.raw.count(REDRAWN) > 5
    shown = blocks(terminal)
    for text in shown:
        assert len(text.split("\n")) <= 4, text  # three copies, and a line above them
        assert all(len(line) < columns for line in text.split("\n"))
    assert any(re.search(r"\d+\.\d [MK]iB/\d\.\d MiB", text) for text in shown)
    # At the end there is the summary and nothing else.
    assert "ETA" not in terminal.screen.text()
    assert terminal.screen.text().startswith(source.host)
    assert "copied 12 blobs" in terminal.screen.text().replace("\n", "")
    assert folder.blobs() == source.blobs


def test_a_terminal_is_redrawn_five_times_a_second_at_most(tmp_path, source, argv):
    begun = time.monotonic()
    terminal = Terminal(argv, geranos.environment(tmp_path))
    assert terminal.end() == 0
    assert terminal.raw.count(REDRAWN) <= 5 * (time.monotonic() - begun) + 3


def fits(text, columns):
    """Lines of copies, none of which reaches the last column."""
    return "%" in text and all(len(line) < columns for line in text.split("\n"))


def test_a_width_that_changes_is_followed(tmp_path, source, argv):
    terminal = Terminal(argv, geranos.environment(tmp_path), 200)
    terminal.wait_for(r"in flight\n.*@sha256:\w{12}  ")
    terminal.resize(30)
    # What was drawn before and is read only now still breaks into lines that are full.
    wait_until(lambda: fits(terminal.seen[-1][1], 30), 30, "narrow lines")
    at = len(terminal.seen)
    assert terminal.end() == 0
    for _, text in terminal.seen[at:]:
        assert fits(text, 30) or "%" not in text


@pytest.mark.parametrize("no_color, coloured", [("", True), ("1", False)])
def test_failures_are_red_unless_nobody_wants_colours(tmp_path, registry, source, argv, no_color,
                                                      coloured):
    registry.blobs()[digest_of(b'{"n":1}')].unlink()
    terminal = Terminal(argv, geranos.environment(tmp_path, NO_COLOR=no_color))
    terminal.wait_for("1 failed")
    assert terminal.end() == 1
    assert terminal.screen.coloured == coloured
    assert digest_of(b'{"n":1}') in terminal.screen.text().replace("\n", "")


def test_findings_of_an_audit_stand_whole_above_its_progress(tmp_path, folder):
    for i in range(5):
        folder.put(BLOBS + f"no-digest-{i}", b"x")
    terminal = Terminal([geranos.binary(), "audit", "--all", "--to", folder.url],
                        geranos.environment(tmp_path), 200)
    assert terminal.end() == 1
    lines = [line for line in terminal.screen.lines if line.startswith("foreign")]
    assert sorted(line.split()[1] for line in lines) == [f"{BLOBS}no-digest-{i}" for i in range(5)]
    assert "read 0 of 5 objects" in terminal.screen.text().replace("\n", "")


def test_of_a_registry_in_which_nothing_was_found_no_store_is_said_to_lack_nothing(tmp_path, source,
                                                                                  folder):
    terminal = Terminal([geranos.binary(), "verify", "--from", source.host + "/none", "--to",
                         folder.url], geranos.environment(tmp_path), 200)
    assert terminal.end() == 1
    assert "there is no such repository" in terminal.screen.text()
    assert folder.url not in terminal.screen.text()


# ── A log ──


def run(tmp_path, argv, *options):
    return subprocess.run(list(map(str, [*argv, *options])), capture_output=True, text=True,
                          env=geranos.environment(tmp_path), timeout=120, check=False)


def test_elsewhere_each_event_is_a_line_of_json(tmp_path, registry, source, argv):
    missing = digest_of(b'{"n":1}')
    registry.blobs()[missing].unlink()
    done = run(tmp_path, argv, "--log-level", "debug")
    assert done.returncode == 1
    log = geranos.events(done.stderr)
    names = [e["event"] for e in log]
    assert names[:2] == ["started", "listed"]
    assert names[-1] == "summary"
    copied = {e["what"].partition("@")[2]: e["bytes"] for e in log if e["event"] == "copied"}
    assert copied == {d: len(b) for d, b in source.blobs.items() if d != missing}
    failure, = (e for e in log if e["event"] == "failure")
    assert failure["what"] == f"{registry.host}/team/application-1@{missing}"
    assert failure["level"] == "error" and "not found" in failure["why"]
    summary = log[-1]
    assert (summary["result"], summary["failed"], summary["blobs"]) == ("incomplete", 1, 11)
    assert summary["stores"][0]["missing"] == 1
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["time"]) for e in log)


@pytest.mark.parametrize("level, meant", [("info", ["started", "listed", "summary"]), ("error", [])])
def test_a_log_says_no_more_than_its_level(tmp_path, source, registry, folder, level, meant):
    argv = [geranos.binary(), "sync", "--from", registry.url, "--to", folder.url]
    done = run(tmp_path, argv, "--log-level", level)
    assert done.returncode == 0
    assert [e["event"] for e in geranos.events(done.stderr)] == meant


def moment(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))


@pytest.mark.slow
def test_every_ten_seconds_a_log_says_how_far_it_is(tmp_path, source, registry, folder):
    argv = [geranos.binary(), "sync", "--from", registry.url, "--to", folder.url,
            "--max-bandwidth", "350KiB"]
    log = geranos.events(run(tmp_path, argv).stderr)
    started, progress = (next(e for e in log if e["event"] == name)
                         for name in ("started", "progress"))
    seconds = moment(progress) - moment(started)
    assert seconds.total_seconds() >= 9.9
    assert 0 < progress["bytes"] < progress["bytes_known"] == 6 * 700_000 + 6 * 7
    assert progress["blobs_known"] == 12
    assert 0 < progress["bytes_per_second"] < 500_000


def test_what_cannot_be_opened_is_a_line_of_json_too(tmp_path):
    done = run(tmp_path, [geranos.binary(), "audit", "--to", "file:///no/such/directory"])
    assert done.returncode == 1
    line, = geranos.events(done.stderr)
    assert line["level"] == "error" and "no such directory" in line["message"]


# ── An end before the end ──


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_was_interrupted_goes_on_where_it_was(tmp_path, source, registry, argv, folder, number,
                                                   code):
    terminal = Terminal(argv, geranos.environment(tmp_path))
    terminal.wait_for(r"blobs ([7-9]|10)/12")
    terminal.process.send_signal(number)
    assert terminal.end() == code
    assert "run it again" in terminal.screen.text()
    assert "ETA" not in terminal.screen.text()
    there = folder.blobs()
    assert 0 < len(there) < 12
    assert all(source.blobs[digest] == data for digest, data in there.items())
    asked = len(registry.settled())
    assert run(tmp_path, argv).returncode == 0
    assert folder.blobs() == source.blobs
    again = {a.path.rpartition("/")[2] for a in registry.settled()[asked:] if "/blobs/" in a.path}
    assert again == set(source.blobs) - set(there)


def test_a_second_signal_ends_at_once(tmp_path, source, argv):
    terminal = Terminal(argv, geranos.environment(tmp_path))
    terminal.wait_for(r"\d+%  team")
    terminal.process.send_signal(signal.SIGINT)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() in (-signal.SIGINT, -signal.SIGTERM)
    assert "%" not in terminal.screen.text()


def test_a_verification_that_was_interrupted_says_nothing_is_missing(tmp_path, source, registry,
                                                                     folder):
    argv = [geranos.binary(), "verify", "--from", registry.url, "--to", folder.url,
            "--max-requests", "30/m"]
    process = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=geranos.environment(tmp_path))
    line = process.stderr.readline()
    assert json.loads(line)["event"] == "started"
    assert json.loads(process.stderr.readline())["event"] == "listed"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert json.loads(err.splitlines()[-1])["message"].startswith("interrupted")
