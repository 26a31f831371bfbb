"""`geranos index` publishes what a store holds, and archeio serves pulls by it without a question: real
docker-registry, radosgw, nginx and skopeo. lib/index.py makes the same index by other code.
"""

import os
import random
import subprocess
import threading
import time

import pytest

from lib import geranos, index
from lib.clients import Skopeo
from lib.nginx import Bucket as Nginx
from lib.ports import wait_until
from lib.radosgw import RadosGW
from lib.registry import Registry
from lib.source import Source, digest_of, noise, push_every_kind
from lib.target import BLOBS, Bucket, Folder

KILLS = int(os.environ.get("GERANOS_KILLS", "50"))
SEED = int(os.environ.get("GERANOS_SEED", str(random.randrange(1 << 32))))
RETIRED = "geranos/index/retired/"


@pytest.fixture(params=["file", "s3"])
def store(request, tmp_path):
    if request.param == "file":
        return Folder(tmp_path)
    return Bucket(request.getfixturevalue("radosgw"))


@pytest.fixture
def publish(tmp_path):
    """publish(store..., option...) runs it."""

    def run(*to, options=(), **more):
        arguments = [a for store in to for a in ("--to", store.url)]
        return geranos.run(tmp_path, "index", *arguments, *options, keys=RadosGW.USER, **more)

    return run


def fill(store, *numbers):
    for number in numbers:
        data = b"blob %d" % number
        store.put(BLOBS + digest_of(data), data)


def read(store):
    """(the pointer's time, the digests of the set that it names), as reading every byte finds them; None
    without a pointer."""
    text = store.get(index.CURRENT)
    if text is None:
        return None
    words = dict(line.split(" ") for line in text.decode().splitlines())
    data = store.get("geranos/index/" + words["object"])
    assert data is not None, f"{words['object']} is not there"
    assert index.name_of(data) == words["object"]
    count, long_ones = int(words["sha256"]), int(words["sha512"])
    assert len(data) == 64 + 32 * count + 64 * long_ones
    raw = [data[64 + 32 * i:96 + 32 * i] for i in range(count)]
    digests = {"sha256:" + one.hex() for one in raw}
    assert data == index.make_set(index.split(digests))
    return int(words["time"]), digests


def sets(store):
    return {key for key in store.everything() if key.startswith("geranos/index/sha256:")}


# ── What is published ──


def test_the_index_is_of_what_is_there_byte_for_byte(publish, store):
    fill(store, *range(50))
    store.put(BLOBS + "README", b"no digest")
    store.put("geranos/uploaded-images/" + digest_of(b"x"), b"")
    before = int(time.time())
    done = publish(store)
    assert done.returncode == 0, done.stderr
    made, digests = read(store)
    assert digests == {digest_of(b"blob %d" % n) for n in range(50)}
    assert before <= made <= time.time()
    assert "index of 50 blobs published" in done.stdout
    assert done.log[-1]["indexes"][0]["result"] == "published"


def test_a_set_that_did_not_change_is_only_said_to_be_of_now(publish, store):
    fill(store, 1, 2)
    publish(store)
    first = read(store)
    done = publish(store)
    assert done.log[-1]["indexes"][0]["result"] == "unchanged"
    assert read(store)[0] > first[0] and read(store)[1] == first[1]
    assert len(sets(store)) == 1


def test_what_is_to_be_deleted_is_left_out_though_it_is_there(publish, store, tmp_path):
    fill(store, *range(5))
    publish(store)
    going = [digest_of(b"blob %d" % n) for n in (1, 3)]
    drop = tmp_path / "drop"
    drop.write_text(f"# to be deleted\n{going[0]}\n\n  {BLOBS}{going[1]}\n{digest_of(b'never there')}\n")
    done = publish(store, options=["--without", drop])
    assert done.returncode == 0, done.stderr
    assert read(store)[1] == {digest_of(b"blob %d" % n) for n in (0, 2, 4)}
    assert "index of 3 blobs published" in done.stdout
    assert done.stdout.rstrip().endswith("; 2 that are there left out")
    assert done.log[-1]["indexes"][0]["left_out"] == 2
    assert store.get(BLOBS + going[0]) == b"blob 1"


def test_what_is_left_out_of_a_listing_in_parts_is_counted_once(publish, radosgw, tmp_path):
    """A bucket is listed by prefixes once its first page was full, and names some keys again."""
    store, drop = Bucket(radosgw), tmp_path / "drop"
    digests = [f"sha256:{number:04x}{0:060x}" for number in range(1001)]
    for digest in digests:
        store.put(BLOBS + digest, b"")
    drop.write_text("\n".join(digests[1:]))
    done = publish(store, options=["--without", drop])
    assert read(store)[1] == {digests[0]}
    assert done.log[-1]["indexes"][0]["left_out"] == 1000


