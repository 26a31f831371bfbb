"""What check-config says of routes: each mistake with its place, and what will never be taken."""

import re
import time

import pytest

from lib.archeio import run

SITE = """\
upstream: {endpoint: "https://registry.example.com"}
upstreams:
  - {name: mirror, endpoint: "https://mirror.example.com"}
stores:
  - {name: ohio, url: "https://ohio.example.com", serves: [aws/us-east-2]}
  - {name: cdn, url: "https://cdn.example.com", serves: [default]}
"""


@pytest.fixture
def check(tmp_path):
    """Checks a text; what is said, without the file's name, and whether it is fine."""
    (tmp_path / "ranges").mkdir()

    def said(text, files=None, env=None):
        path = tmp_path / "archeio.yaml"
        path.write_text(text, encoding="utf-8")
        for name, content in (files or {}).items():
            (tmp_path / "ranges" / name).write_text(content, encoding="utf-8")
        done = run("check-config", path, env={"ARCHEIO_RANGES": str(tmp_path / "ranges"), **(env or {})})
        assert done.returncode in (0, 1), done.stderr
        assert (done.returncode == 0) == (" is fine: " in done.stdout)
        lines = done.stderr.replace(f"{path}:", "").replace(str(tmp_path), "").splitlines()
        return lines, done.returncode == 0
    return said


def test_every_mistake_is_told_at_once_with_its_place(check):
    """Conditions, targets, providers and upstreams: what each of them says by itself."""
    lines, fine = check("""\
upstreams:
  - {name: upstream, endpoint: "https://a.example"}
providers:
  amazon: [aws, as0]
  amazon: []
routes:
  - name: one
    when:
      asn: [as16509, AS4294967296]
      network: 10.0.0.0/40
      host: dl.example.org:443
      path: release/**
      kinds: blob
      header: {X-Team: "*"}
      share: 0%
    to: {url: "https://storage.example.net/?x", status: 303}
  - name: one
    to: []
""")
    assert not fine
    assert [line.split(": ")[0] for line in lines] == [
        "2:12", "4:17", "5:3", "9:22", "10:16", "11:13", "12:13", "13:7", "14:24", "15:14", "16:15", "16:57",
        "17:11", "18:9"]
    assert all(": error: " in line for line in lines)
    assert 'did you mean "kind"?' in lines[7]
    assert "expected a host without its port, such as dl.example.org" in lines[5]
    assert 'the route in line 7' in lines[12]


def test_names_that_nobody_has_are_told_with_the_nearest(check):
    lines, fine = check(SITE + """\
providers: {amazon: [aws]}
routes:
  - name: one
    when: {provider: amazom, repository: "a/**"}
    to: [ohoi, mirrror, upstreem]
""")
    assert not fine and lines == [
        '10:22: error: routes: provider: none is called "amazom"; did you mean "amazon"?',
        '11:10: error: routes: to: no store or upstream is called "ohoi"; did you mean "ohio"?',
        '11:16: error: routes: to: no store or upstream is called "mirrror"; did you mean "mirror"?',
        '11:25: error: routes: to: no store or upstream is called "upstreem"; did you mean "upstream"?']


def test_what_leads_back_here_is_refused(check):
    """To a listener, to the host of a route, or with a variable that says so."""
    route = """\
routes:
  - {{name: one, when: {{host: dl.example.org}}, to: {{url: "{url}"}}}}
"""
    lines, fine = check(SITE + route.format(url="http://127.0.0.1:8080/x"))
    assert not fine and lines == [
        "8:51: error: routes: to: http://127.0.0.1:8080/x is this server (server.listen): clients would "
        "be sent in circles"]
    lines, fine = check(SITE + route.format(url="https://DL.example.org/x"))
    assert not fine and "is a host that route one is for" in lines[0]
    lines, fine = check(SITE + route.format(url="https://dl.example.net"),
                        env={"UPSTREAM_REGISTRY_ENDPOINT": "https://dl.example.org"})
    assert not fine and lines == [
        "error: upstream.endpoint: https://dl.example.org is a host that route one is for: clients would "
        "be sent in circles"]


