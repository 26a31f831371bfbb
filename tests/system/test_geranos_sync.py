"""`geranos sync` brings stores up to what a registry holds: a real docker-registry, directories,
and a real S3 server."""

import pytest

from lib import geranos, schema1
from lib.radosgw import RadosGW
from lib.registry import Registry
from lib.source import Source, digest_of, noise, push_every_kind
from lib.target import BLOBS, Bucket, Folder


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
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def sync(tmp_path, registry):
    """sync(store..., option...) runs it from the registry."""

    def run(*to, options=(), command="sync", below="", **more):
        arguments = [a for store in to for a in ("--to", store.url)]
        return geranos.run(tmp_path, command, "--from", registry.url + below, *arguments, *options,
                           keys=RadosGW.USER, **more)

    return run


@pytest.fixture
def old_registry(tmp_path):
    """One that takes manifests of schema 1."""
    one = Registry(tmp_path / "old", auth="compatibility:\n  schema1:\n    enabled: true")
    yield one
    one.stop()


# ── What is copied ──


def test_images_of_every_kind_end_byte_equal_and_each_blob_is_read_once(sync, source, registry,
                                                                        store):
    push_every_kind(source)
    done = sync(store)
    assert done.returncode == 0, done.stderr
    assert store.blobs() == source.blobs
    assert store.records() == set(source.manifests)
    assert sorted(registry.blob_reads()) == sorted(source.blobs)
    assert f"{len(source.manifests)} images, {len(source.blobs)} blobs" in done.stdout
    assert f"copied {len(source.blobs)} blobs" in done.stdout
    assert done.stderr == ""


def test_a_second_run_reads_no_blob_and_writes_nothing(sync, source, registry, store):
    source.image("app", "v1", [noise(5000), noise(6000)])
    assert sync(store).returncode == 0
    before, asked = store.everything(), len(registry.blob_reads())
    done = sync(store)
    assert done.returncode == 0
    assert "copied 0 blobs" in done.stdout
    assert store.everything() == before
    assert registry.blob_reads()[asked:] == []


def test_what_is_new_is_all_that_is_copied(sync, source, registry, store):
    source.image("app", "v1", [noise(5000)], b'{"n":1}')
    assert sync(store).returncode == 0
    asked = len(registry.blob_reads())
    source.image("app", "v2", [noise(5000), noise(6000)], b'{"n":2}')
    assert sync(store).returncode == 0
    assert sorted(registry.blob_reads()[asked:]) == sorted(map(digest_of, (b'{"n":2}', noise(6000))))
    assert store.blobs() == source.blobs


def test_a_plan_says_what_sync_would_copy_and_writes_nothing(sync, source, store):
    source.image("app", "v1", [noise(5000)])
    done = sync(store, command="plan")
    assert done.returncode == 0, done.stderr
    assert "lacks 2 blobs, 4.9 KiB" in done.stdout
    assert store.everything() == {}


def test_several_stores_are_filled_by_one_read_of_the_source(sync, source, registry, tmp_path,
                                                             radosgw):
    push_every_kind(source)
    stores = [Folder(tmp_path), Bucket(radosgw), Folder(tmp_path)]
    assert sync(*stores).returncode == 0
    assert [s.blobs() == source.blobs for s in stores] == [True] * 3
    assert sorted(registry.blob_reads()) == sorted(source.blobs)


def test_a_store_that_has_a_part_gets_the_rest(sync, source, registry, tmp_path):
    source.image("one", "v1", [noise(5000)], b'{"n":1}')
    first, second = Folder(tmp_path), Folder(tmp_path)
    assert sync(first).returncode == 0
    source.image("two", "v1", [noise(6000)], b'{"n":2}')
    asked = len(registry.blob_reads())
    assert sync(first, second).returncode == 0
    assert first.blobs() == second.blobs() == source.blobs
    assert sorted(registry.blob_reads()[asked:]) == sorted(source.blobs)


def test_a_large_blob_goes_in_parts(sync, source, radosgw):
    store = Bucket(radosgw, "&parts-above=5MiB&part-size=5MiB")
    source.image("app", "v1", [noise(17_000_000)])
    assert sync(store).returncode == 0
    assert store.blobs() == source.blobs
    assert store.s3.uploads(store.name) == []


