"""archeio diff: what a change of the configuration, or of the ranges, would do."""

import bz2
import gzip
import json
import lzma
import os
import subprocess

import pytest

from lib.archeio import binary, environment, run
from lib.store import status

PARIS, OREGON, NOWHERE = "192.0.2.10", "192.0.2.140", "203.0.113.9"

RANGES = """\
192.0.2.0/25 aws eu-west-3
192.0.2.128/26 aws us-west-2
192.0.2.192/26 aws us-west-2
198.51.100.0/24 gcp europe-west1
2001:db8::/32 aws eu-west-3
"""

SITE = """\
upstream:
  endpoint: https://registry.example.com
  path: public
  blobs_for: [gcp]
ranges:
  directory: {ranges}
stores:
  - {{name: paris, url: "https://paris.example.com", serves: [aws/eu-west-3]}}
  - {{name: oregon, url: "https://oregon.example.com", serves: [aws]}}
  - {{name: cdn, url: "https://cdn.example.com", serves: [default]}}
"""


@pytest.fixture
def site(tmp_path):
    """A function that writes a configuration: replacements in SITE, and what is added to it."""
    (tmp_path / "ranges").mkdir()
    (tmp_path / "ranges" / "own.txt").write_text(RANGES)

    def write(name, *replacements, more="", ranges="ranges"):
        text = SITE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / name
        file.write_text(text.format(ranges=tmp_path / ranges) + more)
        return file
    return write


def diff(old, new, *options, code, **more):
    done = run("diff", old, new, *options, **more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_nothing_differs(site, tmp_path):
    """Nor does a compiled snapshot differ from what it was made of."""
    old = site("old.yaml")
    assert diff(old, site("new.yaml", more="log: {level: debug}\n"), code=0) == (
        "Every request is answered as before.\n")
    snapshot = tmp_path / "snapshot"
    assert run("compile", "--config", old, "--output", snapshot).returncode == 0
    diff(old, snapshot, code=0)
    diff(snapshot, snapshot, code=0)


def test_a_store_that_serves_another_region(site):
    text = diff(site("old.yaml"), site("new.yaml", ("[aws/eu-west-3]", "[aws/us-west-2]")), code=1)
    assert ("paris, else upstream -> oregon, else upstream\n"
            "    blobs\n"
            "    for clients in 1 network, 2 prefixes, less than 0.01% of all IPv4 addresses:\n"
            "      aws/eu-west-3: 2 prefixes (192.0.2.0/25, 2001:db8::/32)\n") in text
    assert ("oregon, else upstream -> paris, else upstream\n"
            "    blobs\n"
            "    for clients in 1 network, 1 prefix, less than 0.01% of all IPv4 addresses:\n"
            "      aws/us-west-2: 1 prefix (192.0.2.128/25)\n") in text
    assert "gcp" not in text and "manifests" not in text


def test_ranges_that_say_something_else(site, tmp_path):
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "own.txt").write_text(
        RANGES.replace("192.0.2.192/26 aws us-west-2", "203.0.113.0/24 gcp us-central1"))
    text = diff(site("old.yaml"), site("new.yaml", ranges="later"), code=1)
    assert ("oregon, else upstream -> cdn, else upstream\n    blobs\n    for clients in 1 network, "
            "1 prefix, less than 0.01% of all IPv4 addresses:\n"
            "      aws/us-west-2 -> no known network: 1 prefix (192.0.2.192/26)\n") in text
    assert "cdn, else upstream -> upstream\n    blobs\n" in text
    assert "      no known network -> gcp/us-central1: 1 prefix (203.0.113.0/24)\n" in text


def test_what_concerns_everybody_is_said_of_all(site):
    """And of what is tried one after the other, that with which the difference begins."""
    text = diff(site("old.yaml"), site("new.yaml", ("path: public", "path: other")), code=1)
    assert text == (
        "upstream (https://registry.example.com/v2/public/) -> "
        "upstream (https://registry.example.com/v2/other/)\n"
        "    other paths, manifests, blobs, tags, referrers, signatures\n"
        "    for all clients\n\n")
    page = "pages: {info: 'https://new.example.com'}\n"
    text = diff(site("old.yaml"), site("new.yaml", more=page), code=1)
    assert "-> info page (https://new.example.com)\n    /\n    for all clients\n" in text