def test_routes_that_are_never_taken_are_warned_of(check):
    lines, fine = check(SITE + """\
providers: {amazon: [aws, as64500]}
routes:
  - {name: all-of-aws, when: {provider: amazon}, to: [stores, mirror]}
  - {name: one-region, when: {region: aws/us-east-2, host: a.example}, to: upstream}
  - {name: files, when: {repository: "a/**", path: "/files/**"}, to: upstream}
  - {name: rest, to: [upstream, mirror]}
  - {name: late, when: {kind: blob}, to: {status: 404}}
""", {"own.txt": "198.51.100.0/24 aws us-east-2\n", "own.asn": "203.0.113.0/24 as64500\n"})
    assert fine and lines == [
        "10:5: warning: routes: route one-region is never taken: route all-of-aws in line 9 takes all that "
        "it would",
        "11:5: warning: routes: route files is never taken: no request meets its conditions on path and "
        "repository",
        '12:33: warning: routes: to: nobody gets here: "upstream", before it, is for everybody',
        "13:5: warning: routes: route late is never taken: route rest in line 12 takes all that it would"]


def test_what_no_file_knows_is_warned_of(check):
    """Regions and autonomous systems that are misspelt, or that nobody announces."""
    text = SITE + """\
providers:
  amazon: [aws, as64500, as64501]
routes:
  - {name: one, when: {region: [aws/us-eats-2, us-east-22]}, to: upstream}
  - {name: two, when: {asn: as4200000000}, to: upstream}
  - {name: three, when: {provider: amazon}, to: upstream}
"""
    ranges = {"own.txt": "198.51.100.0/24 aws us-east-2\n"}
    lines, fine = check(text, ranges)
    assert fine and lines == [
        '10:33: warning: no loaded range lies in aws/us-eats-2; did you mean "aws/us-east-2"?',
        '10:48: warning: no loaded range lies in us-east-22; did you mean "us-east-2"?',
        "/ranges: warning: routes or providers name autonomous systems, and no file here says which "
        "addresses are theirs, so that nobody is of any: put one there (*.mmdb, *.asn or asn*.csv)"]
    lines, fine = check(text, {"own.asn": "203.0.113.0/24 as64500\n"})
    assert fine and lines[2:] == ["8:3: warning: no loaded file says that an address is of as64501",
                                  "11:5: warning: no loaded file says that an address is of as4200000000"]
    lines, fine = check(text, {"own.asn": "203.0.113.0/24 as64500\n203.0.113.0/33 1\n"})
    assert fine and lines[2].startswith("/ranges/own.asn:2:1: warning: ")


def test_listeners_of_our_own_have_addresses_of_their_own(check):
    site = SITE.replace("upstreams:\n" + SITE.splitlines(True)[2], "")
    lines, fine = check(site + 'server: {listen: ["[::]:8080"], decide: "127.0.0.1:8080"}\n')
    assert not fine and lines == [
        '5:41: error: server.decide: "127.0.0.1:8080" is taken by server.listen ("[::]:8080"); give it a '
        "port of its own"]
    lines, fine = check(site + 'server: {decide: "127.0.0.1:9091", client_address: x-real-ip}\n')
    assert fine and lines == []


@pytest.mark.alone
def test_the_largest_configuration_is_checked_in_seconds(check):
    """4,096 routes, none of which takes what another would, and none of which leads in circles."""
    routes = "".join(f"  - {{name: r{i}, when: {{host: h{i}.example, path: [/a{i}/**, /b/*/{i}]}}, "
                     f"to: {{url: \"https://t{i}.example\"}}}}\n" for i in range(4096))
    begun = time.monotonic()
    lines, fine = check(SITE + "routes:\n" + routes)
    assert fine and lines == []
    assert time.monotonic() - begun < 30


def test_routes_print_as_what_reads_back_to_itself(tmp_path):
    path, again = tmp_path / "archeio.yaml", tmp_path / "again.yaml"
    path.write_text(SITE + """\
providers: {amazon: [aws, as16509]}
routes:
  - name: one
    when: {provider: amazon, header: {X-Team: ["a, b", "red-*"]}, path: ["/v2/**"], share: 0.5%}
    to: [ohio, {url: "https://u.example", status: 302}]
  - {name: two, when: {path: "/x/**"}, strip: /x, to: {status: 404, body: "no: such \\"thing\\""}}
""", encoding="utf-8")
    first = run("config", "--config", path)
    assert first.returncode == 0, first.stderr
    assert re.search(rf"^  - name: one +# {path}:9$", first.stdout, re.M)
    again.write_text(first.stdout, encoding="utf-8")
    second = run("config", "--config", again)
    assert second.returncode == 0, second.stderr
    assert re.sub(" +# .*", "", second.stdout) == re.sub(" +# .*", "", first.stdout)
