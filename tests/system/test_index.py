"""A store's index: what is in it is redirected without a question, and whatever is wrong with it,
clients get what they got without one. Buckets are real nginxes; the index is written by lib/index.py.
"""

import hashlib
import json
import threading
import time

import pytest

from lib import index
from lib.archeio import run
from lib.nginx import Bucket
from lib.ports import wait_until
from lib.site import Site

CLIENT = "203.0.113.7"  # nobody knows it: the default store
UPSTREAM = "https://upstream.example"
REASONS = ("fetch", "missing", "corrupt", "stale", "too_large", "wrong")


def digest_of(number, algorithm="sha256"):
    return f"{algorithm}:" + hashlib.new(algorithm, str(number).encode()).hexdigest()


def digests(*numbers):
    return [digest_of(n) for n in numbers]


@pytest.fixture
def bucket(tmp_path):
    one = Bucket(tmp_path / "bucket")
    yield one
    one.thaw()
    one.stop()


class Server:
    """archeio with one store, whose index it believes."""

    def __init__(self, start, bucket, **existence):
        self.bucket = bucket
        self.existence = {"index_refresh": "50ms", **existence}
        self.archeio = start(self.config())

    def config(self, believed=True, **existence):
        store = {"name": "one", "url": self.bucket.url, "serves": ["default"]}
        if believed:
            store["index"] = True
        return {"upstream": {"endpoint": UPSTREAM, "path": "p"},
                "server": {"client_address": "google-lb"}, "stores": [store],
                "existence": {**self.existence, **existence}}

    def where(self, digest):
        answer = self.archeio.request(f"/v2/app/blobs/{digest}", client=CLIENT)
        assert answer.status == 307
        if answer.location == f"{self.bucket.url}/containers/images/{digest}":
            return "store"
        assert answer.location == f"{UPSTREAM}/v2/p/app/blobs/{digest}"
        return "upstream"

    def metric(self, name, **labels):
        return self.archeio.metric(f"archeio_index_{name}", store="one", **labels)

    def failures(self, reason):
        return self.metric("failures_total", reason=reason)

    def wait_used(self, entries):
        wait_until(lambda: self.metric("used") == 1 and self.metric("entries") == entries,
                   10, f"an index of {entries} in use")

    def wait_failure(self, reason, more_than=0):
        wait_until(lambda: self.failures(reason) > more_than, 10, f"a failure: {reason}")

    def log(self):
        return self.archeio.program.output()


def wait_asked(bucket, *wanted):
    """nginx logs an answer after it has sent it."""
    wait_until(lambda: set(wanted) <= set(bucket.heads()), 10, "HEADs in the bucket's log")


@pytest.fixture
def serve(archeio, bucket):
    return lambda **existence: Server(archeio, bucket, **existence)


def put(bucket, tmp_path, *wanted):
    file = tmp_path / "object"
    file.write_bytes(b"x")
    for digest in wanted:
        bucket.put(digest, file)


def test_what_is_in_the_index_is_redirected_and_never_asked_for(bucket, serve):
    known = [digest_of(n) for n in range(1000)] + [digest_of(n, "sha512") for n in range(10)]
    index.publish(bucket.root, known)
    server = serve()
    server.wait_used(1010)
    began = time.monotonic()
    assert {server.where(d) for d in known[:50] + known[-10:]} == {"store"}
    assert server.archeio.metric("archeio_existence_lookups_total", state="present") == 60
    assert server.archeio.metric("archeio_existence_lookups_total", state="miss") == 0
    if time.monotonic() - began < 3.5:  # then it is watched
        assert bucket.heads() == []
    assert server.metric("loads_total") == 1
    assert 1 < server.archeio.metric("archeio_index_memory_bytes") / (1000 * 32 + 10 * 64) < 1.05
    assert 0 <= server.metric("age_seconds") < 60


