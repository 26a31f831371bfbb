"""archeio convert: the ArtifactServer's configuration, and the answers that it gave."""

import pytest

from lib.archeio import ROOT, run
from lib.shipped import Shipped

EXAMPLES = ROOT / "docs" / "examples"

RICH = """\
# Several conditions of a backend: one of them suffices.
backends:
  everything-else:
    host: k8s.gcr.io
    pathPrefix: ""
  mirror:
    host: mirror.example.com:8443
    pathPrefix: /sub/tree
    conditions:
      paths: [/release/, /one/file.txt, /v2/team/]
      headers:
        X-Team: [blue, "gr\\"een"]
        x-stage: canary
        X-Real-Ip: 2001:db8::10
  late:
    host: late.example.com
    conditions:
      paths: [/release/late/, "/a~b/(c)"]
  empty:
    host: empty.example.com
    conditions: {paths: [], headers: {}}
"""

NONE = """\
backends:
  only:
    host: only.example.com
    conditions: {paths: [/only]}
"""


def convert(directory, text, code=0):
    file = directory / "artifactserver.yaml"
    file.write_text(text)
    done = run("convert", file)
    assert done.returncode == code, done.stderr
    assert code == 0 or done.stdout == ""
    return done


def serve(directory, text):
    """The result of a conversion, checked and served."""
    return Shipped(directory, convert(directory, text).stdout)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    one = serve(tmp_path_factory.mktemp("sample"),
                (EXAMPLES / "artifactserver.yaml").read_text())
    yield one
    one.stop()


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    one = serve(tmp_path_factory.mktemp("rich"), RICH)
    yield one
    one.stop()


KOPS, DOCKER, K8S = ("https://kubeupv2.s3.amazonaws.com", "https://registry-1.docker.io",
                     "https://k8s.gcr.io")


@pytest.mark.parametrize("method, target, client, status, location", [
    ("GET", "/kops/1.22.0/linux/amd64/kops", None, 302, KOPS + "/kops/1.22.0/linux/amd64/kops"),
    ("HEAD", "/kops/", None, 302, KOPS + "/kops/"),
    ("GET", "/kops/x", "192.0.2.10", 302, KOPS + "/kops/x"),
    ("GET", "/kops", None, 302, K8S + "/kops"),
    ("GET", "/v2/", None, 302, K8S + "/v2/"),
    ("GET", "/v2/", "192.0.2.10", 302, DOCKER + "/v2/"),
    ("GET", "/v2/pause/manifests/3.1", "192.0.2.10", 302, DOCKER + "/v2/pause/manifests/3.1"),
    ("GET", "/v2/pause/manifests/3.1", "192.0.2.11", 302, K8S + "/v2/pause/manifests/3.1"),
    ("HEAD", "/v2/pause/blobs/sha256:" + "ab" * 32, None, 302,
     K8S + "/v2/pause/blobs/sha256:" + "ab" * 32),
    ("GET", "/v2/_catalog", None, 302, K8S + "/v2/_catalog"),
    ("GET", "/", None, 302, K8S + "/"),
    ("GET", "/privacy", None, 302, K8S + "/privacy"),
    ("GET", "/any/path%20with?a=query", None, 302, K8S + "/any/path%20with?a=query"),
    ("GET", "/_/healthz", None, 200, None),
    ("HEAD", "/_/healthz", "192.0.2.10", 200, None),
    ("POST", "/kops/x", None, 405, None),
    ("DELETE", "/v2/pause/manifests/3.1", "192.0.2.10", 405, None),
    ("PUT", "/", None, 405, None),
])
def test_the_sample_gives_the_answers_of_the_artifactserver(sample, method, target, client, status,
                                                            location):
    fields = {"X_Real_Ip": client} if client else {}
    assert sample.ask(method, target, **fields) == (status, location)


MIRROR = "https://mirror.example.com:8443/sub/tree"


@pytest.mark.parametrize("target, fields, location", [
    ("/release/1.0/x", {}, MIRROR + "/release/1.0/x"),
    ("/release/late/x", {}, MIRROR + "/release/late/x"),
    ("/release", {}, K8S + "/release"),
    ("/one/file.txt", {}, MIRROR + "/one/file.txt"),
    ("/one/file.txt.asc", {}, K8S + "/one/file.txt.asc"),
    ("/v2/team/app/tags/list", {}, MIRROR + "/v2/team/app/tags/list"),
    ("/a~b/(c)", {}, "https://late.example.com/a~b/(c)"),
    ("/x", {"X_Team": "blue"}, MIRROR + "/x"),
    ("/x", {"X_Team": 'gr"een'}, MIRROR + "/x"),
    ("/x", {"X_Team": "blueish"}, K8S + "/x"),
    ("/x", {"X_Stage": "canary"}, MIRROR + "/x"),
    ("/v2/", {"X_Real_Ip": "2001:db8::10"}, MIRROR + "/v2/"),
    ("/a~b/(c)", {"X_Team": "blue"}, MIRROR + "/a~b/(c)"),
    ("/x", {}, K8S + "/x"),
])
def test_one_condition_suffices_and_the_first_backend_counts(rich, target, fields, location):
    assert rich.ask("GET", target, **fields) == (302, location)


def test_a_second_backend_without_conditions_is_said_to_be_left_out(tmp_path):
    done = convert(tmp_path, RICH)
    assert f"{tmp_path}/artifactserver.yaml:19:3: warning: backends: empty is left out" in done.stderr
    assert "empty.example.com" not in done.stdout


