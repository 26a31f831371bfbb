"""The ranges: what `archeio ranges` and `archeio compile` do with a directory, and with servers."""

import ipaddress
import json
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from lib.archeio import run, to_yaml
from lib.ports import wait_until
from lib.publisher import Publisher

PUBLISHED = os.environ.get("ARCHEIO_TEST_RANGES")
FILES = {"aws": "aws-ip-ranges.json", "gcp": "gcp-cloud.json", "azure": "azure-service-tags.json"}


def aws(*prefixes):
    return json.dumps({"syncToken": "1700000000", "ipv6_prefixes": [], "prefixes": [
        {"ip_prefix": p, "region": r, "service": "AMAZON"} for p, r in prefixes]}, indent=2)


def gcp(*prefixes):
    return json.dumps({"syncToken": "1700000000000", "prefixes": [
        {"ipv4Prefix" if "." in p else "ipv6Prefix": p, "scope": r} for p, r in prefixes]})


def azure(*prefixes):
    return json.dumps({"values": [
        {"name": f"AzureCloud.{r}", "properties": {"region": r, "addressPrefixes": [p]}}
        for p, r in prefixes]})


def answers(done):
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "ranges"
    path.mkdir()
    return path


def generated(path):
    """Files of the size and nesting of the published ones."""
    random_ = random.Random(26900)

    def prefixes(n, first, longest):
        for i in range(n):
            bits = random_.randint(16, longest)
            yield ipaddress.ip_network(
                (f"{first + i % 40}.{random_.randrange(256)}.{random_.randrange(256)}.0", bits),
                strict=False)

    def files():
        yield "aws", aws(*((str(n), f"region-{i % 30}") for i, n in enumerate(
            prefixes(10000, 3, 24))))
        yield "gcp", gcp(*((str(n), f"region-{i % 40}") for i, n in enumerate(
            prefixes(900, 43, 24))))
        yield "azure", azure(*((str(n), f"region{i % 60}") for i, n in enumerate(
            prefixes(16000, 83, 24))))

    path.mkdir()
    for cloud, text in files():
        (path / FILES[cloud]).write_text(text)
    return path


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A directory of the published files; in a user's clone, where they are missing, of generated
    ones."""
    if PUBLISHED:
        return Path(PUBLISHED)
    assert not os.environ.get("CI"), "ARCHEIO_TEST_RANGES names no directory of published files"
    print("ARCHEIO_TEST_RANGES names no directory: generated files of the same size are used")
    return generated(tmp_path_factory.mktemp("full") / "ranges")


# Lookups

def test_the_longest_prefix_answers_and_what_is_unknown_gets_dashes(directory):
    (directory / FILES["aws"]).write_text(aws(("10.0.0.0/8", "GLOBAL"), ("10.1.0.0/16", "r1")))
    (directory / "own.txt").write_text("10.1.2.0/24 office here\n2001:db8::/32 office\n")
    done = run("ranges", "lookup", "--directory", directory,
               "10.9.9.9", "10.1.9.9", "10.1.2.3", "2001:db8::1", "192.0.2.1")
    assert done.returncode == 0, done.stderr
    assert answers(done) == [
        ("10.9.9.9", "aws", "-", "10.0.0.0/8"),
        ("10.1.9.9", "aws", "r1", "10.1.0.0/16"),
        ("10.1.2.3", "office", "here", "10.1.2.0/24"),
        ("2001:db8::1", "office", "-", "2001:db8::/32"),
        ("192.0.2.1", "-", "-", "-"),
    ]


def test_a_line_that_is_no_address_is_named_and_the_others_are_answered(directory):
    (directory / "own.txt").write_text("10.0.0.0/8 office\n")
    done = run("ranges", "lookup", "--directory", directory, "-",
               stdin="10.0.0.1\n010.0.0.1\n\x1b[31m\n  10.0.0.2 \r\n\n10.0.0.3")
    assert done.returncode == 1
    assert [a[1] for a in answers(done)] == ["office", "-", "-", "office", "-", "office"]
    for number in (2, 3, 5):
        assert f"archeio: error: line {number}: \"" in done.stderr
    assert 'line 2: "010.0.0.1" is no IP address; expected one such as 192.0.2.1' in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_every_published_prefix_is_found_as_python_finds_it(full):
    table = {}
    for cloud, name in FILES.items():
        data = json.loads((full / name).read_text())
        if cloud == "azure":
            found = [(p, v["properties"]["region"]) for v in data["values"]
                     for p in v["properties"]["addressPrefixes"]]
        elif cloud == "gcp":
            found = [(p.get("ipv4Prefix") or p["ipv6Prefix"], p["scope"]) for p in data["prefixes"]]
        else:
            found = [(p["ip_prefix"], p["region"]) for p in data["prefixes"]]
            found += [(p["ipv6_prefix"], p["region"]) for p in data["ipv6_prefixes"]]
        for prefix, region in found:
            region = "-" if region in ("GLOBAL", "global") else region
            network = ipaddress.ip_network(prefix, strict=False)
            table.setdefault(network, set()).add((cloud, region))
    lines = [str(n.network_address) for n in table]
    done = run("ranges", "lookup", "--directory", full, "-", stdin="\n".join(lines))
    assert done.returncode == 0, done.stderr
    for network, (address, cloud, region, prefix) in zip(table, answers(done), strict=True):
        match = ipaddress.ip_network(prefix)
        assert ipaddress.ip_address(address) in match
        # The longest that holds its first address: itself, or one inside that begins there.
        assert match.prefixlen >= network.prefixlen and (cloud, region) in table[match]
        inside = [n for n in (ipaddress.ip_network((address, bits)) for bits in
                              range(match.prefixlen + 1, match.max_prefixlen + 1)) if n in table]
        assert not inside
    shown = run("ranges", "show", "--directory", full)
    assert shown.returncode == 0, shown.stderr
    assert f"{len(table)} prefixes" in shown.stdout


def test_a_hundred_thousand_lines_get_as_many_answers(full):
    text = "".join(f"{i % 223 + 1}.{i >> 8 & 255}.{i & 255}.7\n" for i in range(100000))
    done = run("ranges", "lookup", "--directory", full, "-", stdin=text)
    assert done.returncode == 0
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == text.split()


# Files

def test_a_bad_file_is_refused_with_its_position_and_the_others_load(directory):
    (directory / FILES["gcp"]).write_text(gcp(("10.0.0.0/8", "g")))
    (directory / FILES["aws"]).write_text('{"prefixes": [\n  {"ip_prefix": 7, "region": "r"}],\n'
                                          ' "ipv6_prefixes": []}')
    done = run("ranges", "lookup", "--directory", directory, "10.0.0.1")
    assert answers(done) == [("10.0.0.1", "gcp", "g", "10.0.0.0/8")]
    assert done.returncode == 1
    assert f"{directory / FILES['aws']}:2:17: error: prefixes[0].ip_prefix: is no string" \
        in done.stderr
    shown = run("ranges", "show", "--directory", directory)
    assert shown.returncode == 1


def test_show_counts_duplicates_conflicts_host_bits_and_nesting(directory):
    (directory / FILES["aws"]).write_text(aws(
        ("10.0.0.0/8", "a"), ("10.0.0.0/8", "a"), ("10.0.0.0/8", "b"), ("10.1.0.7/16", "b")))
    done = run("ranges", "show", "--directory", directory)
    assert done.returncode == 0
    row = next(x for x in done.stdout.splitlines() if x.startswith(FILES["aws"])).split()
    assert row == [FILES["aws"], "aws", "2023-11-14T22:13:20Z", "2", "1", "1", "1"]
    assert "1 of them lie inside one with another answer" in done.stdout


@pytest.mark.parametrize("arguments", [
    [], ["nothing"], ["lookup"], ["update", "x"], ["update", "--snapshot", "x"], ["show", "--what"],
    ["lookup", "--snapshot", "x", "--directory", "y", "10.0.0.1"]])
def test_wrong_usage_is_said_and_exits_2(arguments):
    done = run("ranges", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("archeio ranges: ")
    assert done.stderr.endswith("\n`archeio ranges --help` says what is right.\n")


def test_a_missing_directory_is_a_warning(tmp_path):
    missing = tmp_path / "none"
    done = run("ranges", "lookup", "--directory", missing, "10.0.0.1")
    assert done.returncode == 0
    assert answers(done) == [("10.0.0.1", "-", "-", "-")]
    shown = run("ranges", "show", "--directory", missing)
    assert shown.returncode == 0 and "\n0 prefixes" in shown.stdout
    assert done.stderr == shown.stderr == (
        f"{missing}: warning: does not exist yet; `archeio ranges update` makes and fills it\n")


@pytest.mark.parametrize("arguments", [["show"], ["lookup", "10.0.0.1"]])
@pytest.mark.parametrize("path,says", [("file", "is no directory"),
                                       ("file/ranges", "cannot be read: Not a directory")])
def test_what_is_no_directory_is_refused(tmp_path, arguments, path, says):
    (tmp_path / "file").write_text("10.0.0.0/8 office\n")
    done = run("ranges", *arguments, "--directory", tmp_path / path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"{tmp_path / path}: error: {says}; expected a directory")


# Snapshots

def test_a_compiled_snapshot_answers_as_its_directory_does(directory, tmp_path):
    (directory / "own.txt").write_text("10.0.0.0/8 office\n10.1.0.0/16 office here\n")
    config, output = tmp_path / "c.yaml", tmp_path / "snapshot"
    config.write_text(to_yaml({"ranges": {"directory": str(directory)}}) + "\n")
    done = run("compile", "--config", config, "--output", output)
    assert done.returncode == 0, done.stderr
    assert f"{output}: " in done.stdout and " 2 prefixes, " in done.stdout
    assert f"{output.stat().st_size} bytes" in done.stdout
    addresses = ("10.1.2.3", "10.2.3.4", "192.0.2.1")
    assert run("ranges", "lookup", "--snapshot", output, *addresses).stdout == \
        run("ranges", "lookup", "--directory", directory, *addresses).stdout
    output.write_bytes(output.read_bytes()[:-1])
    broken = run("ranges", "lookup", "--snapshot", output, "10.1.2.3")
    assert broken.returncode == 1 and f"{output}: error: snapshot: " in broken.stderr


def test_nothing_is_compiled_from_a_bad_file(directory, tmp_path):
    (directory / "own.txt").write_text("10.0.0.0/99 office\n")
    done = run("compile", "--output", tmp_path / "snapshot", env={"ARCHEIO_RANGES": str(directory)})
    assert done.returncode == 1 and "own.txt:1:1: error:" in done.stderr
    assert not (tmp_path / "snapshot").exists()


# Updates

@pytest.fixture
def publisher(tmp_path):
    one = Publisher(tmp_path)
    one.files = {"/aws": aws(*((f"10.0.{i}.0/24", "a") for i in range(10))),
                 "/gcp": gcp(("192.0.2.0/24", "g"), ("2001:db8::/32", "global")),
                 "/azure": f'<a href="{one.url}/x/ServiceTags_Public_20260727.json">',
                 "/x/ServiceTags_Public_20260727.json": azure(("198.51.100.0/24", "z"))}
    yield one
    one.close()


def update(directory, publisher, **env):
    return run("ranges", "update", "--directory", directory, env=publisher.env | env)


def test_an_update_writes_what_is_missing_and_then_only_asks(directory, publisher):
    first = update(directory, publisher)
    assert first.returncode == 0, first.stderr
    assert (directory / FILES["aws"]).read_text() == publisher.files["/aws"]
    assert (directory / FILES["azure"]).exists()
    lines = [line.split() for line in first.stdout.splitlines()]
    assert ["aws", "a", "+10", "-0"] in lines and ["gcp", "-", "+1", "-0"] in lines
    publisher.requests.clear()
    second = update(directory, publisher)
    assert second.returncode == 0 and second.stdout == "unchanged: aws, gcp, azure\n"
    asked = dict(publisher.requests)
    for path in ("/aws", "/gcp", "/x/ServiceTags_Public_20260727.json"):
        assert "If-None-Match" in asked[path] and "If-Modified-Since" in asked[path]


def test_an_update_prints_what_changed_per_cloud_and_region(directory, publisher):
    update(directory, publisher)
    publisher.files["/gcp"] = gcp(("192.0.2.0/24", "h"), ("2001:db8::/32", "global"),
                                  ("203.0.113.0/24", "h"))
    done = update(directory, publisher)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [["gcp:", "3", "prefixes,", "+2", "-1"], ["gcp", "g", "+0", "-1"],
                     ["gcp", "h", "+2", "-0"], ["unchanged:", "aws,", "azure"]]


@pytest.mark.parametrize("body,status,why", [
    ("<html>busy</html>", 200, "is no JSON"),
    ('{"prefixes": [', 200, "is no JSON"),
    ("", 200, "is no JSON"),
    (gcp(("192.0.2.0/24", "g")), 200, "its name says aws"),
    (aws(("10.0.0.0/24", "a")), 200, "ranges.max_shrink"),
    ("gone", 404, "the server answered 404"),
    ("http://127.0.0.1:1/", 302, "127.0.0.1"),
])
def test_a_bad_answer_keeps_the_old_file_and_the_others_are_updated(directory, publisher, body,
                                                                    status, why):
    update(directory, publisher)
    old = publisher.files["/aws"]
    publisher.files["/aws"], publisher.statuses["/aws"] = body, status
    publisher.files["/gcp"] = gcp(("192.0.2.0/24", "h"), ("2001:db8::/32", "global"))
    done = update(directory, publisher)
    assert done.returncode == 1 and why in done.stderr
    assert (directory / FILES["aws"]).read_text() == old
    assert (directory / FILES["gcp"]).read_text() == publisher.files["/gcp"]


def test_only_https_with_a_known_certificate_is_fetched(directory, publisher):
    plain = update(directory, publisher, ARCHEIO_RANGES_AWS_URL="http://127.0.0.1:1/aws")
    assert plain.returncode == 1 and "only https:// addresses" in plain.stderr
    unknown = update(directory, publisher, SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")
    assert unknown.returncode == 1 and "certificate" in unknown.stderr.lower()


def test_a_directory_that_cannot_be_written_is_an_error(publisher):
    done = update("/dev/null/ranges", publisher)
    assert done.returncode == 1 and "cannot be written" in done.stderr


# A running server

STORES = {"upstream": {"endpoint": "https://upstream.example", "blobs_for": ["gcp"]},
          "ranges": {"refresh": "24h"}}
BLOB = "/v2/x/blobs/sha256:" + "0" * 64


def test_a_server_without_ranges_fetches_them_and_reloads_them(archeio, publisher):
    server = archeio(STORES, env=publisher.env)
    directory = server.directory / "ranges"
    wait_until(lambda: server.metric("archeio_ranges_prefixes") == 13, 15, "the ranges in use")
    assert sorted(p.name for p in directory.glob("*.json")) == sorted(FILES.values())
    (directory / "own.txt").write_text("203.0.113.0/24 office\n")
    server.reload()
    wait_until(lambda: server.metric("archeio_ranges_prefixes") == 14, 15, "the reload")


def test_a_server_that_cannot_write_holds_the_ranges_in_memory(archeio, publisher):
    config = STORES | {"ranges": {"refresh": "24h", "directory": "/dev/null/ranges"}}
    server = archeio(config, env=publisher.env)
    wait_until(lambda: server.metric("archeio_ranges_prefixes") == 13, 15, "the ranges in use")
    before = server.metric("archeio_generation")
    server.reload()
    wait_until(lambda: server.metric("archeio_generation") > before, 15, "the reload")
    assert server.metric("archeio_ranges_prefixes") == 13
    assert "kept in memory" in server.output()


def test_a_server_serves_while_its_update_hangs_and_ends_without_waiting(archeio, publisher):
    """Nothing answers before the server has ended, and a download may take longer than stop()."""
    publisher.answering.clear()
    server = archeio(STORES, env=publisher.env)
    wait_until(lambda: publisher.requests, 10, "the first download")
    assert server.request("/v2/").status == 200
    server.stop()


def test_a_failed_update_keeps_the_data_and_says_so(archeio, publisher, tmp_path):
    directory = tmp_path / "kept"
    directory.mkdir()
    (directory / FILES["gcp"]).write_text(gcp(("192.0.2.0/24", "g")))
    os.utime(directory / FILES["gcp"], (1, 1))
    publisher.statuses = {"/aws": 500, "/gcp": 500, "/azure": 500}
    config = STORES | {"ranges": {"refresh": "24h", "directory": str(directory)}}
    server = archeio(config, env=publisher.env)
    wait_until(lambda: (server.metric("archeio_ranges_update_failures_total") or 0) >= 3, 15,
               "three failures")
    assert server.metric("archeio_ranges_prefixes") == 1
    assert f"{FILES['gcp']} not updated, the old data stays: https://" in server.output()
    assert f"{FILES['aws']} not updated, and there is no older data: https://" in server.output()
    shutil.rmtree(directory)


@pytest.mark.parametrize("age", [-1, 0, 1, 2, 40])
def test_the_banner_says_from_which_day_the_oldest_file_is(archeio, tmp_path, age):
    day = 86400

    def said(now):
        days = int(now) // day - modified // day
        return {0: "today", 1: "yesterday"}.get(max(days, 0), f"{days} days ago")

    directory = tmp_path / "aged"
    directory.mkdir()
    (directory / "own.txt").write_text("10.0.0.0/8 office\n")
    modified = int(time.time()) - age * day
    os.utime(directory / "own.txt", (modified, modified))
    server = archeio(STORES | {"ranges": {"refresh": "0s", "directory": str(directory)}})
    wait_until(lambda: "metrics:" in server.output(), 10, "the banner")
    lines = [f"  ranges:   1 prefix, the oldest file is from {said(now)}\n"
             for now in (modified + age * day, time.time())]  # midnight may lie between
    assert any(line in server.output() for line in lines), server.output()


def test_a_reload_switches_the_update_on(archeio, publisher):
    off = STORES | {"ranges": {"refresh": "0s"}}
    server = archeio(off, env=publisher.env)
    assert not server.metric("archeio_ranges_prefixes") and not publisher.requests
    server.write(STORES)
    server.reload()
    wait_until(lambda: server.metric("archeio_ranges_prefixes") == 13, 15, "the ranges in use")