def test_thousands_of_blobs_are_found_in_a_bucket(sync, source, registry, radosgw):
    """More than one page of a listing: it is parted by the digests' digits."""
    store = Bucket(radosgw)
    source.image("app", "v1", [noise(100, i) for i in range(1200)])
    assert sync(store).returncode == 0
    assert len(store.s3.keys(store.name, BLOBS)) == 1201
    asked = len(registry.blob_reads())
    done = sync(store)
    assert (done.returncode, registry.blob_reads()[asked:]) == (0, [])
    assert "copied 0 blobs" in done.stdout


def test_of_a_signed_manifest_each_blob_is_mirrored_once(tmp_path, old_registry, store):
    """Schema 1 names the empty layer again and again."""
    source = Source(old_registry.host)
    first, empty, last = (source.blob("old/app", data)["digest"]
                          for data in (noise(40_000, 1), noise(32), noise(20_000, 2)))
    payload = schema1.payload_of("old/app", "v1", [last, empty, first, empty, empty])
    status, _, text = source.request("PUT", "/v2/old/app/manifests/v1",
                                     schema1.sign(payload, tmp_path), content_type=schema1.KIND)
    assert status == 201, text
    source.image("old/app", "v2", [noise(40_000, 1)])  # shares a layer
    done = geranos.run(tmp_path, "sync", "--from", old_registry.url, "--to", store.url,
                       keys=RadosGW.USER)
    assert done.returncode == 0, done.stderr
    assert store.blobs() == source.blobs
    assert store.records() == {digest_of(payload), *source.manifests}
    reads = old_registry.blob_reads()
    assert sorted(reads) == sorted(source.blobs), reads


# ── What is meant ──


@pytest.fixture
def choice(source):
    """Three images of a layer each: (repository, tag) -> the layer's digest."""
    found = {}
    for i, (repository, tag) in enumerate([("team/app", "v1"), ("team/app", "v2"), ("other", "v1")]):
        source.image(repository, tag, [noise(1000, i)])
        found[repository, tag] = digest_of(noise(1000, i))
    return found


@pytest.mark.parametrize("options, meant", [
    (["--include", "team/*"], [("team/app", "v1"), ("team/app", "v2")]),
    (["--include", "**", "--exclude", "team/*"], [("other", "v1")]),
    (["--tag", "v1"], [("team/app", "v1"), ("other", "v1")]),
    (["--exclude-tag", "v1"], [("team/app", "v2")]),
    (["--reference", "team/app:v2", "-r", "other:v1"], [("team/app", "v2"), ("other", "v1")]),
])
def test_patterns_and_references_choose(sync, choice, folder, options, meant):
    done = sync(folder, options=options)
    assert done.returncode == 0, done.stderr
    assert set(folder.blobs()) == {choice[m] for m in meant} | {digest_of(b"{}")}


def test_a_prefix_behind_the_registry_is_a_pattern_too(sync, choice, folder):
    assert sync(folder, below="/team").returncode == 0
    assert set(folder.blobs()) == {choice["team/app", "v1"], choice["team/app", "v2"],
                                   digest_of(b"{}")}


def test_a_repository_behind_the_registry_is_taken_alone(sync, choice, folder):
    assert sync(folder, below="/other").returncode == 0
    assert set(folder.blobs()) == {choice["other", "v1"], digest_of(b"{}")}


@pytest.mark.parametrize("pattern, meant", [
    ("linux/a*", {"amd64", "arm64/v8", "arm/v7"}),
    ("linux/arm64", {"arm64/v8"}),
    ("linux/arm64/v8", {"arm64/v8"}),
    ("linux/arm/v*", {"arm/v7"}),
    ("linux/arm/v6", set()),
])
def test_platforms_choose_from_an_index(sync, source, folder, pattern, meant):
    children = []
    configs = {}
    for name in ("amd64", "arm64/v8", "arm/v7", "s390x"):
        config = f'{{"a":"{name}"}}'.encode()
        configs[digest_of(config)] = name
        image = source.image("app", None, [noise(50)], config)
        platform = dict(zip(("os", "architecture", "variant"), ["linux", *name.split("/")]))
        children.append(image | {"platform": platform})
    source.index("app", "v1", children)
    assert sync(folder, options=["--platform", pattern]).returncode == (0 if meant else 1)
    assert {configs[d] for d in folder.blobs() if d in configs} == meant