class IndexedSite(Site):
    """A site whose buckets have an index of what is in them."""

    def config(self, directory, serves):
        config = super().config(directory, serves)
        for store in config["stores"]:
            store["index"] = True
            index.publish(self.buckets[store["name"]].root, self.registry.blobs())
        return config


@pytest.mark.parametrize("name", ["skopeo"])
def test_an_image_is_pulled_from_a_store_that_is_never_asked(name, tmp_path, upstream, clients):
    one = IndexedSite(tmp_path / "site", upstream)
    try:
        wait_until(lambda: one.archeio.metric("archeio_index_used") == 2, 10, "both indexes in use")
        trace = one.pull(clients[name], "eu")
        assert trace.digest == upstream.image.digest
        assert set(trace.blobs) == {"eu"} and set(trace.blobs["eu"]) == set(upstream.image.blobs)
        assert one.buckets["us"].heads() == []  # that of eu may have been watched
        assert one.archeio.metric("archeio_existence_lookups_total", state="miss") == 0
    finally:
        one.stop()


def test_what_is_not_in_the_index_is_asked_for_as_without_one(bucket, serve, tmp_path):
    put(bucket, tmp_path, digest_of("new"))
    index.publish(bucket.root, digests(1, 2))
    server = serve()
    server.wait_used(2)
    assert server.where(digest_of("new")) == "store"
    assert server.where(digest_of("nowhere")) == "upstream"
    assert server.where(digest_of(1)) == "store"
    wait_asked(bucket, digest_of("new"), digest_of("nowhere"))
    assert digest_of(1) not in bucket.heads()


def test_a_new_index_counts_within_the_poll_interval(bucket, serve):
    index.publish(bucket.root, digests(1))
    server = serve(index_refresh="200ms", absent_ttl="10ms")
    server.wait_used(1)
    assert server.where(digest_of(2)) == "upstream"
    began = time.monotonic()
    index.publish(bucket.root, digests(2, 3))
    wait_until(lambda: server.where(digest_of(2)) == "store", 10, "the new index")
    assert time.monotonic() - began < 5
    server.wait_used(2)
    assert server.where(digest_of(1)) == "upstream"  # dropped from the index, and not there
    wait_until(lambda: server.archeio.metric("archeio_index_memory_bytes") < 2 * (64 + 2 * 32), 10,
               "the old set freed")


def test_an_unchanged_pointer_is_asked_for_by_its_etag(bucket, serve):
    key = index.publish(bucket.root, digests(1))
    server = serve()
    server.wait_used(1)
    wait_until(lambda: sum(a.path == f"/{index.CURRENT}" and a.status == 304
                           for a in bucket.accesses()) >= 3, 10, "three answers of 304")
    index.publish(bucket.root, digests(1), time.time() + 5)  # the same set, made later
    wait_until(lambda: server.metric("age_seconds") < 0, 10, "the later time")
    assert sum(a.path == f"/{key}" for a in bucket.accesses()) == 1
    assert server.metric("loads_total") == 1


def corrupt_pointer(root):
    index.write(root, index.CURRENT, b"geranos-index 1\ntime now\n")


def cut_pointer(root):
    file = root / index.CURRENT
    index.write(root, index.CURRENT, file.read_bytes()[:-1])


def corrupt_set(root, change):
    """Publishes a set that was changed and is named by the hash of what it became."""
    data = change(index.make_set(index.split(digests(1, 2, 3))))
    index.write(root, "geranos/index/" + index.name_of(data), data)
    index.write(root, index.CURRENT, index.make_pointer(index.split(digests(1, 2, 3)),
                                                        index.name_of(data), int(time.time())))


def flip_set(root):
    """Its name stays."""
    key = index.publish(root, digests(1, 2, 3))
    data = bytearray((root / key).read_bytes())
    data[-1] ^= 1
    index.write(root, key, bytes(data))


def drop_set(root):
    (root / index.publish(root, digests(1, 2, 3))).unlink()


