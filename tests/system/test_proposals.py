"""The proposals for registry.k8s.io that archeio replaces, as routes: they give the same answers."""

import pytest

from lib.archeio import ROOT, run
from lib.shipped import Shipped

EXAMPLES = ROOT / "docs" / "examples"
DOCKER, K8S = "https://registry-1.docker.io", "https://k8s.gcr.io"
TARGETS = ["/", "/v2/", "/v2/pause/manifests/3.1", "/v2/pause/blobs/sha256:" + "ab" * 32,
           "/any/path?a=query"]


def example(name):
    return (EXAMPLES / name).read_text()


def serve(directory, text):
    one = Shipped(directory, text)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def njs(tmp_path_factory):
    yield from serve(tmp_path_factory.mktemp("njs"), example("nginx-njs.yaml"))


@pytest.fixture(scope="module")
def njs_of_us(tmp_path_factory):
    """MATCH_IP is the address that the tests come from."""
    yield from serve(tmp_path_factory.mktemp("njs"),
                     example("nginx-njs.yaml").replace("192.0.2.10", "127.0.0.1"))


@pytest.fixture(scope="module")
def wasm(tmp_path_factory):
    yield from serve(tmp_path_factory.mktemp("wasm"), example("envoy-wasm.yaml"))


@pytest.fixture(scope="module")
def lua(tmp_path_factory):
    yield from serve(tmp_path_factory.mktemp("lua"), example("envoy-lua.yaml"))


@pytest.mark.parametrize("target", TARGETS)
def test_nginx_with_njs_looked_at_who_connects(njs, njs_of_us, target):
    assert njs_of_us.ask("GET", target) == (302, DOCKER + target)
    assert njs.ask("GET", target) == (302, K8S + target)
    assert njs.ask("GET", target, X_Real_Ip="192.0.2.10") == (302, K8S + target)
    assert njs.ask("HEAD", target) == (302, K8S + target)


@pytest.mark.parametrize("target", TARGETS)
def test_envoy_with_a_filter_looked_at_a_field(wasm, target):
    assert wasm.ask("GET", target, X_Real_Ip="192.0.2.10") == (302, DOCKER + target)
    assert wasm.ask("GET", target, X_Real_Ip="192.0.2.100") == (302, K8S + target)
    assert wasm.ask("GET", target, X_Real_Ip="192.0.2.1") == (302, K8S + target)
    assert wasm.ask("GET", target) == (302, K8S + target)


@pytest.mark.parametrize("target", TARGETS)
def test_envoy_with_a_backend_was_told_the_address(lua, target):
    for client in ("192.0.2.10", "192.0.2.255", "2001:db8::1", "::ffff:192.0.2.1"):
        assert lua.ask("GET", target, X_Real_Ip=client) == (302, DOCKER + target)
    for client in ("192.0.3.1", "2001:db9::1", "no address"):
        assert lua.ask("GET", target, X_Real_Ip=client) == (302, K8S + target)
    assert lua.ask("GET", target) == (302, K8S + target)


def test_every_example_is_accepted_as_it_is():
    """Shipped examples that nothing reads would rot."""
    for file in EXAMPLES.glob("*.yaml"):
        if file.name == "artifactserver.yaml":
            continue  # another program's: test_convert.py
        checked = run("check-config", file)
        assert checked.returncode == 0 and "error" not in checked.stderr, checked.stderr
