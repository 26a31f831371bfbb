"""The commands around the configuration, and the documents that are made from it."""

import http.server
import re
import subprocess
import threading

import pytest

from lib.archeio import ROOT, binary, run
from lib.ports import free_port

FINE = """\
upstream:
  endpoint: https://registry.example.com
  path: mirror/images
stores:
  - name: paris
    url: https://paris.example.com
    serves: [aws/eu-west-3]
  - name: cdn
    url: https://cdn.example.com
    serves: [default]
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="archeio.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path
    return write


def without_comments(text):
    return re.sub(r" +# .*", "", text)


def test_a_good_file_is_fine(file, tmp_path):
    done = run("check-config", file(FINE), env={"ARCHEIO_RANGES": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "is fine: https://registry.example.com, 2 stores for 2 places" in done.stdout
    assert done.stderr == ""


def test_every_error_is_found_with_its_place(file):
    path = file("server:\n  listn: x\n  idle_timeout: 5\nstores:\n  - {name: a}\n")
    done = run("check-config", path)
    assert done.returncode == 1 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"{path}:2:3", f"{path}:3:17", f"{path}:5:5", f"{path}:5:5"]
    assert 'did you mean "server.listen"?' in lines[0]


def test_a_place_for_the_access_log_that_there_is_not_is_warned_of(file, tmp_path):
    """No more than that: where the server will run, its service manager may make it."""
    path = file(FINE + f"log: {{access: {tmp_path}/none/access.log}}\n")
    done = run("check-config", path)
    assert done.returncode == 0
    assert re.search(rf':\d+:\d+: warning: log.access: the directory "{tmp_path}/none" cannot be used here '
                     r"\(No such file or directory\); without it serve does not start", done.stderr)
    (tmp_path / "none").mkdir()
    assert "log.access" not in run("check-config", path).stderr


def test_a_file_that_is_missing_is_exit_code_1(tmp_path):
    for command in ("check-config", "config"):
        done = run(command, "--config", tmp_path / "none.yaml")
        assert done.returncode == 1
        assert "none.yaml: error: cannot be read: No such file" in done.stderr


def test_regions_that_no_range_has_are_warned_of(file, tmp_path):
    (tmp_path / "own.txt").write_text("192.0.2.0/24 aws eu-west-3\n")
    path = file(FINE.replace("aws/eu-west-3", "aws/eu-wset-3"))
    done = run("check-config", path, env={"ARCHEIO_RANGES": str(tmp_path)})
    assert done.returncode == 0
    assert 'no loaded range lies in aws/eu-wset-3; did you mean "aws/eu-west-3"?' in done.stderr
    assert f"{path}:7:14: warning:" in done.stderr


def test_what_is_printed_reads_back_to_itself(file):
    first = run("config", "--config", file(FINE), env={"PORT": "9000"})
    assert first.returncode == 0, first.stderr
    assert "archeio.yaml:2" in first.stdout and "# environment PORT" in first.stdout
    second = run("config", "--config", file(first.stdout, "again.yaml"))
    assert second.returncode == 0, second.stderr
    assert without_comments(second.stdout) == without_comments(first.stdout)


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers every request with the status that the first segment of its path says."""

    def do_GET(self):
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def world():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def online(file, world, upstream, store):
    text = FINE.replace("https://registry.example.com", f"{world}/{upstream}")
    for name in ("paris", "cdn"):
        text = text.replace(f"https://{name}.example.com", f"{world}/{store}")
    return run("check-config", "--online", file(text), env={"ARCHEIO_RANGES": "/nonexistent"})


def test_online_asks_the_upstream_and_every_store(file, world):
    assert online(file, world, 404, 404).returncode == 0
    assert online(file, world, 307, 403).returncode == 0
    done = online(file, world, 401, 404)
    assert done.returncode == 1 and "wants credentials (401" in done.stderr
    assert "is fine" not in done.stdout
    done = online(file, world, 500, 503)
    assert f"{world}/500 answers 500" in done.stderr
    assert "store paris answers 503" in done.stderr and "store cdn answers 503" in done.stderr


def test_online_says_who_does_not_answer(file):
    done = online(file, f"http://127.0.0.1:{free_port()}", 404, 404)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "warning" not in line]
    assert len(lines) == 3 and all("does not answer" in line for line in lines)
    assert all(re.match(r"\S+\.yaml:\d+:\d+: error: ", line) for line in lines), "each has a position"


def test_the_variable_names_the_file(file):
    done = run("config", env={"ARCHEIO_CONFIG": str(file(FINE))})
    assert "https://registry.example.com" in done.stdout


