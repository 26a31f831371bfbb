"""The registry of go-containerregistry as a source."""

import pytest

from lib import geranos
from lib.ports import free_port
from lib.program import Program
from lib.source import Source, noise, push_every_kind
from lib.target import Folder
from suites import tool


def serve(tmp_path, *argv):
    """A source, on the address that the last argument then is."""
    port = free_port()
    program = Program([*argv, f"127.0.0.1:{port}"], tmp_path / "registry.log")
    program.wait_for_port(port)
    yield Source(f"127.0.0.1:{port}")
    program.kill()


@pytest.fixture
def source(tmp_path):
    yield from serve(tmp_path, tool("crane"), "registry", "serve", "--address")


@pytest.fixture
def with_referrers(tmp_path):
    yield from serve(tmp_path, tool("referrers-registry"))


def test_images_of_every_kind_end_byte_equal(source, tmp_path):
    push_every_kind(source)
    folder = Folder(tmp_path)
    done = geranos.run(tmp_path, "sync", "--from", f"http://{source.host}", "--to", folder.url)
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == source.blobs
    assert folder.records() == set(source.manifests)
    done = geranos.run(tmp_path, "verify", "--from", f"http://{source.host}", "--to", folder.url)
    assert (done.returncode, done.stdout) == (0, "")


def test_untagged_artifacts_are_found_by_what_they_refer_to(with_referrers, tmp_path):
    source = with_referrers
    image = source.image("team/app", "v1", [noise(5_000)], b'{"os":"linux"}')
    sbom = source.image("team/app", None, [noise(700, 1)], b"{}", subject=image)
    source.image("team/app", None, [noise(300, 2)], b'{"n":1}', subject=sbom)
    folder = Folder(tmp_path)
    done = geranos.run(tmp_path, "sync", "--from", f"http://{source.host}", "--to", folder.url)
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == source.blobs
