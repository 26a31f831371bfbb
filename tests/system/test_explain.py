"""archeio explain: what a request would be answered, step by step."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.archeio import run
from lib.golden import GOLDEN, GoldenSite, rows

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
        return [] if found == wanted else [f"requests.tsv:{row.line}: {found}, not {wanted}"]

    table = [row for row in rows() if row.target.startswith(("/", "http"))]
    assert len(table) > 400
    with ThreadPoolExecutor(2) as pool:
        wrong = [text for texts in pool.map(differs, table) for text in texts]
    assert not wrong, "\n".join(wrong[:20])


def test_the_prefix_the_route_and_each_candidate_are_named(site):
    got = as_json(site, PARIS, BLOB, "--present")
    assert got["prefix"] == "192.0.2.0/25"
    assert (got["cloud"], got["region"]) == ("aws", "eu-west-3")
    assert got["route"] == "aws/eu-west-3"
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


@pytest.mark.parametrize("address, route, stores", [
    (PARIS, "aws/eu-west-3", ["paris", "paris2"]),
    ("2001:db8::1", "aws/eu-west-3", ["paris", "paris2"]),
    ("::ffff:192.0.2.10", "aws/eu-west-3", ["paris", "paris2"]),
    (OREGON, "aws", ["oregon"]),
    (NOWHERE, "default", ["cdn"]),
])
def test_the_route_is_the_most_specific_entry(site, address, route, stores):
    got = as_json(site, address, BLOB, "--absent")
    assert got["route"] == route
    assert [c["store"] for c in got["steps"][11]["candidates"]] == stores


def test_a_network_whose_blobs_stay_at_the_upstream_asks_nobody(site):
    got = as_json(site, "198.51.100.7", BLOB)
    assert (got["step"], got["route"], got["cloud"]) == ("R11", "gcp", "gcp")
    assert "candidates" not in got["steps"][-1]


def test_a_store_that_does_not_answer_is_unknown_and_says_why(site):
    got = as_json(site, OREGON, BLOB)
    candidate = got["steps"][11]["candidates"][0]
    assert candidate["existence"] == "unknown" and "oregon.example.com" in candidate["detail"]
    assert (got["step"], got["status"]) == ("R13", 307)


def test_people_read_the_same(site):
    text = explain(site, PARIS, BLOB, "--present").stdout
    assert "client    192.0.2.10, of aws/eu-west-3, by the prefix 192.0.2.0/25" in text
    assert "route     aws/eu-west-3: blobs from paris, else paris2, else the upstream" in text
    assert "R12  yes  a store has the blob" in text
    assert f"location  https://paris.example.com/containers/images/{DIGEST}\n" in text
    assert f"https://registry.example.com/v2/public/app/blobs/{DIGEST}\n" in text
    text = explain(site, PARIS, BLOB, "--absent").stdout
    assert "R12  no   a store has the blob" in text and "answer    307, step R13" in text
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


def test_a_snapshot_gives_the_same_answer(site, tmp_path):
    snapshot = tmp_path / "snapshot"
    assert run("compile", "--config", site, "--output", snapshot).returncode == 0
    for address in (PARIS, OREGON, NOWHERE, "198.51.100.7"):
        ours = as_json(site, address, BLOB, "--present")
        assert as_json(site, address, BLOB, "--present", "--snapshot", snapshot) == ours
        assert ours["route"] is not None


def test_without_ranges_it_says_that_everybody_is_unknown(site, tmp_path):
    done = run("explain", "--config", site, "--ip", PARIS, "--absent", BLOB,
               env={"ARCHEIO_RANGES": str(tmp_path)})
    assert done.returncode == 0
    assert "fetch them with `archeio ranges update`" in done.stderr
    assert "no known network" in done.stdout


@pytest.mark.parametrize("arguments, message", [
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
    assert message in done.stderr and "usage: archeio explain" in done.stderr


def test_a_bad_configuration_is_exit_code_1(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("stores: 5\n")
    done = run("explain", "--config", file, "--ip", PARIS, BLOB)
    assert done.returncode == 1 and f"{file}:1:9: error:" in done.stderr
    snapshot = tmp_path / "snapshot"
    snapshot.write_bytes((GOLDEN / "site.yaml").read_bytes())
    done = run("explain", "--snapshot", snapshot, "--ip", PARIS, BLOB)
    assert done.returncode == 1 and f"{snapshot}: error: snapshot:" in done.stderr