def routes(*lines):
    return "routes:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def test_routes_are_tried_with_what_they_are_about(site):
    text = diff(site("old.yaml"), site("new.yaml", more=routes(
        "name: e2e, when: {repository: 'e2e/**', kind: [blob, tags]}, to: [oregon, upstream]",
        "name: binaries, when: {host: dl.example.org, path: '/release/**'},"
        " to: {url: 'https://binaries.example.com', status: 302}",
        "name: blue, when: {header: {X-Team: blue, X-Stage: [a, b]}, kind: manifest},"
        " to: {status: 403}",
        "name: heads, when: {method: HEAD, path: /ping}, to: {status: 200}")), code=1)
    assert "cdn, else upstream -> oregon, else upstream\n    blobs of e2e/**\n" in text
    assert ("404 -> https://binaries.example.com (302)\n"
            "    /release/** at dl.example.org\n    for all clients\n") in text
    assert ("upstream -> 403\n    manifests with x-team: blue with x-stage: a, "
            "manifests with x-team: blue with x-stage: b\n") in text
    assert "404 -> 200\n    HEAD: /ping\n" in text
    assert "tags" not in text, "they go to the upstream as before"


def test_a_share_is_estimated(site):
    text = diff(site("old.yaml"), site("new.yaml", more=routes(
        "name: canary, when: {share: 25%, repository: 'team/*', kind: manifest},"
        " to: {url: 'https://canary.example.com'}")), code=1)
    assert text.startswith("upstream -> https://canary.example.com\n    manifests of team/* (about ")
    assert 18 <= float(text.split("about ")[1].split("%")[0]) <= 32
    assert text.endswith("%)\n    for all clients\n\n"), text


def test_a_network_that_a_route_names(site):
    text = diff(site("old.yaml"), site("new.yaml", more=routes(
        "name: own, when: {network: 203.0.113.0/24}, to: {status: 403}")), code=1)
    assert "      no known network: 1 prefix (203.0.113.0/24)\n" in text


def test_an_autonomous_system_that_a_route_names(site, tmp_path):
    """In a snapshot, too, which has the routing data in it."""
    (tmp_path / "ranges" / "own.asn").write_text("203.0.113.0/25 64500 LAB\n")
    old, snapshot = site("old.yaml"), tmp_path / "snapshot"
    new = site("new.yaml", more=routes("name: lab, when: {asn: as64500}, to: {status: 403}"))
    assert run("compile", "--config", new, "--output", snapshot).returncode == 0
    (tmp_path / "ranges" / "own.asn").unlink()
    text = diff(old, snapshot, code=1)
    assert "      no known network -> AS64500: 1 prefix (203.0.113.0/25)\n" in text
    assert "upstream -> 403\n    other paths, manifests, tags" in text
    (tmp_path / "ranges" / "own.asn").write_text("203.0.113.0/25 what\n")
    done = run("diff", old, new)
    assert done.returncode == 2 and "own.asn:1:16: error:" in done.stderr


def test_one_of_them_may_come_from_a_pipe(site):
    old = site("old.yaml")
    diff(old, "/dev/stdin", code=0, stdin=old.read_text())
    diff("/dev/stdin", old, code=1, stdin=old.read_text().replace("cdn.example", "cdn2.example"))


def test_of_many_differences_the_first_are_shown(site):
    """A thousand routes, and everything moves: that is no wall of text."""
    many = routes(*[f"name: r{n}, when: {{repository: 'team-{n}/**'}},"
                    f" to: {{url: 'https://{n}.example.com'}}" for n in range(1000)])
    text = diff(site("old.yaml"), site("new.yaml", more=many), code=1)
    assert len(text.split("\n")) < 400 and max(map(len, text.split("\n"))) < 600
    assert "\nAnd 4950 other moves.\n" in text


@pytest.mark.parametrize("arguments, message", [
    ([], "expected two files"),
    (["a"], "expected two files"),
    (["a", "b", "c"], "expected two files"),
    (["--what", "a", "b"], "unrecognized option"),
    (["/nonexistent", "/nonexistent"], "/nonexistent: error: cannot be read"),
])
def test_trouble_is_exit_code_2(arguments, message):
    done = run("diff", *arguments)
    assert done.returncode == 2 and done.stdout == "" and message in done.stderr


def test_what_is_neither_configuration_nor_snapshot_is_refused(site, tmp_path):
    old, bad = site("old.yaml"), tmp_path / "bad"
    for content, message in ((b"stores: 5\n", "bad:1:9: error:"),
                             (b"archeio\n" + bytes(100), "bad: error: snapshot: "),
                             (b"\x00\x01", "not UTF-8")):
        bad.write_bytes(content)
        for pair in ((old, bad), (bad, old)):
            done = run("diff", *pair)
            assert done.returncode == 2 and done.stdout == "" and message in done.stderr
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), "diff", old, old], stdout=full, stderr=subprocess.PIPE,
                              env=environment(), check=False)
    assert done.returncode == 2


