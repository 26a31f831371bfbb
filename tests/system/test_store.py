"""Stores hold what they were given, whole, or nothing: a directory, and a real S3 server. What a
real server cannot be made to do is in tests/unit/mirror/s3.c."""

import hashlib
import random
import uuid

import pytest

from lib.radosgw import RadosGW
from lib.store_program import Store, digest_of

IMAGES = "containers/images/"
MIB = 1 << 20
PARTS = "&parts-above=5MiB&part-size=5MiB"


def noise(size, seed=0):
    return random.Random(seed * 1000003 + size).randbytes(size)


class Bucket(Store):
    """A new bucket, and a look into it by other code."""

    def __init__(self, directory, radosgw, parameters="", keys=RadosGW.USER):
        self.name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.s3 = radosgw.s3
        self.s3.make_bucket(self.name)
        super().__init__(directory, f"s3://{self.name}?endpoint={radosgw.url}{parameters}", keys)

    def content(self, key):
        return self.s3.get(self.name, key)

    def everything(self):
        return self.s3.keys(self.name)


class Folder(Store):
    """A new directory."""

    def __init__(self, directory):
        self.root = directory / "blobs"
        self.root.mkdir()
        super().__init__(directory, f"file://{self.root}")

    def content(self, key):
        file = self.root / key
        return file.read_bytes() if file.exists() else None

    def everything(self):
        return {str(f.relative_to(self.root)): f.stat().st_size
                for f in self.root.rglob("*") if f.is_file()}


@pytest.fixture(params=["s3", "file"])
def store(request, tmp_path):
    if request.param == "file":
        return Folder(tmp_path)
    return Bucket(tmp_path, request.getfixturevalue("radosgw"))


@pytest.fixture
def bucket(tmp_path, radosgw):
    return Bucket(tmp_path, radosgw)


@pytest.fixture
def in_parts(tmp_path, radosgw):
    return Bucket(tmp_path, radosgw, PARTS)


# ── What is put ──


@pytest.mark.parametrize("size", [0, 1, 64 << 10, 20 * MIB])
def test_a_blob_arrives_whole(store, size):
    data = noise(size)
    key = IMAGES + digest_of(data)
    assert store.put(key, data).result == "ok"
    assert store.content(key) == data
    assert store.run("read", key).output == data
    assert store.list(IMAGES) == store.everything() == {key: size}


