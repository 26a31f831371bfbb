"""What drips or stalls holds nothing up: geranos gives it a minute, says so, and tries it again,
while everything else goes on."""

import resource
import threading
import time

import pytest

from lib import faulty, geranos
from lib.crowded import Crowded
from lib.faulty import Faulty
from lib.radosgw import RadosGW
from lib.source import noise
from lib.target import Bucket

KEYS = ("AKID", "secret")
MINUTE = 60
PAUSE = 4


class Stall:
    """A fault of a store: the first request that fits is never answered."""

    def __init__(self, method, part):
        self.method, self.part = method, part
        self.lock = threading.Lock()
        self.stalled = 0
        self.ended = threading.Event()

    def __call__(self, handler, key):
        with self.lock:
            fits = (handler.command == self.method and self.part in handler.path
                    and not self.stalled)
            self.stalled += fits
        if fits:
            self.ended.wait()
        return fits


@pytest.fixture
def registry():
    one = Faulty()
    yield one
    one.stop()


@pytest.fixture
def store():
    one = Crowded()
    yield one
    if one.fault:
        one.fault.ended.set()
    one.stop()


def sync(tmp_path, registry, store):
    begun = time.monotonic()
    done = geranos.run(tmp_path, "sync", "--from", registry.url, "--to", store.url, keys=KEYS,
                       timeout=240)
    assert done.returncode == 0, done.stderr
    assert store.blobs() == registry.blobs
    done.took = time.monotonic() - begun
    return done


@pytest.mark.slow
def test_a_blob_and_a_manifest_that_drip_and_an_upload_that_stalls_are_tried_again(
        tmp_path, registry, store):
    dripping = registry.blob("drip", noise(50_000, 1), faulty.drips_once)
    registry.image("drip", "v1", dripping)
    stalling = registry.blob("stall", noise(50_000, 2))
    registry.image("stall", "v1", stalling)
    registry.image("cold", "v1", registry.blob("cold", noise(500, 4)))
    registry.faults["/v2/cold/manifests/v1"] = faulty.drips_once
    good = {registry.blob("good", noise(5000, n))["digest"] for n in range(100, 140)}
    registry.image("good", "v1", *[registry.blob("good", registry.blobs[d]) for d in good])
    store.fault = Stall("PUT", stalling["digest"].removeprefix("sha256:"))
    watcher = Watcher(store, good)
    done = sync(tmp_path, registry, store)
    assert watcher.took() < MINUTE / 2  # nothing has waited for what is slow
    assert MINUTE - 5 < done.took < 2 * MINUTE
    assert "retries: 2" in done.stdout or "retries: 3" in done.stdout, done.stdout
    resumed = [r for r in registry.seen if dripping["digest"] in r.path and "range" in r.headers]
    assert len(resumed) == 1
    assert store.fault.stalled == 1


@pytest.mark.slow
def test_a_listing_that_stalls_is_tried_again(tmp_path, registry, store):
    registry.image("app", "v1", registry.blob("app", noise(5000, 1)))
    store.fault = Stall("GET", "list-type=2")
    done = sync(tmp_path, registry, store)
    assert MINUTE - 5 < done.took < 2 * MINUTE
    assert "retries: 1" in done.stdout


@pytest.mark.alone
@pytest.mark.parametrize("size, before", [(50_000, 25_000), (50_000, 1), (11 << 20, 25_000)])
def test_an_upload_that_waits_for_its_source_uses_no_processor(tmp_path, registry, radosgw, size,
                                                              before):
    """Once it was asked all the time whether it had something to send."""
    bucket = Bucket(radosgw, "&parts-above=5MiB&part-size=5MiB")
    used = []
    for n, fault in enumerate((None, pauses(before))):
        registry.image("app", f"v{n}", registry.blob("app", noise(size, n), fault))
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = geranos.run(tmp_path, "sync", "--from", registry.url, "--to", bucket.url,
                           keys=RadosGW.USER)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        used.append(ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime)
    assert bucket.blobs() == registry.blobs
    assert used[1] < used[0] + PAUSE / 16


def pauses(before):
    """A fault: so many bytes are kept back for a while."""
    def fault(x):
        x.head(200, f"Content-Length: {len(x.body)}")
        x.raw(x.body[:-before])
        time.sleep(PAUSE)
        x.raw(x.body[-before:])
    return fault


class Watcher:
    """Looks until a store has certain blobs."""

    def __init__(self, store, wanted):
        self.begun = time.monotonic()
        self.at = None
        self.thread = threading.Thread(target=self._look, args=(store, wanted), daemon=True)
        self.thread.start()

    def _look(self, store, wanted):
        while not wanted <= set(store.blobs()):
            time.sleep(0.05)
        self.at = time.monotonic()

    def took(self):
        assert self.at, "they have not come"
        return self.at - self.begun
