"""`geranos verify` says what a store lacks, `geranos audit` what it holds that is not what its name
says: a real docker-registry, directories, and a real S3 server."""

import hashlib

import pytest

from lib import geranos
from lib.radosgw import RadosGW
from lib.registry import Registry
from lib.source import Source, digest_of, noise
from lib.target import BLOBS, Bucket, Folder


@pytest.fixture
def registry(tmp_path):
    one = Registry(tmp_path / "registry")
    yield one
    one.stop()


@pytest.fixture
def source(registry):
    """An image of three blobs."""
    one = Source(registry.host)
    one.image("app", "v1", [noise(5000), noise(300_000)])
    return one


@pytest.fixture(params=["file", "s3"])
def store(request, tmp_path):
    if request.param == "file":
        return Folder(tmp_path)
    return Bucket(request.getfixturevalue("radosgw"))


@pytest.fixture
def run(tmp_path, registry):
    """run(subcommand, store..., option...): what is named is the registry and those stores."""

    def run(command, *to, options=(), source=True, **more):
        arguments = [a for store in to for a in ("--to", store.url)]
        if source:
            arguments += ["--from", registry.url]
        return geranos.run(tmp_path, command, *arguments, *options, keys=RadosGW.USER, **more)

    return run


@pytest.fixture
def filled(run, source, store):
    """The store, with all that the source has."""
    done = run("sync", store)
    assert done.returncode == 0, done.stderr
    return store


def lines(done):
    return sorted(tuple(line.split("\t")) for line in done.stdout.splitlines())


def summary(done):
    """The last event of the log."""
    return done.log[-1]


def name_of(store):
    return store.url.partition("?")[0]


# ── verify ──


def test_a_store_that_has_everything_is_verified_and_not_touched(run, source, filled):
    before = filled.everything()
    done = run("verify", filled)
    assert (done.returncode, done.stdout) == (0, "")
    assert summary(done)["result"] == "complete"
    assert (summary(done)["source_images"], summary(done)["source_blobs"]) == (1, 3)
    assert filled.everything() == before


def test_an_empty_store_lacks_everything_a_line_each(run, registry, source, store):
    done = run("verify", store)
    assert done.returncode == 1
    assert lines(done) == sorted(
        ("missing", digest, f"{registry.host}/app", str(len(data)), "-", name_of(store))
        for digest, data in source.blobs.items())
    assert summary(done)["stores"] == [{
        "store": name_of(store), "listed": True, "missing": 3, "wrong_size": 0,
        "missing_bytes": sum(map(len, source.blobs.values()))}]
    assert store.everything() == {}


def test_what_is_missing_is_told_from_what_has_a_wrong_size(run, registry, source, filled):
    filled.put(BLOBS + digest_of(noise(5000)), noise(5000)[:-1])
    filled.remove(BLOBS + digest_of(noise(300_000)))
    done = run("verify", filled)
    assert done.returncode == 1
    assert lines(done) == [
        ("missing", digest_of(noise(300_000)), f"{registry.host}/app", "300000", "-",
         name_of(filled)),
        ("wrong-size", digest_of(noise(5000)), f"{registry.host}/app", "5000", "4999",
         name_of(filled))]


def test_each_of_several_stores_is_verified(run, source, tmp_path):
    full, empty = Folder(tmp_path), Folder(tmp_path)
    assert run("sync", full).returncode == 0
    done = run("verify", full, empty)
    assert done.returncode == 1
    assert {line[-1] for line in lines(done)} == {name_of(empty)}
    assert len(lines(done)) == 3


def test_of_a_store_that_cannot_be_listed_nothing_is_said_to_be_missing(run, source, tmp_path):
    full, broken = Folder(tmp_path), Folder(tmp_path)
    assert run("sync", full).returncode == 0
    (broken.root / "containers").write_text("in the way")
    done = run("verify", full, broken)
    assert (done.returncode, done.stdout) == (1, "")
    assert [(s["store"], s["listed"]) for s in summary(done)["stores"]] == [
        (name_of(full), True), (name_of(broken), False)]


def test_what_the_registry_does_not_give_out_fails_the_verification(run, registry, source, filled):
    bad = source.image("bad", None, [], b'{"n":1}')
    source.index("bad", "v1", [bad])
    assert run("sync", filled).returncode == 0
    registry.blobs()[bad["digest"]].write_bytes(b"{}")
    done = run("verify", filled)
    assert done.returncode == 1
    assert bad["digest"] in done.stderr


# ── audit ──


