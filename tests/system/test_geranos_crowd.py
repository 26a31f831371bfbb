"""geranos asks of each registry and each store what that can do at once, by what it says (429, 503)
and how fast it answers, whatever the others can."""

import threading
import time
import zlib

import pytest

from lib import faulty, geranos
from lib.crowded import Crowded
from lib.faulty import Faulty
from lib.source import digest_of, noise
from lib.target import BLOBS, Folder

pytestmark = pytest.mark.alone

KEYS = ("AKID", "secret")


@pytest.fixture
def registry():
    one = Faulty()
    yield one
    one.stop()


@pytest.fixture
def stores():
    """stores(...): a Crowded."""
    made = []

    def make(**more):
        made.append(Crowded(**more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def sync(tmp_path, registry, *urls, jobs=32):
    to = [x for url in urls for x in ("--to", url)]
    done = geranos.run(tmp_path, "sync", "--from", registry.url, *to, "--jobs", jobs, keys=KEYS)
    assert done.returncode == 0, done.stderr
    return done


def fill(registry, name, n, size=2000):
    """An image of n layers: what the stores are to have of it."""
    before = set(registry.blobs)
    first = zlib.crc32(name.encode())
    registry.image(name, "v1", *[registry.blob(name, noise(size, first + i)) for i in range(n)])
    return {d: b for d, b in registry.blobs.items() if d not in before}


def test_a_store_that_throttles_gets_less_at_once_and_everything_in_the_end(tmp_path, registry,
                                                                            stores):
    fill(registry, "app", 400)
    store = stores(capacity=4)
    sync(tmp_path, registry, store.url)
    assert store.blobs() == registry.blobs
    assert 0 < store.refused < 400
    late = store.log[len(store.log) // 2:]
    assert sum(late) / len(late) < 8, late


def test_a_store_that_throttles_takes_nothing_from_another(tmp_path, registry, stores):
    weak, strong = stores(capacity=2), stores()
    for_weak, for_strong = fill(registry, "weak", 40), fill(registry, "strong", 400)
    strong.objects |= {BLOBS + d: b for d, b in for_weak.items()}
    weak.objects |= {BLOBS + d: b for d, b in for_strong.items()}
    sync(tmp_path, registry, weak.url, strong.url)
    assert weak.blobs() == strong.blobs() == registry.blobs
    assert weak.refused > 0
    assert strong.refused == 0 and strong.most >= 16


@pytest.mark.slow
def test_a_store_that_answers_slower_the_more_it_gets_is_not_given_all_at_once(tmp_path, registry,
                                                                               stores):
    """It does everything one after the other: what is more than a few at once is only a queue."""
    fill(registry, "app", 250)
    store = stores(work=lambda n: 0.04 * n)
    sync(tmp_path, registry, store.url, jobs=64)
    late = store.log[len(store.log) // 2:]
    assert store.blobs() == registry.blobs
    assert sum(late) / len(late) < 24, late


def test_a_store_that_is_no_slower_for_it_is_given_all_at_once(tmp_path, registry, stores):
    fill(registry, "app", 600)
    store = stores(work=lambda n: 0.2)
    sync(tmp_path, registry, store.url, jobs=32)
    assert store.most >= 30


@pytest.mark.parametrize("status", [429, 503])
def test_a_registry_that_throttles_gets_less_at_once(tmp_path, registry, status):
    limit = Limit(4, status)
    blobs = fill(registry, "app", 300)
    for digest in blobs:
        registry.faults[f"/v2/app/blobs/{digest}"] = limit
    folder = Folder(tmp_path)
    sync(tmp_path, registry, folder.url)
    assert folder.blobs() == registry.blobs
    assert 0 < limit.refused < 300


def test_an_audit_lists_many_ranges_at_once_and_finds_each_object_once(tmp_path, stores):
    store = stores()
    blobs = [noise(20, n) for n in range(2500)]
    store.objects |= {BLOBS + digest_of(data): data for data in blobs}
    digests = sorted(store.objects)
    foreign = {"README", "sha256:", "sha256:3f", "sha256:40", "sha256:AA", "sha256:zz", "sha257",
               digests[1200].removeprefix(BLOBS) + "x", digests[3].removeprefix(BLOBS)[:-1], "~"}
    store.objects |= {BLOBS + name: b"" for name in foreign}
    done = geranos.run(tmp_path, "audit", "--to", store.url, "--all", keys=KEYS)
    found = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("foreign")]
    assert sorted(fields[1] for fields in found) == sorted(BLOBS + name for name in foreign)
    assert sorted(store.reads) == digests
    assert store.most_lists > 1


class Limit:
    """A fault: more than so many at once are refused."""

    def __init__(self, capacity, status):
        self.capacity, self.status = capacity, status
        self.lock = threading.Lock()
        self.now = self.refused = 0

    def __call__(self, x):
        with self.lock:
            self.now += 1
            refused = self.now > self.capacity
            self.refused += refused
        try:
            if refused:
                x.send(self.status, b"")
            else:
                time.sleep(0.02)
                faulty.good(x)
        finally:
            with self.lock:
                self.now -= 1