def announce_more(root):
    parts = index.split(digests(1, 2, 3))
    data = index.make_set(parts)
    index.write(root, "geranos/index/" + index.name_of(data), data)
    more = index.split(digests(1, 2, 3, 4))
    index.write(root, index.CURRENT, index.make_pointer(more, index.name_of(data), int(time.time())))


BAD = {
    "no pointer": ("missing", lambda root: None, "geranos/index/current is not there (404)"),
    "a pointer that is none": ("corrupt", corrupt_pointer, "expected \"time SECONDS\""),
    "no set": ("missing", drop_set, "is not there (404)"),
    "another hash": ("corrupt", flip_set, "its SHA-256 is not the one that names it"),
    "wrong order": ("corrupt", lambda root: corrupt_set(
        root, lambda data: data[:64] + data[96:128] + data[64:96] + data[128:]),
        "its digests are not in ascending order"),
    "twice the same": ("corrupt", lambda root: corrupt_set(
        root, lambda data: data[:96] + data[64:96] + data[128:]),
        "its digests are not in ascending order"),
    "another count": ("corrupt", announce_more, "as geranos/index/current says"),
    "too long ago": ("stale", lambda root: index.publish(root, digests(1, 2, 3),
                                                         time.time() - 3 * 86400),
                     "longer than existence.index_max_age"),
    "in the future": ("stale", lambda root: index.publish(root, digests(1, 2, 3),
                                                          time.time() + 3600),
                      "by a clock that is wrong"),
    "too large": ("too_large", lambda root: index.publish(root, digests(*range(40))),
                  "raise existence.index_memory"),
}


@pytest.mark.parametrize("what", BAD)
def test_an_index_that_is_wrong_is_ignored_and_counted_and_said(what, bucket, serve, tmp_path):
    """Blobs are asked for, as without one; the right one is used as soon as it is there."""
    reason, make, said = BAD[what]
    put(bucket, tmp_path, digest_of(1))
    make(bucket.root)
    server = serve(index_memory="1KiB", absent_ttl="10ms")
    server.wait_failure(reason)
    assert server.where(digest_of(1)) == "store"
    assert server.where(digest_of(2)) == "upstream"
    wait_asked(bucket, digest_of(1), digest_of(2))
    assert server.metric("used") == 0
    server.wait_failure(reason, more_than=server.failures(reason) + 2)
    assert all(server.failures(r) == 0 for r in REASONS if r != reason)
    lines = [line for line in server.log().splitlines() if "its index is not used" in line]
    assert len(lines) == 1, lines  # however often it is looked for
    assert said in lines[0] and bucket.url in lines[0]
    index.publish(bucket.root, digests(2))
    server.wait_used(1)
    assert server.where(digest_of(2)) == "store"


def test_a_set_that_came_in_vain_is_asked_for_ever_more_rarely_until_the_pointer_is_another(
        bucket, serve):
    """It may be hundreds of megabytes, and be paid for by the byte."""
    key = index.publish(bucket.root, digests(1, 2, 3), time.time() - 5)
    good = (bucket.root / key).read_bytes()
    index.write(bucket.root, key, good[:-1] + b"x")
    server = serve()

    def asked(path):
        return sum(a.path == f"/{path}" for a in bucket.accesses())

    wait_until(lambda: asked(index.CURRENT) >= 40, 20, "forty looks at the pointer")
    assert 2 <= asked(key) <= 8
    index.publish(bucket.root, digests(1, 2, 3))
    server.wait_used(3)


def test_what_was_loaded_is_believed_while_the_next_cannot_be(bucket, serve):
    """Until present_ttl has passed since it was last found to be current."""
    index.publish(bucket.root, digests(1))
    server = serve(present_ttl="1s", absent_ttl="10ms")
    server.wait_used(1)
    began = time.monotonic()
    cut_pointer(bucket.root)
    server.wait_failure("corrupt")
    if time.monotonic() - began < 0.7:
        assert server.where(digest_of(1)) == "store"
    assert "is not brought up to date" in server.log()
    wait_until(lambda: server.where(digest_of(1)) == "upstream", 10, "the end of what was believed")
    assert server.metric("used") == 0
    index.publish(bucket.root, digests(1))
    wait_until(lambda: server.where(digest_of(1)) == "store", 10, "belief again")
    assert "its index is used again" in server.log()