@pytest.mark.parametrize("text, complaint", [
    (None, "cannot be read: No such file"),
    ("sha256:" + 64 * "0" + "\nsha256:12\n", "line 2: expected a digest"),
])
def test_a_list_of_what_is_left_out_that_cannot_be_read_publishes_nothing(publish, store, tmp_path,
                                                                         text, complaint):
    fill(store, 1)
    drop = tmp_path / "drop"
    if text is not None:
        drop.write_text(text)
    done = publish(store, options=["--without", drop])
    assert done.returncode == 1
    assert complaint in done.stderr and str(drop) in done.stderr
    assert read(store) is None


def test_what_was_dropped_is_dropped_and_the_old_set_goes_after_an_hour(publish, store):
    fill(store, 1, 2)
    publish(store)
    old = sets(store)
    store.remove(BLOBS + digest_of(b"blob 2"))
    publish(store)
    assert read(store)[1] == {digest_of(b"blob 1")}
    assert old < sets(store)
    marker = RETIRED + next(iter(old)).rpartition("/")[2]
    assert abs(int(store.get(marker).split()[1]) - time.time()) < 60
    store.put(marker, b"retired %d\n" % (time.time() - 3601))
    publish(store)
    assert not old & sets(store) and store.get(marker) is None
    assert read(store)[1] == {digest_of(b"blob 1")}


def test_the_pointer_of_a_bucket_is_not_kept_for_long_by_caches(publish, radosgw):
    bucket = Bucket(radosgw)
    publish(bucket)
    _, headers, _ = bucket.s3.request("HEAD", f"/{bucket.name}/{index.CURRENT}")
    assert headers["Cache-Control"] == "max-age=30"


def test_a_pointer_of_a_later_listing_stays(publish, store):
    fill(store, 1)
    later = index.make_pointer(index.split([]), index.name_of(b""), int(time.time()) + 100)
    store.put(index.CURRENT, later)
    done = publish(store)
    assert done.returncode == 0 and done.log[-1]["indexes"][0]["result"] == "newer"
    assert store.get(index.CURRENT) == later


def test_a_store_that_cannot_be_listed_or_written_is_said_and_the_others_are_published(
        publish, radosgw, tmp_path):
    good, missing = Folder(tmp_path), Bucket(radosgw)
    missing.url = missing.url.replace(missing.name, "no-such-bucket")
    fill(good, 1)
    done = publish(missing, good)
    assert done.returncode == 1
    assert "there is no such bucket" in done.stderr
    assert read(good)[1] == {digest_of(b"blob 1")}


def test_an_index_needs_a_store_and_no_source(tmp_path):
    done = geranos.run(tmp_path, "index")
    assert done.returncode == 2 and "--to is missing" in done.stderr
    done = geranos.run(tmp_path, "index", "--from", "registry.example")
    assert done.returncode == 2


# ── Several writers ──


class Publisher(threading.Thread):
    """Publishes one time after the other, until it is told to end."""

    def __init__(self, publish, store):
        super().__init__()
        self.publish, self.store = publish, store
        self.ends = threading.Event()
        self.done = []
        self.start()

    def run(self):
        while not self.ends.is_set():
            self.done.append(self.publish(self.store))


def test_of_several_writers_none_undoes_a_later_listing(publish, store):
    """Blobs are only added: whoever listed later knows all that those before him knew."""
    publish(store)
    writers = [Publisher(publish, store) for _ in range(3)]
    seen, times = set(), [0]
    try:
        for number in range(12):
            fill(store, number)
            time.sleep(0.3)
            made, digests = read(store)
            assert made >= times[-1] and seen <= digests
            times.append(made)
            seen = digests
    finally:
        for writer in writers:
            writer.ends.set()
        for writer in writers:
            writer.join()
    assert all(d.returncode == 0 for w in writers for d in w.done)
    assert publish(store).log[-1]["indexes"][0]["result"] in ("published", "unchanged")
    assert read(store)[1] == {digest_of(b"blob %d" % n) for n in range(12)}


