"""archeio explain: what a request would be answered, step by step."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.archeio import run
from lib.golden import GOLDEN, REQUESTS, GoldenSite

DIGEST = "sha256:" + "5a" * 32
BLOB = f"/v2/app/blobs/{DIGEST}"
PARIS, OREGON, NOWHERE = "192.0.2.10", "192.0.2.140", "203.0.113.9"

RANGES = """\
192.0.2.0/25 aws eu-west-3
192.0.2.128/25 aws us-west-2
198.51.100.0/24 gcp europe-west1
2001:db8::/32 aws eu-west-3
"""

SITE = """\
upstream:
  endpoint: https://registry.example.com
  path: public
  blobs_for: [gcp]
ranges:
  directory: {directory}/ranges
stores:
  - {{name: paris, url: "https://paris.example.com", serves: [aws/eu-west-3]}}
  - {{name: paris2, url: "https://paris2.example.com", serves: [aws/eu-west-3]}}
  - {{name: oregon, url: "https://oregon.example.com", serves: [aws]}}
  - {{name: cdn, url: "https://cdn.example.com", serves: [default]}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("explain")
    (directory / "ranges").mkdir()
    (directory / "ranges" / "own.txt").write_text(RANGES)
    file = directory / "archeio.yaml"
    file.write_text(SITE.format(directory=directory))
    return file


def explain(site, address, path, *options, code=0):
    done = run("explain", "--config", site, "--ip", address, *options, path)
    assert done.returncode == code, done.stderr
    return done


def as_json(site, address, path, *options):
    return json.loads(explain(site, address, path, "--json", *options).stdout)


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    one = GoldenSite(tmp_path_factory.mktemp("golden"))
    yield one
    one.stop()


def test_it_says_what_the_server_answers_for_every_row_of_the_golden_table(golden):
    """Step, status and Location of each row, found by asking the stores, are what the running
    server answers with."""
    def differs(row):
        client = "192.0.2.250" if row.client == "-" else row.client
        target = row.target.replace("{host}", f"127.0.0.1:{golden.archeio.port}")
        got = json.loads(explain(golden.archeio.file, client, target.encode("latin-1"), "--json",
                                 "--method", row.method).stdout)
        wanted = (row.step, row.status,
                  None if row.location == "-" else golden.real(row.location))
        found = got["step"], got["status"], got["location"]
        return [] if found == wanted else [f"{row.place}: {found}, not {wanted}"]

    table = [row for row in REQUESTS.rows() if row.target.startswith(("/", "http"))]
    assert len(table) > 400
    with ThreadPoolExecutor(2) as pool:
        wrong = [text for texts in pool.map(differs, table) for text in texts]
    assert not wrong, "\n".join(wrong[:20])


def test_the_prefix_the_entry_and_each_candidate_are_named(site):
    got = as_json(site, PARIS, BLOB, "--present")
    assert got["prefix"] == "192.0.2.0/25"
    assert (got["cloud"], got["region"]) == ("aws", "eu-west-3")
    assert got["entry"] == "aws/eu-west-3"
    assert (got["status"], got["step"], got["store"]) == (307, "R12", "paris")
    assert got["location"] == f"https://paris.example.com/containers/images/{DIGEST}"
    assert [step["step"] for step in got["steps"]] == [f"R{n}" for n in range(1, 13)]
    assert [step["applies"] for step in got["steps"]] == [False] * 11 + [True]
    first, second = got["steps"][11]["candidates"]
    assert first["store"] == "paris" and first["existence"] == "present"
    assert first["present"] == {"status": 307, "location": first["url"]}
    assert first["absent"] == first["unknown"] == {"next": "paris2"}
    assert second["existence"] is None, "the first had it: the second is not asked"
    upstream = f"https://registry.example.com/v2/public/app/blobs/{DIGEST}"
    assert second["absent"] == second["unknown"] == {"status": 307, "location": upstream}


def test_without_the_blob_every_candidate_is_passed_by(site):
    got = as_json(site, PARIS, BLOB, "--absent")
    assert (got["step"], got["store"]) == ("R13", None)
    assert got["location"] == f"https://registry.example.com/v2/public/app/blobs/{DIGEST}"
    assert [c["existence"] for c in got["steps"][11]["candidates"]] == ["absent", "absent"]


@pytest.mark.parametrize("address, entry, stores", [
    (PARIS, "aws/eu-west-3", ["paris", "paris2"]),
    ("2001:db8::1", "aws/eu-west-3", ["paris", "paris2"]),
    ("::ffff:192.0.2.10", "aws/eu-west-3", ["paris", "paris2"]),
    (OREGON, "aws", ["oregon"]),
    (NOWHERE, "default", ["cdn"]),
])
def test_the_most_specific_entry_counts(site, address, entry, stores):
    got = as_json(site, address, BLOB, "--absent")
    assert got["entry"] == entry
    assert [c["store"] for c in got["steps"][11]["candidates"]] == stores


def test_a_network_whose_blobs_stay_at_the_upstream_asks_nobody(site):
    got = as_json(site, "198.51.100.7", BLOB)
    assert (got["step"], got["entry"], got["cloud"]) == ("R11", "gcp", "gcp")
    assert "candidates" not in got["steps"][-1]


def test_a_store_that_does_not_answer_is_unknown_and_says_why(site):
    got = as_json(site, OREGON, BLOB)
    candidate = got["steps"][11]["candidates"][0]
    assert candidate["existence"] == "unknown" and "oregon.example.com" in candidate["detail"]
    assert (got["step"], got["status"]) == ("R13", 307)


def test_people_read_the_same(site):
    text = explain(site, PARIS, BLOB, "--present").stdout
    assert "client    192.0.2.10, of aws/eu-west-3, by the prefix 192.0.2.0/25" in text
    assert "entry     aws/eu-west-3: blobs from paris, else paris2, else the upstream" in text
    assert "R12   yes  a store has the blob" in text
    assert f"location  https://paris.example.com/containers/images/{DIGEST}\n" in text
    assert f"https://registry.example.com/v2/public/app/blobs/{DIGEST}\n" in text
    text = explain(site, PARIS, BLOB, "--absent").stdout
    assert "R12   no   a store has the blob" in text and "answer    307, step R13" in text
    text = explain(site, NOWHERE, "/v2/../x").stdout
    assert "of no known network" in text and "NAME_INVALID" in text and "location" not in text


def test_another_method_is_refused_in_the_first_step(site):
    got = as_json(site, PARIS, BLOB, "--method", "DELETE")
    assert (got["status"], got["step"], got["method"]) == (405, "R1", "DELETE")
    assert len(got["steps"]) == 1


def test_bytes_that_a_terminal_would_obey_do_not_come_back(site):
    path = b"/v2/a\x1b[2J\xff/manifests/1"
    for options in ([], ["--json"]):
        done = explain(site, PARIS, path, *options)
        assert "\x1b" not in done.stdout and "R7" in done.stdout
        done = explain(site, PARIS, "/", "--method", "G\x1b[2J", "--host", "h\x1b[2J", *options)
        assert "\x1b" not in done.stdout and "R1" in done.stdout


def test_a_snapshot_gives_the_same_answer(site, tmp_path):
    snapshot = tmp_path / "snapshot"
    assert run("compile", "--config", site, "--output", snapshot).returncode == 0
    for address in (PARIS, OREGON, NOWHERE, "198.51.100.7"):
        ours = as_json(site, address, BLOB, "--present")
        assert as_json(site, address, BLOB, "--present", "--snapshot", snapshot) == ours
        assert ours["entry"] is not None


def test_without_ranges_it_says_that_everybody_is_unknown(site, tmp_path):
    done = run("explain", "--config", site, "--ip", PARIS, "--absent", BLOB,
               env={"ARCHEIO_RANGES": str(tmp_path)})
    assert done.returncode == 0
    assert "fetch them with `archeio ranges update`" in done.stderr
    assert "no known network" in done.stdout


# ── Routes ──

ROUTES = SITE + """\
providers:
  sponsor: [aws]
  lab: [as64500]
routes:
  - name: canary
    when: {{header: {{X-Team: blue}}, share: 100%}}
    to: {{url: "https://canary.example.com", status: 308}}
  - name: binaries
    when: {{host: dl.example.org, path: [/release/**, /ci/**]}}
    to: {{url: "https://binaries.example.com/all", status: 302}}
  - name: sponsors
    when: {{provider: sponsor, repository: "e2e/**"}}
    to: [oregon, paris, upstream]
  - name: heads
    when: {{method: HEAD, kind: tags}}
    to: {{status: 404, body: no heads here}}
"""


@pytest.fixture(scope="module")
def routed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("routed")
    (directory / "ranges").mkdir()
    (directory / "ranges" / "own.txt").write_text(RANGES)
    file = directory / "archeio.yaml"
    file.write_text(ROUTES.format(directory=directory))
    return file


def tried(got):
    return [(route["route"], route["applies"], route["condition"]) for route in got["routes"]]


def test_the_routes_that_were_tried_say_why_they_were_not_taken(routed):
    got = as_json(routed, PARIS, "/v2/app/manifests/1")
    assert tried(got) == [("canary", False, "header"), ("binaries", False, "host"),
                          ("sponsors", False, "repository"), ("heads", False, "method")]
    assert [route["because"] for route in got["routes"]] == [
        "x-team is missing", "the request has no host",
        "the repository is app, not e2e/**", "the method is GET"]
    assert (got["step"], got["route"]) == ("R9", None)
    assert got["providers"] == ["sponsor"]
    assert as_json(routed, NOWHERE, "/v2/app/manifests/1")["providers"] == []


def test_what_a_route_looks_at_can_be_given(routed):
    got = as_json(routed, PARIS, "/any", "--header", "x-TEAM:  blue")
    assert tried(got) == [("canary", True, None)]
    assert (got["status"], got["step"], got["route"]) == (308, "route", "canary")
    assert got["location"] == "https://canary.example.com/any"
    got = as_json(routed, PARIS, "/release/v1/x", "--header", "X-Team: red",
                  "--host", "DL.example.org:443")
    assert tried(got) == [("canary", False, "header"), ("binaries", True, None)]
    assert got["routes"][0]["because"] == 'x-team is "red"'
    assert got["location"] == "https://binaries.example.com/all/v1/x"
    got = as_json(routed, PARIS, "http://dl.example.org/other", "--host", "ignored.example.org")
    assert got["host"] == "dl.example.org"
    assert got["routes"][1]["because"] == "the path does not match /release/** or /ci/**"
    got = as_json(routed, NOWHERE, "/v2/app/tags/list", "--method", "HEAD")
    assert (got["status"], got["route"], got["location"]) == (404, "heads", None)
    assert tried(got)[2] == ("sponsors", False, "client")


def test_a_route_that_asks_stores_shows_its_candidates(routed):
    path = f"/v2/e2e/busybox/blobs/{DIGEST}"
    got = as_json(routed, PARIS, path, "--present")
    assert (got["step"], got["route"], got["store"]) == ("route", "sponsors", "oregon")
    first, second = got["steps"][-1]["candidates"]
    assert (first["existence"], second["existence"]) == ("present", None)
    assert first["absent"] == {"next": "paris"}
    assert second["absent"]["location"] == (
        f"https://registry.example.com/v2/public/e2e/busybox/blobs/{DIGEST}")
    got = as_json(routed, PARIS, path, "--absent")
    assert (got["step"], got["store"]) == ("route", None)


def test_people_read_which_routes_were_tried(routed):
    text = explain(routed, PARIS, f"/v2/e2e/busybox/blobs/{DIGEST}", "--present",
                   "--host", "registry.example.org").stdout
    assert "of aws/eu-west-3 (provider sponsor), by the prefix 192.0.2.0/25\n" in text
    assert "host      registry.example.org\n" in text
    assert ("  R1    no   method is not GET or HEAD\n"
            "  route no   canary: x-team is missing\n"
            "  route no   binaries: the host is registry.example.org\n"
            "  route yes  sponsors\n"
            "            oregon\n") in text
    assert "answer    307, step route\n" in text
    text = explain(routed, PARIS, "/v2/x/tags/list", "--method", "HEAD").stdout
    assert text.endswith("answer    404, step route\nbody      no heads here\n")
    text = explain(routed, PARIS, "/v2/../x").stdout
    assert "  route no   none takes a path or query that is unsafe\n" in text


def test_a_snapshot_explains_routes_too(routed, tmp_path):
    """Only providers are not known to it: what they come to is."""
    snapshot = tmp_path / "snapshot"
    assert run("compile", "--config", routed, "--output", snapshot).returncode == 0
    for address, path, *options in [
            (PARIS, "/v2/app/manifests/1"), (NOWHERE, "/release/x", "--host", "dl.example.org"),
            (PARIS, "/x", "--header", "X-Team: blue"),
            (PARIS, f"/v2/e2e/busybox/blobs/{DIGEST}", "--absent"),
            ("203.0.113.70", "/v2/e2e/busybox/tags/list", "--method", "HEAD")]:
        ours = as_json(routed, address, path, *options)
        theirs = as_json(routed, address, path, *options, "--snapshot", snapshot)
        assert theirs.pop("providers") == []
        ours.pop("providers")
        assert ours == theirs and ours["routes"]


def test_an_autonomous_system_and_its_provider_are_named(routed, tmp_path):
    (routed.parent / "ranges" / "own.asn").write_text("203.0.113.64/26 64500 LAB\n"
                                                      "192.0.2.0/24 64500 LAB\n")
    file = routed.parent / "asn.yaml"
    route = "  - {name: lab, when: {provider: lab}, to: {status: 403}}\n"
    file.write_text(routed.read_text() + route)
    got = as_json(file, "203.0.113.70", "/v2/app/manifests/1")
    assert (got["asn"], got["providers"], got["cloud"]) == (64500, ["lab"], None)
    assert (got["prefix"], got["route"]) == ("203.0.113.64/26", "lab")
    got = as_json(file, PARIS, "/v2/app/manifests/1")
    assert (got["asn"], got["providers"]) == (64500, ["sponsor"]), "published ranges come first"
    text = explain(file, "203.0.113.70", "/v2/app/manifests/1").stdout
    assert ("client    203.0.113.70, of no known cloud (AS64500, provider lab), "
            "by the prefix 203.0.113.64/26\n") in text


def test_hundreds_of_routes_are_summed_up(tmp_path):
    """No wall of lines: the names of those that were passed by, a paragraph for each condition."""
    routes = "".join(f"  - name: team-{n:03}\n    when: {{repository: 'team-{n:03}/**'}}\n"
                     f"    to: {{url: 'https://{n}.example.com'}}\n" for n in range(200))
    heads = "  - name: heads\n    when: {method: HEAD}\n    to: upstream\n"
    file = tmp_path / "archeio.yaml"
    file.write_text(f"ranges: {{directory: {tmp_path}}}\nroutes:\n" + heads + routes)
    text = explain(file, PARIS, "/v2/team-150/x/manifests/1").stdout
    assert "  route no   1 by the condition on method:\n               heads\n" in text
    assert "  route no   150 by the condition on repository:\n               team-000 " in text
    assert "team-149\n  route yes  team-150\n" in text and "team-151" not in text
    assert max(map(len, text.split("\n"))) < 80
    assert len(tried(as_json(file, PARIS, "/v2/team-150/x/manifests/1"))) == 152


@pytest.mark.parametrize("arguments, message", [
    (["--ip", PARIS, "--header", "X-Team", BLOB], "--header: expected a name"),
    (["--ip", PARIS, "--header", ": blue", BLOB], "--header: expected a name"),
    ([BLOB], "--ip is missing"),
    (["--ip", "192.0.2", BLOB], "--ip: expected an IPv4 or IPv6 address"),
    (["--ip", PARIS], "expected one PATH"),
    (["--ip", PARIS, BLOB, BLOB], "expected one PATH"),
    (["--ip", PARIS, "v2/"], 'expected a path that begins with "/"'),
    (["--ip", PARIS, "--present", "--absent", BLOB], "either --present or --absent"),
    (["--ip", PARIS, "--method", "", BLOB], "expected a method"),
    (["--ip", PARIS, "/" + "a" * 8192], "too long"),
    (["--ipp", PARIS, BLOB], "unrecognized option"),
])
def test_wrong_usage_is_said(arguments, message):
    done = run("explain", *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert message in done.stderr and "`archeio explain --help` says" in done.stderr


def test_a_bad_configuration_is_exit_code_1(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("stores: 5\n")
    done = run("explain", "--config", file, "--ip", PARIS, BLOB)
    assert done.returncode == 1 and f"{file}:1:9: error:" in done.stderr
    snapshot = tmp_path / "snapshot"
    snapshot.write_bytes((GOLDEN / "site.yaml").read_bytes())
    done = run("explain", "--snapshot", snapshot, "--ip", PARIS, BLOB)
    assert done.returncode == 1 and f"{snapshot}: error: snapshot:" in done.stderr