# ── Logs ──

def digest(n):
    return f"sha256:{n:064x}"


@pytest.fixture
def logged(site, archeio, stand_in, tmp_path):
    """A real server's log, and a configuration that decides as it did: of stores that answer, paris
    has even digests, and oregon all."""
    paris = stand_in(lambda path, _: status(200 if path[-1] in "02468ace" else 404))
    oregon = stand_in(lambda path, _: status(200))
    server = archeio({
        "upstream": {"endpoint": "https://registry.example.com", "path": "public",
                     "blobs_for": ["gcp"]},
        "ranges": {"directory": str(tmp_path / "ranges")},
        "log": {"access": str(tmp_path / "server" / "access.log")},
        "stores": [{"name": "paris", "url": paris.url, "serves": ["aws"]},
                   {"name": "oregon", "url": oregon.url, "serves": ["aws"]}]},
        directory=tmp_path / "server")
    for n in range(20):
        server.request(f"/v2/team/app/blobs/{digest(n)}", client=PARIS)
    for n in range(10):
        server.request(f"/v2/other/blobs/{digest(n)}", client=NOWHERE)
        server.request(f"/v2/other/manifests/{n}", "HEAD", client=OREGON)
        server.request("http://dl.example.org/release/file", client=OREGON)
    server.exchange(b"GET / HTTP/1.1\r\nbad\r\n\r\n")
    server.stop()
    return server.access_path, site("old.yaml", ("https://paris.example.com", paris.url),
                                    ("https://oregon.example.com", oregon.url),
                                    ("serves: [aws/eu-west-3]", "serves: [aws]"),
                                    ("serves: [default]", "serves: []"))


def test_a_log_tells_what_share_of_the_requests_moves(site, logged):
    log, old = logged
    text = diff(old, old, "--log", log, code=0)
    assert f"{log}: 50 requests replayed, of which 0 (0.00%) would be answered otherwise." in text
    assert "1 request was left out: it was refused before a decision was made.\n" in text
    new = old.parent / "new.yaml"
    text = old.read_text()
    new.write_text(text.replace("{name: oregon", "{name: ohio") + routes(
        "name: others, when: {repository: other, kind: manifest}, to: {status: 404}",
        "name: files, when: {host: dl.example.org}, to: {url: 'https://files.example.com'}"))
    text = diff(old, new, "--log", log, code=1).split("replayed, of which ")[1]
    assert text.startswith("20 (40.00%) would be answered otherwise.\n")
    for row in ("        10  20.0%  upstream -> 404\n",
                "        10  20.0%  404 -> https://files.example.com\n",
                "        10  20.0%  other\n",
                "        10  20.0%  dl.example.org/release\n",
                "        20  40.0%  aws/us-west-2\n"):
        assert row in text, text


def test_what_a_store_had_is_what_the_log_says(logged):
    """Ten blobs were in the second store only, so taking the first away moves the other ten."""
    log, old = logged
    new = old.parent / "new.yaml"
    lines = old.read_text().split("\n")
    new.write_text("\n".join(line for line in lines if "name: paris" not in line))
    text = diff(old, new, "--log", log, code=1)
    assert "50 requests replayed, of which 10 (20.00%)" in text
    assert "        10  20.0%  paris -> oregon\n" in text
    new.write_text("\n".join(line for line in lines if "name: oregon" not in line))
    text = diff(old, new, "--log", log, code=1)
    assert "        10  20.0%  oregon -> upstream\n" in text, "paris did not have them"


def test_where_the_log_does_not_say_every_store_is_taken_to_have_it(logged):
    log, old = logged
    new = old.parent / "new.yaml"
    new.write_text(old.read_text().replace("serves: [aws]}", "serves: [aws, default]}"))
    text = diff(old, new, "--log", log, code=1)
    assert "        10  20.0%  upstream -> paris\n" in text
    assert "Whether a store had the blob of 10 of them, the log does not say:" in text


def test_of_a_store_that_is_new_the_log_says_nothing(logged):
    log, old = logged
    new = old.parent / "new.yaml"
    new.write_text(old.read_text().replace('paris, url: "http:', 'lyon, url: "https:'))
    text = diff(old, new, "--log", log, code=1)
    assert "        10  20.0%  paris -> lyon\n" in text
    assert "        10  20.0%  oregon -> lyon\n" in text
    assert "Whether a store had the blob of 20 of them, the log does not say:" in text


