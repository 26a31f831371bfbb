"""What goes wrong around geranos is said in one line, with what to do, and leaves a store right: no
memory, a full or read-only disk, keys that are no good any more.

With GERANOS_FAULTS_EVERY=1 every single allocation fails once; else one of so many.
"""

import itertools
import os
import subprocess
from pathlib import Path

import pytest

from lib import faults, faulty, geranos
from lib.faulty import Faulty, Watcher
from lib.program import SANITIZER
from lib.radosgw import RadosGW
from lib.source import noise
from lib.target import BLOBS, Bucket, Folder

EVERY = int(os.environ.get("GERANOS_FAULTS_EVERY", "97"))
# What libraries lose that run out of memory as they begin.
SUPPRESSIONS = "".join(f"leak:{library}\n" for library in (
    "libcrypto.so", "libcurl.so", "libgnutls", "libp11-kit", "ld-linux"))
# Libraries that give up without memory; what counts lines in a coverage build does not check.
GIVEN_UP = ("cannot allocate memory for thread-local data: ABORT", "in gcov_do_dump")
ROOT = os.geteuid() == 0


@pytest.fixture
def registry():
    one = Faulty()
    one.image("app", "v1", one.blob("app", noise(300_000, 1)), one.blob("app", noise(100, 2)))
    yield one
    one.stop()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def sync(tmp_path, registry, target, *options, **more):
    return geranos.run(tmp_path, "sync", "--from", registry.url, "--to", target.url, *options,
                       **more)


# ── Memory ──


@pytest.mark.slow
def test_whatever_allocation_fails_nothing_wrong_is_published_and_the_next_run_mends_it(
        tmp_path, registry):
    injector = faults.Faults(tmp_path / "control", faults.library())
    (tmp_path / "suppressions").write_text(SUPPRESSIONS)
    env = geranos.environment(tmp_path) | injector.env
    env["LSAN_OPTIONS"] = f"suppressions={tmp_path}/suppressions:print_suppressions=0"
    env["ASAN_OPTIONS"] += ":fast_unwind_on_malloc=0"
    folder = Folder(tmp_path)
    for at in itertools.count(1, EVERY):
        for key in list(folder.everything()):
            folder.remove(key)
        injector.arm("memory", at)
        done = subprocess.run([geranos.binary(), "sync", "--from", registry.url, "--to",
                               folder.url, "--jobs", "2"], env=env, capture_output=True, text=True,
                              timeout=100, check=False)
        name = injector.disarm()
        where = f"call {at}: {name}: {done.returncode}: {done.stderr[-3000:]}"
        if any(words in done.stderr for words in GIVEN_UP):
            continue
        assert not SANITIZER.search(done.stderr), where
        assert done.returncode in (0, 1), where
        assert done.returncode == 0 or done.stderr, where
        for digest, data in folder.blobs().items():
            assert registry.blobs[digest] == data, where
        assert folder.records() <= set(registry.manifests), where
        if done.returncode == 0:
            assert folder.blobs() == registry.blobs, where
        else:
            assert sync(tmp_path, registry, folder).returncode == 0, where
            assert folder.blobs() == registry.blobs, where
        if not name:
            break
    assert at > 1


# ── Disks ──


@pytest.mark.skipif(not ROOT, reason="a file system is mounted")
def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path, registry):
    folder = Folder(tmp_path)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", folder.root],
                             capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        watcher = Watcher(folder.root / BLOBS)
        # One after another: else the full disk meets what is copied beside the large blob, too.
        done = sync(tmp_path, registry, folder, "--jobs", 1)
        watcher.stop()
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and "disk is full" in lines[0], lines
        assert all(registry.blobs[d] == data for d, data in folder.blobs().items())
        assert not folder.records() and not list((folder.root / ".geranos").glob("*"))
    finally:
        subprocess.run(["umount", folder.root], check=True)


