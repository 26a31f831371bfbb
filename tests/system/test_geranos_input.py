"""What people get wrong is said in one line, which names it and says what to do."""

import os
import pwd
import re
import subprocess

import pytest

from lib import geranos
from lib.archeio import ROOT
from lib.radosgw import RadosGW
from lib.registry import Registry
from lib.source import Source, noise
from lib.target import Bucket, Folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A registry with two images, one of them in an index, too."""
    registry = Registry(tmp_path_factory.mktemp("input") / "registry")
    one = Source(registry.host)
    one.image("team/app", "v1", [noise(1000)], b'{"n":1}')
    other = one.image("other", "v1", [noise(2000)], b'{"n":2}')
    one.index("other", "all", [other | {"platform": {"os": "linux", "architecture": "amd64"}}])
    yield one
    registry.stop()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def lines(done):
    return done.stderr.splitlines()


# ── Usage ──


@pytest.mark.parametrize("arguments, complaint", [
    (["snyc"], 'there is no subcommand "snyc"; did you mean "sync"?'),
    (["sync", "--to", "file:///tmp"], "--from is missing: name the registry"),
    (["sync", "--from", "r.example"], "--to is missing: name a store"),
    (["sync", "--from", "r.example", "--to", "file:///tmp", "more"], 'unexpected argument "more"'),
    (["sync", "--jobs", "0"], '--jobs: expected an integer from 1 to 256, got "0"'),
    (["sync", "--shard", "3/3"], '--shard: expected I/N, I from 0 to N - 1, got "3/3"'),
    (["sync", "--shard", "auto/3"], "JOB_COMPLETION_INDEX is not set"),
    (["sync", "--from", "r.example", "--without", "f"], "--without needs --index"),
    (["sync", "--frm", "r.example"], "there is no option --frm; did you mean --from?"),
    (["sync", "-z"], "there is no option -z"),
    (["sync", "--from"], "--from needs a value"),
    (["audit", "--all=some"], "--all takes no value"),
    (["plan", "--every=5m"], "--every is an option of another subcommand"),
    (["sync", "--every", "0s"], '--every: expected more than 0, such as 10m, got "0s"'),
    (["sync", "--max-requests", "5"], "--max-requests: expected an integer and a unit"),
    (["sync", "--blobs", "/x"], "expected a prefix that ends with a slash"),
])
def test_wrong_usage_is_code_2_and_names_what_is_wrong(tmp_path, arguments, complaint):
    done = geranos.run(tmp_path, *arguments)
    assert done.returncode == 2
    assert complaint in lines(done)[0] and len(lines(done)) == 1
    assert done.stdout == ""


def test_help_names_every_subcommand_and_exits_0(tmp_path):
    text = geranos.run(tmp_path, "--help").stdout
    for command in ("sync", "plan"):
        assert f"\n  {command} " in text
        done = geranos.run(tmp_path, command, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"usage: geranos {command} --from REGISTRY --to STORE")
        assert max(map(len, done.stdout.splitlines())) <= 100


# ── Places ──


@pytest.mark.parametrize("to, complaint", [
    ("ftp://host/x", '"ftp://" is no kind of store: expected s3://BUCKET'),
    ("/srv/blobs", '"/srv/blobs" is no store: expected s3://BUCKET'),
    ("s3://", "expected the name of a bucket"),
    ("s3://bucket?regoin=x", "regoin"),
    ("file:///none/such", "there is no such directory: create it, or correct the URL"),
    ("file://relative", "names no directory"),
])
def test_a_store_that_is_none_is_named(tmp_path, source, to, complaint):
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", to, keys=RadosGW.USER)
    assert done.returncode == 1
    assert complaint in lines(done)[0] and len(lines(done)) == 1


@pytest.mark.parametrize("below, complaint", [
    ("/none", "there is no such repository, and none below it: correct the name"),
    ("/team%2fapp", "names no registry: expected HOST[:PORT][/PREFIX]"),
    ("/../x", "names no registry: expected HOST[:PORT][/PREFIX]"),
    ("/team/app:v1", "names an image: expected HOST[:PORT][/PREFIX], and the image by --reference"),
])
def test_a_name_that_is_no_repository_is_said(tmp_path, source, folder, below, complaint):
    done = geranos.run(tmp_path, "sync", "--from", source.host + below, "--to", folder.url)
    assert done.returncode == 1
    assert complaint in lines(done)[0] and len(lines(done)) == 1


def test_a_password_before_a_registry_is_not_shown(tmp_path, folder):
    done = geranos.run(tmp_path, "sync", "--from", "https://user:hunter2@r.example", "--to",
                       folder.url)
    assert done.returncode == 1
    assert "`docker login` and `skopeo login` keep them" in lines(done)[0]
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("option, pattern, complaint", [
    ("--include", "tema/*", "none of its repositories fits --include and --exclude"),
    ("--tag", "V*", "none of its tags fits --tag and --exclude-tag"),
    ("--platform", "amd64", "none of its platforms fits --platform"),
])
def test_patterns_that_fit_nothing_are_said(tmp_path, source, folder, option, pattern, complaint):
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", folder.url, option, pattern)
    assert done.returncode == 1
    assert complaint in lines(done)[0] and len(lines(done)) == 1


def test_a_registry_in_clear_is_told_from_one_that_is_down(tmp_path, source, folder):
    done = geranos.run(tmp_path, "sync", "--from", f"https://{source.host}", "--to", folder.url)
    assert done.returncode == 1
    assert "no TLS is spoken there; correct the port, or say http://" in lines(done)[0]


def test_failures_that_cannot_be_written_are_said_before_anything_is_copied(tmp_path, source,
                                                                           folder):
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", folder.url,
                       "--failures", "/none/such")
    assert done.returncode == 1
    assert "--failures: /none/such cannot be written: No such file" in lines(done)[0]
    assert folder.everything() == {}


def test_a_missing_bucket_and_a_missing_permission_are_said_once(tmp_path, source, radosgw):
    arguments = ["sync", "--from", source.host, "--to"]
    done = geranos.run(tmp_path, *arguments, f"s3://no-such-bucket?endpoint={radosgw.url}",
                       keys=RadosGW.USER)
    assert done.returncode == 1
    assert len(lines(done)) == 1
    assert lines(done)[0].startswith("s3://no-such-bucket\tthere is no such bucket: create it, or")
    assert "s3://no-such-bucket: could not be listed" in done.stdout
    assert "lacks" not in done.stdout
    done = geranos.run(tmp_path, *arguments, Bucket(radosgw).url, keys=RadosGW.STRANGER)
    assert done.returncode == 1
    assert len(lines(done)) == 1
    assert "no permission" in lines(done)[0]


def test_a_bucket_without_keys_says_where_they_were_looked_for(tmp_path, source, radosgw):
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", Bucket(radosgw).url)
    assert done.returncode == 1
    assert len(lines(done)) == 1
    assert "AWS_ACCESS_KEY_ID" in lines(done)[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="root becomes another")
def test_a_directory_that_may_not_be_written_is_said(tmp_path, source, folder):
    nobody = pwd.getpwnam("nobody")
    folder.root.chmod(0o755)
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", folder.url,
                       user=nobody.pw_uid)
    assert done.returncode == 1
    assert "no permission: let this user read and write the directory" in done.stderr
    assert folder.everything() == {}


def test_the_summary_says_what_became_of_each_store(tmp_path, source, folder, radosgw):
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", folder.url, "--to",
                       f"s3://no-such-bucket?endpoint={radosgw.url}", keys=RadosGW.USER)
    assert done.returncode == 1
    assert f"{folder.url}: lacks 0 blobs, 0 B\n" in done.stdout
    assert "s3://no-such-bucket: could not be listed\n" in done.stdout


# ── References ──


def test_a_line_that_is_no_reference_is_named_and_the_rest_is_done(tmp_path, source, folder):
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", folder.url, "--references",
                       "-", stdin="other\nteam/app:v1\nteam/app:gone\n")
    assert done.returncode == 1
    assert lines(done)[0] == "other\tno reference: expected REPOSITORY:TAG or REPOSITORY@DIGEST"
    assert lines(done)[1].startswith(f"{source.host}/team/app:gone\t") and "not found" in lines(done)[1]
    assert len(folder.records()) == 1


def test_an_empty_list_of_references_is_said(tmp_path, source, folder):
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", folder.url, "--references",
                       "-", stdin="# nothing\n")
    assert done.returncode == 1
    assert "standard input names no image: expected REPOSITORY:TAG" in lines(done)[0]


# ── The file ──


def write(tmp_path, text):
    file = tmp_path / "geranos.yaml"
    file.write_text(text)
    return file


def test_a_file_has_the_same_settings_and_the_command_line_comes_first(tmp_path, source, folder):
    elsewhere = Folder(tmp_path)
    file = write(tmp_path, f"from: {source.host}\nto: [{elsewhere.url}]\n"
                           "include:\n  - team/*\n  - other\nexclude: other\njobs: 3\nshard: 0/1\n")
    assert geranos.run(tmp_path, "sync", "--config", file).returncode == 0
    assert set(elsewhere.records()) == {next(iter(source.manifests))}
    assert folder.everything() == {}
    assert geranos.run(tmp_path, "sync", "-c", file, "--to", folder.url).returncode == 0
    assert folder.everything() == elsewhere.everything()


@pytest.mark.parametrize("text, complaint", [
    ("form: x\n", 'geranos.yaml:1:1: error: there is no setting "form" here; did you mean "from"?'),
    ("jobs: many\n", 'geranos.yaml:1:7: error: jobs: expected an integer from 1 to 256, got "many"'),
    ("from: [a, b]\n", "geranos.yaml:1:7: error: from: expected a text, got a list"),
    ("to:\n  - a\n  - {b: c}\n", "geranos.yaml:3:5: error: to: expected a text, got a mapping"),
    ("from: &x y\n", "geranos.yaml:1:7: error: anchors and aliases"),
])
def test_what_is_wrong_in_the_file_is_named_with_its_place(tmp_path, text, complaint):
    done = geranos.run(tmp_path, "sync", "--config", write(tmp_path, text))
    assert done.returncode == 1
    assert complaint in lines(done)[0] and len(lines(done)) == 1


def test_a_file_that_is_missing_is_named(tmp_path):
    done = geranos.run(tmp_path, "sync", "--config", tmp_path / "none.yaml")
    assert done.returncode == 1
    assert "none.yaml: error: cannot be read: No such file or directory" in lines(done)[0]


# ── Documents ──


def test_the_committed_manual_page_is_what_is_made(tmp_path):
    made = geranos.run(tmp_path, "--man").stdout
    assert (ROOT / "docs/man/geranos.1").read_text() == made, "it is old: run docs/generate"


def test_the_manual_page_is_well_formed():
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", ROOT / "docs/man/geranos.1"],
                          capture_output=True, text=True, check=False)
    assert [line for line in done.stdout.splitlines() + done.stderr.splitlines()
            if "referenced manual not found" not in line] == []


def test_the_sample_has_every_setting_of_sync_and_each_is_fit(tmp_path, source, folder):
    sample = (ROOT / "packaging/geranos.yaml").read_text()
    live = re.sub(r"^#(?! )", "", sample, flags=re.M)
    live = re.sub(r"^#  -", "  -", live, flags=re.M)
    named = set(re.findall(r"^([a-z-]+):", live, re.M))
    offered = set(re.findall(r"^  (?:-.,|   ) --([a-z-]+)\b",
                             geranos.run(tmp_path, "sync", "--help").stdout, re.M))
    assert named == offered - {"config", "help"}
    done = geranos.run(tmp_path, "plan", "--config", write(tmp_path, live), "--from", source.host,
                       "--to", folder.url, "--references", "-", "--failures", tmp_path / "failures",
                       stdin="team/app:v1\n")
    assert "geranos.yaml:" not in done.stderr
    assert "lacks" in done.stdout


def test_the_jobs_arguments_are_understood(tmp_path):
    job = (ROOT / "packaging/geranos-job.yaml").read_text()
    arguments = re.findall(r"^            - (\S+)$", job, re.M)
    assert arguments[0] == "sync" and int(arguments[-1].rpartition("/")[2]) == int(
        re.search(r"completions: (\d+)", job)[1])
    done = geranos.run(tmp_path, *arguments, "--jobs", "0", JOB_COMPLETION_INDEX="7")
    assert lines(done)[0].endswith('--jobs: expected an integer from 1 to 256, got "0"')