def test_the_built_in_configuration_is_fine(tmp_path):
    done = run("check-config", env={"ARCHEIO_RANGES": str(tmp_path)})
    assert done.returncode == 0 and done.stderr == ""
    assert "33 stores for 37 places" in done.stdout


def test_wrong_usage_is_code_2_and_says_what_is_right():
    for arguments, said in (
            (["confg"], 'did you mean "config"?'),
            (["zzz"], "archeio --help"),
            (["config", "x"], 'unexpected argument "x"; a configuration is named by --config'),
            (["config", "--what"], "`archeio config --help` says"),
            (["config", "--man", "x"], 'no manual page "x"'),
            (["check-config", "a", "b"], 'unexpected argument "b"'),
            (["compile", "--output", "a", "b"],
             'unexpected argument "b"; a configuration is named by --config'),
            (["compile"], "--output is missing"),
            (["serve", "b"], 'unexpected argument "b"; a configuration is named by --config'),
            (["ranges"], "a command is missing"),
            (["ranges", "shwo"], 'there is no command "shwo"'),
            (["ranges", "show", "--what"], "`archeio ranges --help` says"),
            (["help", "confg"], 'did you mean "config"?')):
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert said in done.stderr, done.stderr
        assert re.match(r"archeio( (config|check-config|compile|ranges|serve))?: ", done.stderr)
        assert done.stdout == "" and len(done.stderr.splitlines()) <= 2


def test_help_lists_every_subcommand_and_each_has_its_own():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    names = re.findall(r"^  ([a-z-]+)  +\w", done.stdout, re.M)
    assert {"config", "check-config", "help"} <= set(names)
    for name in names:
        if name == "help":
            continue
        own = run(name, "--help")
        assert own.returncode == 0 and own.stderr == ""
        assert own.stdout.startswith(f"usage: archeio {name}")
        assert run("help", name).stdout == own.stdout
        too_long = [line for line in own.stdout.splitlines() if len(line) > 75]
        assert not too_long, "it is longer than 80 columns in the manual page"
    assert re.fullmatch(r"archeio \d+\.\d+\.\d+\n", run("--version").stdout)


def test_output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([binary(), "config"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "standard output cannot be written" in done.stderr


@pytest.mark.parametrize("path, arguments", [
    ("packaging/archeio.yaml", ["--sample"]),
    ("docs/man/archeio.1", ["--man", "archeio.1"]),
    ("docs/man/archeio.yaml.5", ["--man", "archeio.yaml.5"])])
def test_committed_documents_are_what_is_made(path, arguments):
    made = run("config", *arguments).stdout
    assert (ROOT / path).read_text(encoding="utf-8") == made, f"{path} is old: run docs/generate"


def test_the_readmes_table_is_what_is_made():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.split("<!-- settings -->\n")[1].split("<!-- end of settings -->")[0]
    assert table == run("config", "--markdown").stdout, "run docs/generate"


def test_the_sample_is_fine_and_stays_fine_without_its_comment_signs(file, tmp_path):
    sample = (ROOT / "packaging/archeio.yaml").read_text(encoding="utf-8")
    env = {"ARCHEIO_RANGES": str(tmp_path)}
    assert run("check-config", file(sample), env=env).stderr == ""
    live = re.sub(r"^( *)#(?! |$)|^#(?=  )", r"\1", sample, flags=re.M)
    live = live.replace('preset: ""\n', "")
    # Its providers and routes name autonomous systems, whose addresses some file has to say.
    numbers = sorted({int(asn) for asn in re.findall(r"\bas(\d+)\b", live)})
    (tmp_path / "own.asn").write_text("".join(f"192.0.2.{n}/32 {asn}\n"
                                              for n, asn in enumerate(numbers)))
    done = run("check-config", file(live), env=env)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_the_samples_listener_is_one(file):
    sample = (ROOT / "packaging/archeio.yaml").read_text(encoding="utf-8")
    example = re.search(r"^  # listen:\n(?:  # .*\n)+", sample, re.M).group()
    text = "server:\n  client_address: peer\n" + re.sub("^  # ", "  ", example, flags=re.M)
    done = run("config", "--config", file(text))
    assert done.returncode == 0 and done.stderr == ""
    assert "- certificate: /etc/archeio/tls.crt" in done.stdout


@pytest.mark.parametrize("page", ["archeio.1", "archeio.yaml.5"])
def test_manual_pages_are_well_formed(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", ROOT / "docs/man" / page],
                          capture_output=True, text=True, check=False)
    complaints = [line for line in done.stdout.splitlines() + done.stderr.splitlines()
                  if "referenced manual not found" not in line and "outdated mandoc.db" not in line]
    assert complaints == []
