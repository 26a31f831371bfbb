"""`geranos sync` brings stores up to what a registry holds: a real docker-registry, directories,
and a real S3 server."""

import uuid

import pytest

from lib import geranos
from lib.radosgw import RadosGW
from lib.registry import Registry
from lib.source import Source, noise

BLOBS = "containers/images/"
RECORDS = "geranos/uploaded-images/"


class Bucket:
    """A new bucket."""

    def __init__(self, radosgw):
        self.name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.s3 = radosgw.s3
        self.s3.make_bucket(self.name)
        self.url = f"s3://{self.name}?endpoint={radosgw.url}"

    def everything(self):
        return {key: self.s3.get(self.name, key) for key in self.s3.keys(self.name)}


class Folder:
    """A new directory."""

    def __init__(self, directory):
        self.root = directory / f"blobs-{uuid.uuid4().hex[:12]}"
        self.root.mkdir()
        self.url = f"file://{self.root}"

    def everything(self):
        return {str(f.relative_to(self.root)): f.read_bytes()
                for f in self.root.rglob("*") if f.is_file()}


@pytest.fixture
def registry(tmp_path):
    one = Registry(tmp_path / "registry")
    yield one
    one.stop()


@pytest.fixture
def source(registry):
    return Source(registry.host)


@pytest.fixture(params=["file", "s3"])
def store(request, tmp_path):
    if request.param == "file":
        return Folder(tmp_path)
    return Bucket(request.getfixturevalue("radosgw"))


@pytest.fixture
def sync(tmp_path, registry):
    """sync(store..., option...) runs it from the registry; to: stores."""

    def run(*to, options=(), command="sync", **more):
        arguments = [a for store in to for a in ("--to", store.url)]
        return geranos.run(tmp_path, command, "--from", registry.url, *arguments, *options,
                           keys=RadosGW.USER, **more)

    return run


def blobs_of(store):
    return {key.removeprefix(BLOBS): data for key, data in store.everything().items()
            if key.startswith(BLOBS)}


def records_of(store):
    return {key.removeprefix(RECORDS) for key in store.everything() if key.startswith(RECORDS)}


# ── What is copied ──


def test_images_that_share_layers_are_copied_whole_and_each_blob_once(sync, source, registry, store):
    shared = noise(3_000_000)
    source.image("team/one", "v1", [shared, noise(10, 1)], b'{"a":1}')
    source.image("team/two", "v1", [shared, noise(70_000, 2), b""], b'{"a":2}')
    done = sync(store)
    assert done.returncode == 0, done.stderr
    assert blobs_of(store) == source.blobs
    assert records_of(store) == set(source.manifests)
    reads = [a.path for a in registry.accesses() if "/blobs/sha256" in a.path and a.method == "GET"]
    assert len(reads) == len(set(p.rpartition("/")[2] for p in reads)) == len(source.blobs)
    assert f"{len(source.blobs)} blobs" in done.stdout


def test_a_plan_says_what_sync_would_copy_and_writes_nothing(sync, source, store):
    source.image("app", "v1", [noise(5000)])
    done = sync(store, command="plan")
    assert done.returncode == 1  # not everything is there
    assert "lacks 2 blobs, 4.9 KiB" in done.stdout
    assert store.everything() == {}


def test_a_second_run_copies_nothing(sync, source, registry, store):
    source.image("app", "v1", [noise(5000), noise(6000)])
    assert sync(store).returncode == 0
    before = store.everything()
    asked = len(registry.accesses())
    done = sync(store)
    assert done.returncode == 0
    assert "copied 0 blobs" in done.stdout
    assert store.everything() == before
    assert not [a for a in registry.accesses()[asked:] if "/blobs/" in a.path]