@pytest.mark.slow
def test_killed_at_any_instant_the_pointer_names_a_whole_set(publish, store, tmp_path):
    chance = random.Random(SEED)
    fill(store, *range(100))
    begun = time.monotonic()
    assert publish(store).returncode == 0
    longest = time.monotonic() - begun
    for number in range(KILLS):
        fill(store, 1000 + number)
        process = subprocess.Popen([geranos.binary(), "index", "--to", store.url],
                                   env=geranos.environment(tmp_path, RadosGW.USER),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0, longest + 1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        there = {digest_of(b"blob %d" % n) for n in (*range(100), *range(1000, 1001 + number))}
        assert read(store)[1] <= there, f"seed {SEED}"
    assert publish(store).returncode == 0
    assert read(store)[1] == there, f"seed {SEED}"


# ── With a sync, and archeio in front ──


@pytest.fixture
def registry(tmp_path):
    one = Registry(tmp_path / "registry")
    yield one
    one.stop()


def sync(tmp_path, registry, store, *options):
    return geranos.run(tmp_path, "sync", "--from", registry.url, "--to", store.url, *options,
                       keys=RadosGW.USER)


def test_a_sync_publishes_at_its_end_if_it_is_told_to(tmp_path, registry, store):
    source = Source(registry.host)
    source.image("app", "v1", [noise(5000)])
    assert sync(tmp_path, registry, store).returncode == 0
    assert read(store) is None
    done = sync(tmp_path, registry, store, "--index")
    assert done.returncode == 0 and "index of 2 blobs published" in done.stdout
    assert read(store)[1] == set(source.blobs)
    source.image("app", "v2", [noise(6000)], b'{"n":2}')
    (tmp_path / "geranos.yaml").write_text("index: true\n")
    assert sync(tmp_path, registry, store, "-c", tmp_path / "geranos.yaml").returncode == 0
    assert read(store)[1] == set(source.blobs)


def test_a_sync_that_could_not_copy_all_publishes_what_is_there(tmp_path, registry, store):
    source = Source(registry.host)
    source.image("app", "v1", [noise(5000), noise(6000)])
    lost = digest_of(noise(6000))
    registry.blobs()[lost].unlink()
    done = sync(tmp_path, registry, store, "--index")
    assert done.returncode == 1 and lost in done.stderr
    assert read(store)[1] == set(source.blobs) - {lost}


class Public:
    """A bucket that everybody may read, as archeio and clients see it."""

    def __init__(self, radosgw):
        self.store = Bucket(radosgw)
        self.url = f"{radosgw.url}/{self.store.name}"
        everybody = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
                     '"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::%s/*"]}]}'
                     % self.store.name)
        status, _, text = self.store.s3.request("PUT", f"/{self.store.name}", {"policy": ""},
                                                everybody.encode())
        assert status in (200, 204), text

    def stop(self):
        pass


class Served:
    """A directory, and nginx that serves it."""

    def __init__(self, directory):
        self.nginx = Nginx(directory / "bucket")
        self.store = Folder(directory)
        self.store.root = self.nginx.root
        self.store.root.mkdir(parents=True, exist_ok=True)
        self.store.url = f"file://{self.nginx.root}"
        self.url = self.nginx.url

    def stop(self):
        self.nginx.stop()


@pytest.fixture(params=["file", "s3"])
def public(request, tmp_path):
    one = Served(tmp_path) if request.param == "file" else Public(
        request.getfixturevalue("radosgw"))
    yield one
    one.stop()


PULLED = ("oci/app:v1", "oci/single:v1", "docker/app:v1", "docker/app:all", "oci/app:artifact",
          "oci/empty:v1")


@pytest.fixture
def skopeo():
    one = Skopeo()
    yield one
    one.close()


def test_images_of_every_kind_are_pulled_from_the_store_and_nothing_is_ever_asked(
        tmp_path, registry, public, archeio, skopeo):
    """From push to pull: sync with its index, and archeio that believes it. (A store that clients were
    sent to is watched with a HEAD, 4 s after the first of them: a pull may take longer.)"""
    source = Source(registry.host)
    push_every_kind(source)
    done = sync(tmp_path, registry, public.store, "--index")
    assert done.returncode == 0, done.stderr
    assert public.store.blobs() == source.blobs
    reads = len(registry.blob_reads())
    for reference in PULLED:
        server = archeio({
            "upstream": {"endpoint": registry.url},
            "stores": [{"name": "one", "url": public.url, "serves": ["default"], "index": True}],
            "existence": {"index_refresh": "50ms"}})
        wait_until(lambda: server.metric("archeio_index_used") == 1, 10, "the index in use")
        assert server.metric("archeio_index_entries") == len(source.blobs)
        repository, _, tag = reference.partition(":")
        pulled = skopeo.pull(f"127.0.0.1:{server.port}", repository, f":{tag}")
        assert pulled.digest in source.manifests, reference
        assert server.metric("archeio_existence_lookups_total", state="present") > 0, reference
        assert server.metric("archeio_existence_lookups_total", state="miss") == 0, reference
        server.stop()
    assert len(registry.blob_reads()) == reads