def test_references_come_on_standard_input(sync, source, registry, choice, folder):
    digest = next(iter(source.manifests))
    lines = f"# what to copy\n\nteam/app@{digest}\r\n{registry.host}/other:v1\n"
    done = sync(folder, options=["--references", "-"], stdin=lines)
    assert done.returncode == 0, done.stderr
    assert set(folder.blobs()) == {choice["team/app", "v1"], choice["other", "v1"],
                                   digest_of(b"{}")}


def test_shards_share_the_work_and_make_the_whole(sync, source, registry, store):
    push_every_kind(source)
    for i in range(3):
        done = sync(store, options=["--shard", "auto/3"], JOB_COMPLETION_INDEX=str(i))
        assert done.returncode == 0, done.stderr
        assert 0 < len(store.blobs()) and (i == 2) == (len(store.blobs()) == len(source.blobs))
    assert store.blobs() == source.blobs
    assert store.records() == set(source.manifests)
    assert sorted(registry.blob_reads()) == sorted(source.blobs)


def test_keys_lie_where_they_are_told_to(sync, source, folder):
    source.image("app", "v1", [noise(100)])
    assert sync(folder, options=["--blobs", "all/", "--records", ""]).returncode == 0
    assert folder.everything() == {"all/" + d: data for d, data in source.blobs.items()}


# ── What goes wrong ──


def spoil(registry, digest, data):
    """What the registry serves for a digest from now on; None: nothing."""
    file = registry.blobs()[digest]
    file.unlink()
    if data is not None:
        file.write_bytes(data)


@pytest.mark.parametrize("data, why", [
    (noise(5000, 7), "the registry serves other bytes than the digest names"),
    (noise(5000)[:-1], "another size than the manifest"),
    (noise(5001), "another size than the manifest"),
    (None, "not found"),
])
def test_a_bad_blob_is_never_published_and_does_not_stop_the_rest(sync, source, registry, store,
                                                                  tmp_path, data, why):
    bad = source.image("bad", "v1", [noise(5000)], b'{"n":1}')
    source.image("good", "v1", [noise(6000)], b'{"n":2}')
    digest = digest_of(noise(5000))
    spoil(registry, digest, data)
    failures = tmp_path / "failures"
    done = sync(store, options=["--failures", failures])
    assert done.returncode == 1
    assert store.blobs() == {d: b for d, b in source.blobs.items() if d != digest}
    assert store.records() == set(source.manifests) - {bad["digest"]}
    what, reason = failures.read_text().rstrip("\n").split("\t")
    assert what == f"{registry.host}/bad@{digest}"
    assert why in reason
    assert "failures: 1" in done.stdout


def test_what_was_mended_is_copied_by_the_next_run(sync, source, registry, folder):
    source.image("app", "v1", [noise(5000)])
    spoil(registry, digest_of(noise(5000)), noise(5000, 7))
    assert sync(folder).returncode == 1
    spoil(registry, digest_of(noise(5000)), noise(5000))
    assert sync(folder).returncode == 0
    assert folder.blobs() == source.blobs
    assert folder.records() == set(source.manifests)


def test_a_manifest_of_other_bytes_is_refused(sync, source, registry, folder):
    bad = source.image("bad", None, [noise(5000)], b'{"n":1}')
    source.image("good", "v1", [noise(6000)], b'{"n":2}')
    source.index("bad", "v1", [bad])
    spoil(registry, bad["digest"], b'{"schemaVersion":2}')
    done = sync(folder)
    assert done.returncode == 1
    assert bad["digest"] in done.stderr
    assert set(folder.blobs()) == {digest_of(noise(6000)), digest_of(b'{"n":2}')}


def test_an_object_of_another_size_is_reported_and_not_touched(sync, source, store):
    source.image("app", "v1", [noise(5000)])
    key = BLOBS + digest_of(noise(5000))
    store.put(key, b"half")
    done = sync(store)
    assert done.returncode == 1
    assert "with another size than the manifest says: `geranos audit --all --repair`" in done.stderr
    assert ": lacks 0 blobs and holds 1 with a wrong size, 4.9 KiB in all\n" in done.stdout
    assert store.everything()[key] == b"half"
    assert store.records() == set()


def test_a_store_that_refuses_does_not_keep_others_from_being_filled(sync, source, tmp_path, folder):
    source.image("app", "v1", [noise(5000)])
    full = Folder(tmp_path)
    (full.root / "containers").write_text("in the way")
    done = sync(full, folder)
    assert done.returncode == 1
    assert "a file stands where a directory is needed" in done.stderr
    assert folder.blobs() == source.blobs
    assert folder.records() == set(source.manifests)
