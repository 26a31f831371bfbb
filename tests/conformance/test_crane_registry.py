"""The registry of go-containerregistry as a source."""

import pytest

from lib import geranos
from lib.ports import free_port
from lib.program import Program
from lib.source import Source, push_every_kind
from lib.target import Folder
from suites import tool


@pytest.fixture
def source(tmp_path):
    port = free_port()
    program = Program([tool("crane"), "registry", "serve", "--address", f"127.0.0.1:{port}"],
                      tmp_path / "registry.log")
    program.wait_for_port(port)
    yield Source(f"127.0.0.1:{port}")
    program.kill()


def test_images_of_every_kind_end_byte_equal(source, tmp_path):
    push_every_kind(source)
    folder = Folder(tmp_path)
    done = geranos.run(tmp_path, "sync", "--from", f"http://{source.host}", "--to", folder.url)
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == source.blobs
    assert folder.records() == set(source.manifests)
    done = geranos.run(tmp_path, "verify", "--from", f"http://{source.host}", "--to", folder.url)
    assert (done.returncode, done.stdout) == (0, "")