@pytest.mark.skipif(not ROOT, reason="a file system is mounted")
def test_a_read_only_file_system_is_said(tmp_path, registry):
    folder = Folder(tmp_path)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", folder.root],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        done = sync(tmp_path, registry, folder)
        assert done.returncode == 1
        assert "read-only" in done.stderr.lower(), done.stderr
        assert len(done.stderr.splitlines()) == len(registry.blobs)
    finally:
        subprocess.run(["umount", folder.root], check=True)


def test_a_file_in_the_place_of_a_directory_is_said(tmp_path, registry, folder):
    (folder.root / "containers").write_bytes(b"mine")
    done = sync(tmp_path, registry, folder)
    assert done.returncode == 1
    assert "containers" in done.stderr, done.stderr
    assert (folder.root / "containers").read_bytes() == b"mine"


def test_what_is_no_object_in_the_place_of_a_blob_is_not_taken_for_one(tmp_path, registry, folder):
    pipe, link = sorted(registry.blobs)[:2]
    (folder.root / BLOBS).mkdir(parents=True)
    os.mkfifo(folder.root / BLOBS / pipe)
    (folder.root / BLOBS / link).symlink_to("nowhere")
    done = sync(tmp_path, registry, folder)
    assert done.returncode == 1
    complaints = done.stderr.splitlines()
    assert len(complaints) == 2 and all("does not list it" in line for line in complaints)
    assert {pipe, link} <= {name for line in complaints for name in (pipe, link) if name in line}


def test_a_link_in_a_circle_is_said(tmp_path, registry, folder):
    (folder.root / BLOBS).mkdir(parents=True)
    (folder.root / BLOBS / "loop").symlink_to(".")
    done = sync(tmp_path, registry, folder)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "symbolic link" in done.stderr, done.stderr


# ── Keys and buckets ──


def s3_error(status, code, *fields):
    text = f"<Error><Code>{code}</Code><Message>said the bucket</Message></Error>".encode()
    return faulty.answer(status, text, "Content-Type: application/xml", *fields)


@pytest.mark.parametrize("status, code, advice", [
    (400, "ExpiredToken", "expired"),
    (403, "InvalidAccessKeyId", "key"),
    (403, "SignatureDoesNotMatch", "key"),
    (403, "AccessDenied", "permission"),
    (404, "NoSuchBucket", "no such bucket"),
    (301, "PermanentRedirect", "region"),
    (400, "AuthorizationHeaderMalformed", "region"),
    (200, "InternalError", "S3"),
])
def test_what_a_bucket_refuses_is_said_in_one_line_with_what_to_do(tmp_path, registry, status, code,
                                                                   advice):
    bucket = Faulty()
    try:
        fault = s3_error(status, code)
        bucket.answer = lambda handler: fault(faulty.Exchange(handler, bucket, b""))
        done = geranos.run(tmp_path, "sync", "--from", registry.url, "--to",
                           f"s3://bucket?endpoint={bucket.url}", keys=RadosGW.USER)
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and advice in lines[0] and "s3://bucket" in lines[0], lines
        assert RadosGW.USER[1] not in done.stderr
    finally:
        bucket.stop()


# ── The clock ──


def faketime(offset):
    """What a program is started with whose clock is to be off; the package faketime has it."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    assert library, "faketime is not installed: scripts/install-packages test"
    options = os.environ.get("ASAN_OPTIONS", "detect_leaks=1")
    return {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0"}


@pytest.mark.parametrize("offset, which", [("+2h", "ahead of"), ("-3d", "behind")])
def test_with_a_wrong_clock_the_stores_is_used_and_that_is_said_in_one_line(tmp_path, registry,
                                                                           radosgw, offset,
                                                                           which):
    bucket = Bucket(radosgw)
    done = sync(tmp_path, registry, bucket, keys=RadosGW.USER, **faketime(offset))
    assert done.returncode == 0, done.stderr
    assert bucket.blobs() == registry.blobs
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and bucket.url.partition("?")[0] in lines[0], lines
    assert which in lines[0] and lines[0].endswith("set this machine's clock"), lines
