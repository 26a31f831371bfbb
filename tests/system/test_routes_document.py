"""The examples in docs/routes.md, and the README's, are complete and do what stands beside them."""

import json
import re

import pytest

from lib.archeio import ROOT, run

DOCUMENT = (ROOT / "docs" / "routes.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^    # ([\w./-]+)[^\n]*\n((?:(?!    # [\w-]+[./])    [^\n]*\n)*)", re.M)
ROW = re.compile(r"^\| `([^`]*)`(?: with `([^`]*)`)? \| ([\d.]+) "
                 r"\|(?: (has it not|has it))? \| (\d+)(?: `([^`]*)`)? \|$", re.M)
HEX = "0123456789abcdef" * 4


def blocks():
    """What each indented block that begins with a name holds, without that line."""
    return {name: re.sub(r"^    ", "", text, flags=re.M) for name, text in BLOCK.findall(DOCUMENT)}


EXAMPLES = {name: text for name, text in blocks().items() if name.endswith(".yaml")}


def tables():
    """The rows that follow an example, up to the next one."""
    pieces = re.split(r"^    # ([\w-]+\.yaml)\n", DOCUMENT, flags=re.M)[1:]
    for name, text in zip(pieces[::2], pieces[1::2]):
        for row in ROW.findall(text.replace("<64 hex>", HEX)):
            yield name, row


@pytest.fixture
def site(tmp_path):
    """Runs a command with an example, which is a file, and the document's ranges."""
    (tmp_path / "ranges").mkdir()
    for name, text in blocks().items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def command(*arguments):
        return run(*arguments, cwd=tmp_path, env={"ARCHEIO_RANGES": str(tmp_path / "ranges")})
    return command


def test_there_are_examples_of_which_every_row_is_read():
    rows = list(tables())
    assert set(EXAMPLES) == {name for name, _ in rows} and len(EXAMPLES) >= 4
    assert len(rows) == len(re.findall(r"^\| `[^`]*/", DOCUMENT, flags=re.M))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_fine_as_it_stands(site, name):
    """No error, and of the warnings none but those that are the example's sense."""
    done = site("check-config", name)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "no stores: every blob" not in line
            and "no store serves default" not in line] == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_prints_as_what_reads_back_to_itself(site, tmp_path, name):
    def effective(path):
        return re.sub(r" +# .*", "", site("config", "--config", path).stdout)
    first = effective(name)
    (tmp_path / "again.yaml").write_text(first, encoding="utf-8")
    assert first and effective("again.yaml") == first


@pytest.mark.parametrize("name, row", tables())
def test_an_example_answers_what_stands_beside_it(site, name, row):
    request, field, client, store, status, location = row
    host, slash, path = request.partition("/")
    done = site("explain", "--config", name, "--json", "--ip", client,
                "--present" if store == "has it" else "--absent", *(["--host", host] if host else []),
                *(["--header", field] if field else []), slash + path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["location"] or "") == (int(status), location)


# ── The README ──

def readme(tmp_path):
    """Its configuration: what stands in the blocks that begin with that name, one after the other."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pieces = re.findall(r"^    # archeio\.yaml[^\n]*\n((?:    [^\n]*\n)+)", text, flags=re.M)
    assert len(pieces) == 2
    (tmp_path / "archeio.yaml").write_text(re.sub(r"^    ", "", "".join(pieces), flags=re.M))
    (tmp_path / "own.asn").write_text("203.0.113.0/24 as16509\n198.51.100.0/24 as14618\n")
    return tmp_path / "archeio.yaml"


def test_the_readmes_configuration_is_fine(tmp_path):
    done = run("check-config", readme(tmp_path), env={"ARCHEIO_RANGES": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 stores for 3 places, 4 routes" in done.stdout


@pytest.mark.parametrize("client, host, path, answer", [
    ("203.0.113.7", "", f"/v2/e2e-test-images/agent/blobs/sha256:{HEX}",
     f"https://blobs-paris.s3.eu-west-3.amazonaws.com/containers/images/sha256:{HEX}"),
    ("192.0.2.1", "", f"/v2/app/blobs/sha256:{HEX}",
     f"https://cdn.example.com/containers/images/sha256:{HEX}"),
    ("192.0.2.1", "", "/v2/app/manifests/v1",
     "https://registry.example.com/v2/public/app/manifests/v1"),
    ("192.0.2.1", "dl.example.com", "/release/v1/tool",
     "https://storage.example.net/releases/v1/tool"),
    ("192.0.2.1", "", "/v2/legacy/app/manifests/v1", None),
])
def test_the_readmes_configuration_answers_what_it_says(tmp_path, client, host, path, answer):
    done = run("explain", "--config", readme(tmp_path), "--json", "--present", "--ip", client,
               "--host", host, path, env={"ARCHEIO_RANGES": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["location"] == answer
