"""Whose autonomous system a client is in, and what routes make of it. Each scenario opens with the
sentence that it proves."""

import ipaddress
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from lib.archeio import run, to_yaml
from lib.mmdb import write_mmdb
from lib.ports import wait_until

MANIFEST = "/v2/team/app/manifests/v1"
OWN = "192.0.2.0/24 aws here\n198.51.100.0/24 lab\n"

# What is announced: the span, the number, the name.
SPANS = [
    ("192.0.2.0", "192.0.2.255", 64501, "Another, Inc."),  # published as aws
    ("198.51.100.0", "198.51.100.127", 64500, "Amazon"),  # published as what no provider has
    ("203.0.113.0", "203.0.113.63", 64501, "Another, Inc."),
    ("203.0.113.64", "203.0.113.127", 4294967294, "Large"),
    ("203.0.113.128", "203.0.113.191", 64511, "Unasked"),
    ("2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", 64500, "Amazon"),
]
ROUTES = {"amazon": {"provider": ["amazon"]}, "big": {"provider": ["big"]},
          "large": {"asn": ["as4294967294"]}}
PROVIDERS = {"amazon": ["aws", "as64500"], "big": ["as64501", "as64502"]}
WANTED = {"192.0.2.1": "amazon", "192.0.2.200": "amazon", "198.51.100.1": "amazon",
          "198.51.100.200": "upstream", "203.0.113.1": "big", "203.0.113.65": "large",
          "203.0.113.129": "upstream", "203.0.113.193": "upstream", "2001:db8:1::7": "amazon",
          "2001:db8:2::7": "upstream", "8.8.8.8": "upstream"}
PUBLISHED_ONLY = {client: "amazon" if client.startswith("192.0.2.") else "upstream"
                  for client in WANTED}


def site(directory):
    return {"upstream": {"endpoint": "https://upstream.example"},
            "ranges": {"directory": str(directory), "refresh": "0s"}, "providers": PROVIDERS,
            "routes": [{"name": name, "when": when, "to": {"url": f"https://{name}.example"}}
                       for name, when in ROUTES.items()]}


def write_csv(file, spans):
    file.write_text("".join(f'{first},{last},{asn},"{name}"\n' for first, last, asn, name in spans))


def write_table(file, spans):
    with file.open("w") as out:
        for first, last, asn, name in spans:
            for prefix in ipaddress.summarize_address_range(ipaddress.ip_address(first),
                                                            ipaddress.ip_address(last)):
                out.write(f"{prefix} AS{asn} {name}\n")


def write_databases(file, spans):
    """One for each family, as some publish them; with what is in both, the first by name counts."""
    ipv4 = [span for span in spans if ":" not in span[0]]
    write_mmdb(file.with_name("ipv4.mmdb"), ipv4, ip_version=4, record_size=24)
    write_mmdb(file.with_name("ipv6.mmdb"), [s for s in spans if s not in ipv4], record_size=32)


FORMATS = {
    "table": lambda directory, spans: write_table(directory / "x.asn", spans),
    "csv": lambda directory, spans: write_csv(directory / "asn-x.csv", spans),
    "mmdb-24": lambda directory, spans: write_mmdb(directory / "x.mmdb", spans, record_size=24),
    "mmdb-28": lambda directory, spans: write_mmdb(directory / "x.mmdb", spans, record_size=28),
    "mmdb-32": lambda directory, spans: write_mmdb(directory / "x.mmdb", spans, record_size=32),
    "mmdb-families": lambda directory, spans: write_databases(directory / "x.mmdb", spans),
}


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "ranges"
    path.mkdir()
    (path / "own.txt").write_text(OWN)
    return path


def where(location):
    """The name of the host that a client is sent to: a route's, or "upstream"."""
    return location.removeprefix("https://").split(".", 1)[0]


def answers(server, clients=None):
    return {client: where(server.request(MANIFEST, client=client).location)
            for client in clients or WANTED}


@pytest.mark.parametrize("form", FORMATS)
def test_published_ranges_win_and_then_the_autonomous_system_whatever_file_names_it(
        archeio, directory, form):
    """A provider has clouds and numbers: a client that a cloud of a provider publishes is that
    provider's, whoever announces it; others are whose number routing data say. Numbers are of 32
    bits; what nobody asks for is told apart from nobody."""
    FORMATS[form](directory, SPANS)
    server = archeio(site(directory))
    assert answers(server) == WANTED
    assert "error" not in server.output() and "warning" not in server.output()