def test_a_pointer_that_is_taken_away_ends_belief_at_once(bucket, serve):
    index.publish(bucket.root, digests(1))
    server = serve()
    server.wait_used(1)
    (bucket.root / index.CURRENT).unlink()
    wait_until(lambda: server.metric("entries") == 0, 10, "the index let go of")
    assert server.where(digest_of(1)) == "upstream"
    wait_until(lambda: server.archeio.metric("archeio_index_memory_bytes") == 0, 10, "its memory")


def test_an_older_index_does_not_take_the_place_of_a_newer(bucket, serve):
    index.publish(bucket.root, digests(1))
    server = serve()
    server.wait_used(1)
    index.publish(bucket.root, digests(1, 2), time.time() - 600)
    server.wait_failure("stale")
    assert server.metric("entries") == 1
    assert "made before the one in use" in server.log()


def test_an_index_gets_too_old_while_it_is_in_use(bucket, serve):
    server = serve(index_max_age="10s", absent_ttl="10ms")
    index.publish(bucket.root, digests(1), time.time() - 5)  # now: starting may take a while
    server.wait_used(1)
    wait_until(lambda: server.metric("used") == 0, 20, "too old")
    assert server.where(digest_of(1)) == "upstream"
    server.wait_failure("stale")


def test_a_store_that_is_down_is_down_whatever_its_index_says(bucket, serve, tmp_path):
    """The watch notices, although nobody ever had to ask; and it is used again when it is back."""
    put(bucket, tmp_path, *digests(1, 2))
    index.publish(bucket.root, digests(1, 2))
    server = serve()
    server.wait_used(2)
    assert server.where(digest_of(1)) == "store"
    began = time.monotonic()
    bucket.behave(Bucket.FAILING)
    wait_until(lambda: server.where(digest_of(2)) == "upstream", 20, "the store down")
    assert time.monotonic() - began < 12
    server.wait_failure("fetch")
    bucket.behave(Bucket.GOOD)
    wait_until(lambda: server.where(digest_of(2)) == "store", 20, "the store up")


def test_an_index_that_names_what_is_not_there_is_distrusted(bucket, serve, tmp_path):
    """The watch asks for what was redirected: an index of an emptied store sends nobody there."""
    put(bucket, tmp_path, digest_of(2))
    index.publish(bucket.root, digests(1, 2))
    server = serve(absent_ttl="10ms")
    server.wait_used(2)
    assert server.where(digest_of(1)) == "store"
    wait_until(lambda: server.metric("used") == 0, 12, "distrust")
    assert server.failures("wrong") == 1
    assert server.where(digest_of(1)) == "upstream"
    assert server.where(digest_of(2)) == "store"
    wait_asked(bucket, digest_of(2))
    put(bucket, tmp_path, digest_of(1))
    index.publish(bucket.root, digests(1, 2), time.time() + 2)
    wait_until(lambda: server.metric("used") == 1, 10, "trust in a later one")
    assert server.where(digest_of(1)) == "store"


def test_a_reload_begins_and_ends_belief(bucket, serve):
    index.publish(bucket.root, digests(1))
    server = serve()
    server.wait_used(1)

    def reload(**changes):
        done = server.log().count("reloaded")
        server.archeio.write(server.config(**changes))
        server.archeio.reload()
        wait_until(lambda: server.log().count("reloaded") > done, 10, "the reload")

    reload(believed=False)
    wait_until(lambda: server.where(digest_of(1)) == "upstream", 10, "no index")
    wait_until(lambda: server.archeio.metric("archeio_index_memory_bytes") == 0, 10, "its memory")
    polls = len(bucket.accesses())
    reload()
    server.wait_used(1)
    assert server.where(digest_of(1)) == "store" and len(bucket.accesses()) > polls
    reload(index_memory="1KiB", index_refresh="20ms")
    index.publish(bucket.root, digests(*range(40)))
    server.wait_failure("too_large")