def test_what_is_there_is_not_replaced(store):
    key = IMAGES + digest_of(b"first")
    assert store.put(key, b"first").result == "ok"
    assert store.put(key, b"other").result == "there"
    assert store.content(key) == b"first"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_put_that_breaks_leaves_nothing(store, size, algorithm):
    data = noise(size)
    digest = f"{algorithm}:" + hashlib.new(algorithm, data).hexdigest()
    done = store.run("break", IMAGES + digest, store._file(data), digest, size // 2)
    assert done.result == "retry" and "broken off" in done.error
    assert store.everything() == {}
    assert store.list() == {}


@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_the_server_refuses_wrong_content_and_shows_none(bucket, size):
    right, wrong = noise(size, 1), noise(size, 2)
    key = IMAGES + digest_of(right)
    done = bucket.put(key, wrong, digest_of(right))
    assert done.result == "refused"
    assert done.error.startswith(f"s3://{bucket.name}: the content is not what its digest says")
    assert bucket.everything() == {}
    assert bucket.put(key, right).result == "ok"


# ── In parts ──


def test_a_large_blob_arrives_in_parts(in_parts):
    data = noise(22 * MIB + 7)
    key = IMAGES + digest_of(data)
    assert in_parts.put(key, data).result == "ok"
    assert in_parts.content(key) == data
    assert in_parts.s3.uploads(in_parts.name) == []
    again = in_parts.put(key, data)
    assert (again.result, again.read) == ("there", 0)


def test_an_upload_that_broke_is_invisible_and_a_later_one_goes_on(in_parts):
    data = noise(22 * MIB + 7)
    key = IMAGES + digest_of(data)
    assert in_parts.break_off(key, data, 17 * MIB).result == "retry"
    assert in_parts.everything() == {}
    assert in_parts.s3.uploads(in_parts.name) == [key]
    assert in_parts.put(key, data).result == "ok"
    assert in_parts.content(key) == data
    assert in_parts.s3.uploads(in_parts.name) == []


def test_parts_of_other_content_are_never_published(in_parts):
    """A source that lied at first: what it left is found out by reading the right bytes."""
    wrong = noise(12 * MIB, 1)
    right = wrong[:6 * MIB] + noise(6 * MIB, 2)
    key = IMAGES + digest_of(right)
    assert in_parts.run("break", key, in_parts._file(wrong), digest_of(right),
                        11 * MIB).result == "retry"
    done = in_parts.put(key, right)
    assert done.result == "retry" and "part 2" in done.error
    assert in_parts.everything() == {} and in_parts.s3.uploads(in_parts.name) == []
    assert in_parts.put(key, right).result == "ok"
    assert in_parts.content(key) == right


def test_unfinished_uploads_of_today_are_kept(in_parts):
    data = noise(12 * MIB)
    key = IMAGES + digest_of(data)
    in_parts.break_off(key, data, 7 * MIB)
    assert in_parts.run("tidy").result == "ok"
    assert in_parts.s3.uploads(in_parts.name) == [key]


# ── What is there ──


def test_thousands_of_keys_are_listed(bucket):
    """A directory's listing of as many is in tests/unit/mirror/directory.c."""
    assert bucket.run("fill", IMAGES, 3000).result == ""
    assert bucket.set("geranos/other", b"x").result == "ok"
    everything = bucket.everything()
    assert len(everything) == 3001
    assert bucket.list() == everything
    assert len(bucket.list(IMAGES)) == 3000
    some = {k: n for k, n in everything.items() if k.startswith(IMAGES + "sha256:0a")}
    assert some and bucket.list(IMAGES + "sha256:0a") == some


def test_a_prefix_in_the_url_stands_before_every_key(tmp_path, radosgw):
    bucket = Bucket(tmp_path, radosgw)
    inner = Store(tmp_path, bucket.url.replace("?", "/mirror/one?"), RadosGW.USER)
    assert inner.put(IMAGES + "x", b"x").result == "ok"
    assert bucket.set("elsewhere", b"x").result == "ok"
    assert bucket.everything() == {"mirror/one/" + IMAGES + "x": 1, "elsewhere": 1}
    assert inner.list() == {IMAGES + "x": 1}


def test_a_small_object_is_read_and_replaced_by_its_etag(store):
    assert store.set("geranos/index", b"one").result == "ok"
    assert store.set("geranos/index", b"two").result == "there"
    etag, _, content = store.run("get", "geranos/index").output.partition(b"\n")
    assert content == b"one"
    assert store.run("get", "geranos/index", etag.decode()).result == "there"
    assert store.set("geranos/index", b"three", replace=True).result == "ok"
    assert store.run("get", "geranos/index", etag.decode()).output.endswith(b"\nthree")
    assert store.run("get", "geranos/none").result == "missing"


# ── What goes wrong ──


def test_a_wrong_access_key_is_named(bucket):
    bucket.env["AWS_ACCESS_KEY_ID"] = "NOBODY"
    for done in (bucket.run("list", ""), bucket.put("x", b"x")):
        assert done.result == "failed"
        assert "does not know the access key from the environment" in done.error


def test_a_wrong_secret_is_named_and_not_shown(bucket):
    bucket.env["AWS_SECRET_ACCESS_KEY"] = "wr0ng"
    for done in (bucket.run("list", ""), bucket.put("x", b"x")):
        assert done.result == "failed"
        assert "does not belong to its access key" in done.error
        assert "wr0ng" not in done.error


def test_a_missing_bucket_is_said(tmp_path, radosgw):
    store = Store(tmp_path, f"s3://no-such-bucket?endpoint={radosgw.url}", RadosGW.USER)
    for done in (store.run("list", ""), store.put("x", b"x"), store.set("x", b"x")):
        assert done.result == "failed"
        assert done.error == ("s3://no-such-bucket: there is no such bucket: create it, or correct "
                              "the bucket, region or endpoint")


def test_a_missing_permission_is_said(bucket):
    bucket.env["AWS_ACCESS_KEY_ID"], bucket.env["AWS_SECRET_ACCESS_KEY"] = RadosGW.STRANGER
    for done in (bucket.run("list", ""), bucket.put("x", b"x"), bucket.run("get", "x")):
        assert done.result == "failed"
        assert "no permission: allow the keys from the environment" in done.error


def test_a_server_that_is_away_is_tried_again(tmp_path):
    store = Store(tmp_path, "s3://bucket?endpoint=http://127.0.0.1:1", RadosGW.USER)
    done = store.run("list", "")
    assert done.result == "retry"
    assert done.error.startswith("s3://bucket: http://127.0.0.1:1: ")