def test_nobody_is_of_number_0_and_the_longest_prefix_of_all_files_counts(archeio, directory):
    """A file of one's own corrects what others say: the same prefixes, longer ones, or nobody's."""
    write_mmdb(directory / "a.mmdb", SPANS)
    (directory / "z.asn").write_text(
        "203.0.113.0/26 AS4294967294 # is another's now\n203.0.113.64/27 AS0\n"
        "203.0.113.192/26 64500\n")
    server = archeio(site(directory))
    assert answers(server) == WANTED | {"203.0.113.1": "large", "203.0.113.65": "upstream",
                                        "203.0.113.193": "amazon"}


BROKEN = {
    "x.asn": (b"203.0.113.0/26 64501\n203.0.113.64/26 4294967296\n",
              '/x.asn:2:17: error: "4294967296" is no number of an autonomous system'),
    "asn.csv": (b"203.0.113.0,203.0.113.63,64501,A\n203.0.113.64/26,4294967294\n",
                '/asn.csv:2:1: error: "203.0.113.64/26" begins no span of addresses'),
    "x.mmdb": (b"GeoLite2-ASN", "/x.mmdb: error: is refused: is no database of MaxMind's format"),
    "empty.asn": (b"# nothing yet\n", "/empty.asn: error: holds no prefixes"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_file_is_refused_with_its_position_and_the_others_count(
        archeio, directory, name):
    """serve starts without it and says so; compile, whose work would be used for long, does not."""
    content, message = BROKEN[name]
    (directory / name).write_bytes(content)
    write_csv(directory / "asn-good.csv", SPANS[1:2])
    server = archeio(site(directory))
    assert message in server.output()
    assert answers(server) == PUBLISHED_ONLY | {"198.51.100.1": "amazon"}
    snapshot = directory / "snapshot"
    done = run("compile", "--config", server.file, "--output", snapshot)
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert not snapshot.exists()


def test_a_database_that_is_cut_off_or_of_another_kind_is_refused(archeio, directory):
    write_mmdb(directory / "cut.mmdb", SPANS)
    whole = (directory / "cut.mmdb").read_bytes()
    (directory / "cut.mmdb").write_bytes(whole[:len(whole) // 2])
    (directory / "other.mmdb").write_bytes(
        whole.replace(b"autonomous_system_number", b"autonomous_system_nomber"))
    server = archeio(site(directory))
    assert "/cut.mmdb: error: is refused: " in server.output()
    assert "/other.mmdb: error: is refused: it has no autonomous_system_number" in server.output()
    assert answers(server) == PUBLISHED_ONLY


def test_without_any_file_serve_says_so_and_goes_on(archeio, directory):
    """Published ranges still count, and a file that comes later does after a reload."""
    server = archeio(site(directory))
    assert (f"{directory}: warning: routes or providers name autonomous systems, and no file here "
            "says which addresses are theirs") in server.output()
    assert answers(server) == PUBLISHED_ONLY
    write_mmdb(directory / "x.mmdb", SPANS)
    server.reload()
    wait_until(lambda: answers(server) == WANTED, what="the new file")


def test_nothing_is_said_and_nothing_read_where_nobody_asks(archeio, directory):
    """Without a route there is nobody to ask for numbers, and files that are broken do no harm."""
    (directory / "x.mmdb").write_bytes(b"nonsense")
    config = site(directory)
    config["routes"] = []
    server = archeio(config)
    assert answers(server) == {client: "upstream" for client in WANTED}
    assert "x.mmdb" not in server.output() and "warning" not in server.output()


def test_a_reload_brings_new_data_and_a_bad_file_no_harm(archeio, directory):
    """From one file to another, in either direction, while the old answers go on until then."""
    write_table(directory / "x.asn", SPANS)
    server = archeio(site(directory))
    moved = [(first, last, 64501 if asn == 64500 else asn, name) for first, last, asn, name in SPANS]
    part = directory / "x.asn.part"
    write_table(part, moved)
    part.rename(directory / "x.asn")
    assert answers(server) == WANTED
    server.reload()
    wait_until(lambda: answers(server) == WANTED | {"198.51.100.1": "big", "2001:db8:1::7": "big"},
               what="the new table")
    part.write_text("nonsense\n")
    part.rename(directory / "x.asn")
    server.reload()
    wait_until(lambda: '/x.asn:1:1: "nonsense" is no prefix' in server.output(), what="the refusal")
    wait_until(lambda: answers(server) == PUBLISHED_ONLY, what="what is left")


def test_a_confined_server_reads_databases_on_a_reload(archeio):
    """What the library needs for that (a file in memory, which it maps) is among what it keeps."""
    home = Path(tempfile.mkdtemp(prefix="archeio-"))
    try:
        home.chmod(0o755)
        ranges = home / "ranges"
        ranges.mkdir()
        (ranges / "own.txt").write_text(OWN)
        write_mmdb(ranges / "x.mmdb", SPANS[:2])
        server = archeio(site(ranges), directory=home / "archeio",
                         env={"ARCHEIO_USER": "nobody" if os.geteuid() == 0 else ""})
        assert "confined: user " in server.output()
        write_mmdb(ranges / "x.mmdb", SPANS)
        server.reload()
        wait_until(lambda: answers(server) == WANTED, what="the new database")
        assert "error" not in server.output()
        server.stop()
    finally:
        shutil.rmtree(home)


# ── Snapshots ──


def test_compile_puts_it_all_into_one_file(archeio, directory, tmp_path):
    """A server with that file alone answers the same: neither ranges nor routing data are there."""
    write_mmdb(directory / "x.mmdb", SPANS)
    (tmp_path / "site.yaml").write_text(to_yaml(site(directory)))
    snapshot = tmp_path / "snapshot"
    done = run("compile", "--config", tmp_path / "site.yaml", "--output", snapshot)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(directory)
    server = archeio({"ranges": {"directory": str(directory)}}, args=["--snapshot", snapshot])
    assert answers(server) == WANTED
    assert not directory.exists()


# ── For people ──


def test_show_says_what_the_files_hold(directory):
    """Each file with its prefixes and different numbers, whether anybody asks for them or not."""
    write_mmdb(directory / "x.mmdb", SPANS)
    write_table(directory / "y.asn", SPANS[:3])
    done = run("ranges", "show", "--directory", directory)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    files = {words[0]: words[2:] for words in lines if words and words[0][:2] in ("x.", "y.")}
    assert files == {"x.mmdb": ["6", "4"], "y.asn": ["3", "2"]}
    assert lines.index(["FILE", "MODIFIED", "PREFIXES", "ASNS"]) > 0
    (directory / "y.asn").write_text("nonsense\n")
    done = run("ranges", "show", "--directory", directory)
    assert done.returncode == 1
    assert 'y.asn:1:1: error: "nonsense" is no prefix' in done.stderr
    assert "x.mmdb" in done.stdout


SHOWN = {
    "192.0.2.1": ("192.0.2.0/24: aws/here", "192.0.2.0/24: AS64501, Another, Inc. (x.mmdb)", "amazon"),
    "198.51.100.1": ("198.51.100.0/24: lab", "198.51.100.0/25: AS64500, Amazon (x.mmdb)", "amazon"),
    "203.0.113.129": ("-", "203.0.113.128/26: AS64511, Unasked (x.mmdb)", "-"),
    "2001:db8:1::7": ("-", "2001:db8:1::/48: AS64500, Amazon (x.mmdb)", "amazon"),
    "8.8.8.8": ("-", "-", "-"),
}


def test_show_and_explain_say_whose_an_address_is(directory, tmp_path):
    """show: cloud, number and name, with the prefixes and the file, and the provider that follows;
    explain: of numbers those that routes and providers name."""
    write_mmdb(directory / "x.mmdb", SPANS)
    file = tmp_path / "site.yaml"
    file.write_text(to_yaml(site(directory)))
    done = run("ranges", "show", "--config", file, *SHOWN)
    assert done.returncode == 0, done.stderr
    wanted = []
    for address, (cloud, asn, provider) in SHOWN.items():
        wanted += [address, f"  cloud     {cloud}", f"  asn       {asn}", f"  provider  {provider}"]
    assert done.stdout.splitlines() == wanted
    done = run("ranges", "show", "--config", file, "8.8.8.8", "8.8.8")
    assert done.returncode == 1 and '"8.8.8" is no IP address' in done.stderr

    for address, (_, asn, provider) in SHOWN.items():
        number = int(asn.split("AS")[1].split(",")[0]) if "AS" in asn else None
        number = None if number == 64511 else number
        done = run("explain", "--config", file, "--ip", address, "--json", MANIFEST)
        got = json.loads(done.stdout)
        assert got["asn"] == number
        assert got["providers"] == ([] if provider == "-" else [provider])
        text = run("explain", "--config", file, "--ip", address, MANIFEST).stdout
        assert number is None or f"AS{number}" in text
        assert provider == "-" or f"provider {provider}" in text