def test_what_is_right_is_audited_and_not_touched(run, filled):
    before = filled.everything()
    done = run("audit", filled, options=["--all"], source=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert {k: summary(done)[k] for k in ("result", "listed", "read", "bytes", "damaged")} == {
        "result": "complete", "listed": 3, "read": 3, "bytes": 305_002, "damaged": 0}
    assert filled.everything() == before


def flipped(data):
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


@pytest.mark.parametrize("spoil", [flipped, lambda data: data[:-1], lambda data: data + b"x",
                                   lambda data: b""], ids=["flipped", "cut", "longer", "empty"])
def test_what_is_damaged_is_found_and_repaired(run, source, filled, spoil):
    right, digest = noise(300_000), digest_of(noise(300_000))
    wrong = spoil(right)
    filled.put(BLOBS + digest, wrong)
    damage = ("damaged", BLOBS + digest, str(len(wrong)), digest_of(wrong), name_of(filled))

    done = run("audit", filled, options=["--all"], source=False)
    assert done.returncode == 1
    assert lines(done) == [damage]
    assert filled.everything()[BLOBS + digest] == wrong

    done = run("audit", filled, options=["--all", "--repair"])
    assert done.returncode == 0, done.stderr
    assert lines(done) == [damage, ("repaired", BLOBS + digest, "300000", "-", name_of(filled))]
    assert filled.blobs() == source.blobs
    assert run("audit", filled, options=["--all"], source=False).returncode == 0


def test_a_name_that_is_no_digest_is_found_and_left_alone(run, filled):
    names = ["README", "sha256:abc", digest_of(b"").upper(), "deep/" + digest_of(b"")]
    for name in names:
        filled.put(BLOBS + name, b"hello")
    filled.put("elsewhere/README", b"not ours")
    for options in [["--all"], ["--all", "--repair"], ["--sample", "0.01%"]]:
        done = run("audit", filled, options=options)
        assert done.returncode == 1
        assert lines(done) == sorted(("foreign", BLOBS + name, "5", "-", name_of(filled))
                                     for name in names)
    assert {BLOBS + name for name in names} <= set(filled.everything())


def test_a_name_forges_no_line_and_does_not_speak_to_a_terminal(run, filled):
    filled.put(BLOBS + "a\nforged\tb\x1b[2J\u009bc", b"hello")
    done = run("audit", filled, options=["--all"])
    assert done.returncode == 1
    assert lines(done) == [("foreign", BLOBS + r"a\x0aforged\x09b\x1b[2J\xc2\x9bc", "5", "-",
                            name_of(filled))]


def test_a_blob_of_sha512_is_hashed_as_its_name_says(run, filled):
    name = "sha512:" + hashlib.sha512(b"hello").hexdigest()
    filled.put(BLOBS + name, b"hello")
    assert run("audit", filled, options=["--all"], source=False).returncode == 0
    filled.put(BLOBS + name, b"hallo")
    done = run("audit", filled, options=["--all"], source=False)
    assert done.returncode == 1
    assert lines(done)[0][3] == "sha512:" + hashlib.sha512(b"hallo").hexdigest()


def test_wrong_bytes_are_never_put_in_the_place_of_wrong_bytes(run, registry, filled):
    """Nor are those that are cut, or not there: what is damaged stays as it is, and is reported."""
    digest = digest_of(noise(300_000))
    filled.put(BLOBS + digest, b"damaged")
    file = registry.blobs()[digest]
    for data in (noise(300_000, 7), noise(299_999), None):
        file.unlink()
        if data is not None:
            file.write_bytes(data)
        done = run("audit", filled, options=["--all", "--repair"])
        assert done.returncode == 1
        assert [line[0] for line in lines(done)] == ["damaged"]
        assert f"repair of {BLOBS}{digest}" in done.stderr
        assert filled.everything()[BLOBS + digest] == b"damaged"


def test_what_no_image_has_cannot_be_repaired(run, filled):
    digest = digest_of(b"nobody's")
    filled.put(BLOBS + digest, b"damaged")
    done = run("audit", filled, options=["--all", "--repair"])
    assert done.returncode == 1
    assert "damaged, and not repaired: no image of the registry has it" in done.stderr
    assert filled.everything()[BLOBS + digest] == b"damaged"


def test_a_large_blob_is_repaired_in_parts(run, registry, radosgw):
    store = Bucket(radosgw, "&parts-above=5MiB&part-size=5MiB")
    data = noise(12_000_000)
    Source(registry.host).image("app", "v1", [data])
    assert run("sync", store).returncode == 0
    store.put(BLOBS + digest_of(data), flipped(data))
    done = run("audit", store, options=["--all", "--repair"])
    assert done.returncode == 0, done.stderr
    assert store.blobs()[digest_of(data)] == data
    assert store.s3.uploads(store.name) == []


def test_one_read_of_the_source_repairs_several_stores(run, registry, source, tmp_path):
    stores = [Folder(tmp_path), Folder(tmp_path)]
    assert run("sync", *stores).returncode == 0
    digest = digest_of(noise(5000))
    for store in stores:
        store.put(BLOBS + digest, b"damaged")

    def reads():
        return [a for a in registry.settled() if a.method == "GET" and a.path.endswith(digest)]

    before = len(reads())
    done = run("audit", *stores, options=["--all", "--repair"])
    assert done.returncode == 0, done.stderr
    assert [s.blobs() == source.blobs for s in stores] == [True] * 2
    assert len(reads()) == before + 1


def test_a_sample_reads_about_as_much_as_it_says(run, registry, radosgw):
    """Of more than a page of a listing."""
    store = Bucket(radosgw)
    for i in range(1100):
        data = noise(20, i)
        store.put(BLOBS + digest_of(data), data)
    done = run("audit", store, options=["--sample", "10%"], source=False)
    assert done.returncode == 0, done.stderr
    assert summary(done)["listed"] == 1100
    assert 50 < summary(done)["read"] < 180


@pytest.mark.parametrize("options, text", [
    (["--repair"], "--repair needs --from"),
    (["--sample", "0%"], "expected a percentage above 0%"),
    (["--sample", "101%"], "expected a percentage above 0%"),
    (["--sample", "1"], "expected a percentage above 0%"),
    (["--sample", "1.23456%"], "expected a percentage above 0%"),
    (["--sample", "1.%"], "expected a percentage above 0%"),
])
def test_wrong_usage_is_said(run, tmp_path, options, text):
    done = run("audit", Folder(tmp_path), options=options, source=False)
    assert done.returncode == 2
    assert text in done.stderr


def test_a_store_that_is_not_there_is_an_error(run, radosgw, tmp_path):
    store = Bucket(radosgw)
    store.url = store.url.replace(store.name, "no-such-bucket")
    done = run("audit", store, options=["--all"], source=False)
    assert done.returncode == 1
    assert "bucket" in done.stderr