def test_where_no_backend_takes_the_rest_it_is_404(tmp_path):
    one = serve(tmp_path, NONE)
    try:
        assert one.ask("GET", "/only") == (302, "https://only.example.com/only")
        for target in ("/", "/other", "/v2/", "/v2/a/manifests/b", "/privacy"):
            assert one.ask("GET", target) == (404, None), target
        assert one.ask("POST", "/other") == (405, None)
        assert one.ask("GET", "/_/healthz") == (200, None)
    finally:
        one.stop()


def test_the_slash_at_the_end_of_a_prefix_is_not_doubled(tmp_path):
    done = convert(tmp_path, "backends: {a: {host: a.example.com, pathPrefix: /}}\n")
    assert ":1:49: warning: backends: pathPrefix: the slash at its end is left out" in done.stderr
    assert 'url: "https://a.example.com", status' in done.stdout


def test_names_of_routes_are_told_apart(tmp_path):
    """Backends may be called as the routes that the conversion adds."""
    done = convert(tmp_path, "backends:\n"
                             "  healthz: {host: a.example.com, conditions: {headers: {A: x, B: x}}}\n"
                             "  healthz-2: {host: b.example.com, conditions: {paths: [/b]}}\n"
                             "  nothing-else: {host: c.example.com, conditions: {paths: [/c]}}\n")
    names = [line.split()[2] for line in done.stdout.split("\n") if "- name:" in line]
    assert names == ["healthz-3", "healthz", "healthz-4", "healthz-2", "nothing-else",
                     "nothing-else-2"]


def entry(text):
    return f"backends:\n  a:\n    host: a.example.com\n{text}"


@pytest.mark.parametrize("text, message", [
    ("", "a configuration of it without backends"),
    ("stores: []\n", ':1:1: error: ArtifactServer: unknown key "stores"; expected backends'),
    ("backends:\n", "backends: expected names, and below them hosts, got nothing"),
    ("backends: [a]\n", ":1:11: error: backends: expected names"),
    ("backends: {a: b}\n", "expected a backend (host, pathPrefix and conditions), got \"b\""),
    ("backends: {a: {pathPrefix: /x}}\n", "a backend without host"),
    ("backends: {a: {hots: x}}\n", 'unknown key "hots"; did you mean "host"?'),
    ("backends: {a: {host: ''}}\n", "backends: host: expected the name of a host"),
    ("backends: {a: {host: a.example.com/x}}\n", ":1:22: error: backends: host: expected the name"),
    ("backends: {a: {host: 'a b'}}\n", "backends: host: expected the name of a host"),
    ("backends: {a b: {host: x.example.com}}\n", 'a route cannot be called "a b"'),
    ("backends: {a: {host: x}, a: {host: y}}\n", "backends: a is given twice; first in line 1"),
    (entry("    pathPrefix: x\n"), ":4:17: error: backends: pathPrefix: expected the beginning"),
    (entry("    pathPrefix: [x]\n"), "pathPrefix: expected the beginning of a path, got a list"),
    (entry("    conditions: {path: [/x]}\n"), 'unknown key "path"; did you mean "paths"?'),
    (entry("    conditions: {paths: [x]}\n"), ":4:26: error: backends: paths: expected a path"),
    (entry("    conditions: {paths: ['/x*']}\n"), "routes take for a wildcard"),
    (entry("    conditions: {paths: [/%20]}\n"), "characters that need no escape"),
    (entry("    conditions: {paths: [/x/../y]}\n"), ":4:26: error: backends: paths: expected a path that"),
    (entry("    conditions: {paths: [/x, /v2//y]}\n"), ':4:30: error: backends: paths: expected a path that'),
    (entry("    conditions: {headers: [x]}\n"), "headers: expected names and values"),
    (entry("    conditions: {headers: {'x y': z}}\n"), '"x y" is no name of a header field'),
    (entry("    conditions: {headers: {Host: z}}\n"), '"Host" is no name of a header field'),
    (entry("    conditions: {headers: {X: z, x: y}}\n"), ":4:34: error: backends: headers: x is given"),
    (entry("    conditions: {headers: {X: 'z*'}}\n"), "routes take for a wildcard"),
    (entry("    conditions: {headers: {X: ''}}\n"), "headers"),
    (entry("    conditions: {headers: {X: 'z '}}\n"), ":4:31: error: backends: headers: expected printable"),
    (entry("    conditions: {headers: {X-Real-Ip: me}}\n"), "expected the address of a client"),
    (entry("    conditions: {headers: {" + ", ".join(f"X{n}: y" for n in range(17)) + "}}\n"),
     "X16 is one more than the 16 fields that routes can look at"),
    (entry("    conditions: &c {}\n"), "anchors and aliases"),
    ("backends: {a: {host: localhost:8080}}\n{", "not YAML"),
    ("\x00", "not UTF-8"),
])
def test_what_is_no_such_file_or_cannot_be_said_is_refused_with_its_position(tmp_path, text, message):
    done = convert(tmp_path, text, code=1)
    assert message in done.stderr
    assert str(tmp_path / "artifactserver.yaml") in done.stderr


@pytest.mark.parametrize("arguments, code, message", [
    ([], 2, "expected one FILE"),
    (["a", "b"], 2, "expected one FILE"),
    (["--what"], 2, "`archeio convert --help` says"),
    (["/nonexistent/file"], 1, "/nonexistent/file: error: cannot be read: No such file"),
])
def test_wrong_usage_is_said(arguments, code, message):
    done = run("convert", *arguments)
    assert done.returncode == code and done.stdout == ""
    assert message in done.stderr