def test_a_compiled_snapshot_says_which_indexes_are_believed(bucket, archeio, tmp_path):
    """And only files and system calls that a confined server may use are used."""
    index.publish(bucket.root, digests(1))
    file, image = tmp_path / "policy.yaml", tmp_path / "image"
    file.write_text(f"upstream: {{endpoint: '{UPSTREAM}'}}\nstores:\n"
                    f"  - {{name: one, url: '{bucket.url}', serves: [default], index: true}}\n")
    made = run("compile", "--config", file, "--output", image,
               env={"ARCHEIO_RANGES": "/nonexistent"})
    assert made.returncode == 0, made.stderr
    server = archeio({"server": {"client_address": "google-lb", "confine": "auto"},
                      "existence": {"index_refresh": "50ms"}}, args=("--snapshot", image))
    wait_until(lambda: server.metric("archeio_index_used", store="one") == 1, 10, "the index")
    answer = server.request(f"/v2/app/blobs/{digest_of(1)}", client=CLIENT)
    assert answer.location == f"{bucket.url}/containers/images/{digest_of(1)}"
    assert bucket.heads() == []


def test_indexes_change_under_load_and_nobody_is_sent_elsewhere(bucket, serve):
    """What is in every index is redirected to the store throughout, while sets come and go."""
    always = digests(*range(20))
    index.publish(bucket.root, always)
    server = serve(index_refresh="10ms")
    server.wait_used(20)
    ended, wrong = threading.Event(), []

    def client():
        while not ended.is_set():
            wrong.extend(d for d in always if server.where(d) != "store")

    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    made = int(time.time())
    for round_ in range(25):
        index.publish(bucket.root, always + digests(*range(100, 101 + round_)), made + round_ % 200)
        server.wait_used(21 + round_)
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert server.metric("loads_total") >= 25


def test_a_server_ends_while_an_index_is_on_its_way(bucket, serve):
    index.publish(bucket.root, digests(1))
    server = serve()
    server.wait_used(1)
    bucket.freeze()
    began = time.monotonic()
    server.archeio.stop()
    assert time.monotonic() - began < 8


def test_check_config_online_looks_for_the_index(bucket, tmp_path):
    text = (f"upstream: {{endpoint: '{bucket.url}'}}\nstores:\n"
            f"  - {{name: one, url: '{bucket.url}', serves: [default], index: true}}\n")
    file = tmp_path / "archeio.yaml"
    file.write_text(text)

    def check():
        done = run("check-config", "--online", file, env={"ARCHEIO_RANGES": "/nonexistent"})
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert "store one has no index that can be used: geranos/index/current is not there" in check()
    index.publish(bucket.root, digests(1), time.time() - 3 * 86400)
    assert "store one: its index was made 2592" in check()
    index.publish(bucket.root, digests(1))
    assert "index" not in check()


@pytest.mark.parametrize("believed", [True, False])
def test_explain_says_that_an_index_is_looked_into(believed, bucket, tmp_path):
    file = tmp_path / "archeio.yaml"
    file.write_text(f"upstream: {{endpoint: '{UPSTREAM}'}}\nstores:\n  - {{name: one, "
                    f"url: '{bucket.url}', serves: [default], index: {str(believed).lower()}}}\n")
    arguments = ["explain", "--config", file, "--present", "--ip", CLIENT,
                 f"/v2/app/blobs/{digest_of(1)}"]
    env = {"ARCHEIO_RANGES": "/nonexistent"}
    assert ("serve looks into its index first" in run(*arguments, env=env).stdout) == believed
    steps = json.loads(run(*arguments, "--json", env=env).stdout)["steps"]
    assert [c["index"] for s in steps for c in s.get("candidates", ())] == [believed]
    assert ("index: true" in run("config", "--config", file, env=env).stdout) == believed