def test_hostile_lines_are_counted_and_passed_over(logged, tmp_path):
    log, old = logged
    good = log.read_bytes().split(b"\n")
    record = json.loads(good[0])
    hostile = [b"", b"\x00" * 40, b"{" * 100000, b"[]", b"null", b'"x"', b"{}", b"\xff\xfe{}",
               b'{"client": "nobody", "method": "GET", "path": "/", "reason": "R2"}',
               b'{"client": "192.0.2.1", "method": 5, "path": "/", "reason": "R2"}',
               json.dumps({**record, "path": "/" + "a" * 8192}).encode(),
               json.dumps({**record, "path": "\x00"}).encode(),
               good[0][:-5], good[0] + b"x"]
    long = [b'"' + b"x" * (256 << 10) + b'"', b"y" * (2 << 20)]
    odd = [json.dumps({**record, "path": path, "host": host}).encode()
           for path in ("", "x", "*", "//", "/v2//", "/v2/\x1b[2J", "http://", "/\ufffd")
           for host in ("", "\x1b[2J", "a" * 9000)]
    file = tmp_path / "hostile.log"
    file.write_bytes(b"\n".join(hostile + long + odd + good))
    new = old.parent / "new.yaml"
    new.write_text(old.read_text() + routes("name: all, to: {status: 503}"))
    text = diff(old, new, "--log", file, code=1)
    assert f"{50 + len(odd)} requests replayed" in text and "\x1b" not in text
    assert (f"{len(hostile) + len(long)} lines were passed over, the first of them line 1: "
            f"{len(hostile)} are no records of an\naccess log, {len(long)} are longer") in text
    assert diff(old, new, "--log", "-", code=1, stdin=log.read_text()).count(" -> 503\n") > 5
    file.write_bytes(b"\n".join(good + hostile[:1]))
    text = diff(old, new, "--log", file, code=1)
    assert f"\nLine {len(good)} was passed over: it is no record of an access log.\n" in text


def test_a_file_that_is_no_log_is_trouble(site, tmp_path):
    old = site("old.yaml")
    for name, message in ((old, "there is no record of an access log in it"),
                          (tmp_path / "none", "none: error: cannot be read: No such file"),
                          (tmp_path, "error: cannot be read: Is a directory"),
                          ("/dev/null", "there is no record of an access log in it")):
        done = run("diff", "--log", name, old, old)
        assert done.returncode == 2 and message in done.stderr, done.stderr


@pytest.mark.parametrize("data, name, unpack", [
    (gzip.compress(b"{}\n"), "gzip", "zcat"),
    (bz2.compress(b"{}\n"), "bzip2", "bzcat"),
    (lzma.compress(b"{}\n"), "xz", "xzcat"),
    (b"\x28\xb5\x2f\xfd\x24\x03", "zstd", "zstdcat"),
])
def test_of_a_compressed_log_it_is_said_how_to_unpack_it(site, tmp_path, data, name, unpack):
    old = site("old.yaml")
    (tmp_path / "access.log.1").write_bytes(data)
    done = run("diff", "--log", tmp_path / "access.log.1", old, old)
    assert done.returncode == 2
    assert (f"access.log.1: error: it is compressed ({name}); unpack it on its way: "
            f"{unpack} FILE | archeio diff --log - OLD NEW\n") in done.stderr


def test_memory_does_not_grow_with_the_log(site):
    """A hundred thousand repositories, none twice: no more memory than for a thousand."""
    old, new = site("old.yaml"), site("new.yaml", ("path: public", "path: other"))

    def peak(lines):
        read, write = os.pipe()
        child = subprocess.Popen([binary(), "diff", "--log", "-", old, new], stdin=read,
                                 stdout=subprocess.PIPE, text=True,
                                 env=environment({"ASAN_OPTIONS": "quarantine_size_mb=1"}))
        os.close(read)
        with os.fdopen(write, "w") as to:
            for n in range(lines):
                to.write('{"client":"192.0.2.10","method":"GET","host":"","reason":"R9",'
                         '"path":"/v2/r%d/tags/list","store":"","cache":""}\n' % n)
        out = child.stdout.read()
        _, code, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(code)
        assert child.returncode == 1 and f"{lines} requests replayed, of which {lines}" in out
        assert "  and more than 1004 more\n" in out or lines <= 1024
        return usage.ru_maxrss
    small, large = peak(1000), peak(100000)
    assert large < small + 16 * 1024, f"{small} KiB, then {large} KiB"
