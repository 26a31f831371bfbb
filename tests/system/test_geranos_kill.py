"""geranos killed at any instant: at none was there a wrong byte under a final key, and after the
next run the store equals the source. So many times: GERANOS_KILLS (50), and a tenth of that for a
bucket."""

import hashlib
import os
import random
import subprocess
import time

import pytest

from lib import geranos
from lib.faulty import Watcher
from lib.radosgw import RadosGW
from lib.registry import Registry
from lib.source import Source, noise
from lib.target import BLOBS, Bucket, Folder

KILLS = int(os.environ.get("GERANOS_KILLS", "50"))
SEED = int(os.environ.get("GERANOS_SEED", str(random.randrange(1 << 32))))


def source_of(directory, images):
    """A registry with these images: lists of the sizes of their layers."""
    registry = Registry(directory)
    one = Source(registry.host)
    children = []
    for number, sizes in enumerate(images):
        layers = [noise(size, i) for i, size in enumerate(sizes)]
        children.append(one.image("app", None, layers, b'{"n":%d}' % number))
    one.index("app", "all", children)
    one.registry = registry
    return one


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    sizes = [[0, 1, 100, 5_000, 300_000 + n, 70_000 * n, 4_000_000] for n in range(6)]
    one = source_of(tmp_path_factory.mktemp("kill") / "registry", sizes)
    yield one
    one.registry.stop()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    one = source_of(tmp_path_factory.mktemp("kill") / "registry",
                    [[11 << 20, (16 << 20) + 5], [100, 6 << 20]])
    yield one
    one.registry.stop()


class Runs:
    """Runs of a sync, killed at random or left to end."""

    def __init__(self, home, source, keys=None):
        self.home, self.source, self.keys = home, source, keys
        self.random = random.Random(SEED)
        self.longest = 0.0

    def arguments(self, target):
        return ["sync", "--from", self.source.host, "--to", target.url]

    def to_end(self, target):
        begun = time.monotonic()
        done = geranos.run(self.home, *self.arguments(target), keys=self.keys)
        self.longest = self.longest or time.monotonic() - begun
        assert done.returncode == 0, f"seed {SEED}: {done.stderr}"
        return done

    def killed(self, target):
        """At an instant of the time that a whole run takes."""
        process = subprocess.Popen([geranos.binary(), *self.arguments(target)],
                                   env=geranos.environment(self.home, self.keys),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(self.random.uniform(0, self.longest))
        except subprocess.TimeoutExpired:
            process.kill()
        _, text = process.communicate()
        assert process.returncode in (0, -9), f"seed {SEED}: {text.decode()}"

    def check(self, target):
        assert target.blobs() == self.source.blobs, f"seed {SEED}"
        assert target.records() == set(self.source.manifests), f"seed {SEED}"


def check_partly(target, source):
    """What is there is right, and nothing is said to be whole that is not."""
    there = target.blobs()
    for digest, data in there.items():
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest, f"seed {SEED}"
    assert target.records() <= set(source.manifests)
    assert not target.records() or there.keys() == source.blobs.keys(), f"seed {SEED}"


@pytest.mark.slow
def test_a_directory_holds_nothing_wrong_at_any_time_and_all_after_the_next_run(tmp_path, small):
    runs = Runs(tmp_path, small)
    runs.to_end(Folder(tmp_path))
    for _ in range(KILLS):
        folder = Folder(tmp_path)
        watcher = Watcher(folder.root / BLOBS)
        for _ in range(runs.random.choice((1, 1, 2))):
            runs.killed(folder)
            check_partly(folder, small)
        runs.to_end(folder)
        watcher.stop()
        runs.check(folder)
        assert not list((folder.root / ".geranos").glob("*")), f"seed {SEED}"


@pytest.mark.slow
def test_a_bucket_holds_nothing_wrong_and_uploads_in_parts_are_gone_on_with(tmp_path, large,
                                                                           radosgw):
    runs = Runs(tmp_path, large, RadosGW.USER)
    parameters = "&parts-above=5MiB&part-size=5MiB"
    runs.to_end(Bucket(radosgw, parameters))
    for _ in range(max(KILLS // 10, 1)):
        bucket = Bucket(radosgw, parameters)
        runs.killed(bucket)
        check_partly(bucket, large)
        runs.to_end(bucket)
        runs.check(bucket)
        assert bucket.s3.uploads(bucket.name) == [], f"seed {SEED}"
        for key in list(bucket.everything()):
            bucket.remove(key)
