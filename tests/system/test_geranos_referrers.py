"""What refers to an image, without a tag of its own, is mirrored with it."""

import re
import subprocess

import pytest

from lib import geranos
from lib.faulty import Faulty
from lib.target import Folder


@pytest.fixture
def faulty():
    one = Faulty()
    yield one
    one.stop()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def sync(tmp_path, faulty, folder, *options):
    return subprocess.run([geranos.binary(), "sync", "--from", faulty.url, "--to", folder.url,
                           *options], capture_output=True, text=True, timeout=120, check=False,
                          env=geranos.environment(tmp_path))


def asked(faulty):
    """For whose referrers."""
    return [(m[1], m[2]) for m in (re.fullmatch(r"/v2/(.+)/referrers/([^?]+)(\?.*)?", s.path)
                                   for s in faulty.seen) if m]


def test_artifacts_are_found_by_their_subjects_and_theirs_by_them(tmp_path, faulty, folder):
    image = faulty.image("team/app", "v1", faulty.blob("team/app", b"layer"))
    sbom = faulty.artifact("team/app", image, faulty.blob("team/app", b"an SBOM"))
    faulty.artifact("team/app", image, faulty.blob("team/app", b"a signature"))
    faulty.artifact("team/app", sbom, faulty.blob("team/app", b"the SBOM's signature"))
    done = sync(tmp_path, faulty, folder)
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == faulty.blobs
    assert len(asked(faulty)) == len(set(asked(faulty))) == 4


def test_the_children_of_an_index_have_referrers_too(tmp_path, faulty, folder):
    child = faulty.image("app", None, faulty.blob("app", b"layer"))
    faulty.index("app", "v1", child)
    faulty.artifact("app", child, faulty.blob("app", b"a signature"))
    assert sync(tmp_path, faulty, folder).returncode == 0
    assert folder.blobs() == faulty.blobs


def test_one_image_in_two_repositories_has_the_referrers_of_both(tmp_path, faulty, folder):
    for repository in ("a", "b"):
        document = {"schemaVersion": 2, "config": faulty.blob(repository, b"config"), "layers": []}
        image = faulty.manifest(repository, document, "v1")
        faulty.artifact(repository, image, faulty.blob(repository, repository.encode()))
    assert sync(tmp_path, faulty, folder).returncode == 0
    assert folder.blobs() == faulty.blobs


def test_what_a_reference_names_has_its_referrers(tmp_path, faulty, folder):
    image = faulty.image("app", "v1", faulty.blob("app", b"layer"))
    faulty.artifact("app", image, faulty.blob("app", b"a signature"))
    assert sync(tmp_path, faulty, folder, "--reference", "app:v1").returncode == 0
    assert folder.blobs() == faulty.blobs


def test_referrers_come_in_pages(tmp_path, faulty, folder):
    image = faulty.image("app", "v1", faulty.blob("app", b"layer"))
    parts = [faulty.artifact("app", image, faulty.blob("app", b"%d" % i)) for i in range(3)]
    path = f"/v2/app/referrers/{image['digest']}"
    faulty.faults[path + "?last=1"] = lambda x: faulty.refer(x, parts[1:])
    faulty.faults[path] = lambda x: faulty.refer(x, parts[:1], f"Link: <{path}?last=1>; rel=\"next\"")
    assert sync(tmp_path, faulty, folder).returncode == 0
    assert folder.blobs() == faulty.blobs


def test_a_registry_that_does_not_know_them_is_hardly_asked(tmp_path, faulty, folder):
    for i in range(100):
        faulty.image(f"app-{i}", "v1")
    done = sync(tmp_path, faulty, folder)
    assert done.returncode == 0, done.stderr
    assert 0 < len(asked(faulty)) < 50
    assert folder.blobs() == faulty.blobs


@pytest.mark.parametrize("status", [400, 403, 405, 501])
def test_whatever_it_says_instead_the_images_are_mirrored(tmp_path, faulty, folder, status):
    image = faulty.image("app", "v1", faulty.blob("app", b"layer"))
    faulty.faults[f"/v2/app/referrers/{image['digest']}"] = lambda x: x.send(status, b"{}")
    done = sync(tmp_path, faulty, folder)
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == faulty.blobs


def test_what_is_no_list_of_referrers_is_reported_and_the_rest_mirrored(tmp_path, faulty, folder):
    image = faulty.image("app", "v1", faulty.blob("app", b"layer"))
    faulty.faults[f"/v2/app/referrers/{image['digest']}"] = lambda x: x.send(
        200, b'{"errors":[]}', "Content-Type: application/json")
    done = sync(tmp_path, faulty, folder)
    assert done.returncode == 1
    assert f"app@{image['digest']}" in done.stdout + done.stderr
    assert folder.blobs() == faulty.blobs


def test_artifacts_that_refer_to_each_other_without_end_come_to_one(tmp_path, faulty, folder):
    """Whoever is asked for referrers makes up another."""
    made = []

    def another(x):
        subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1,
                   "digest": x.path.rpartition("/")[2]}
        one = faulty.artifact("app", subject, faulty.blob("app", b"%d" % len(made)))
        made.append(one)
        faulty.faults[f"/v2/app/referrers/{one['digest']}"] = another
        faulty.refer(x, [one])

    image = faulty.image("app", "v1", faulty.blob("app", b"layer"))
    faulty.faults[f"/v2/app/referrers/{image['digest']}"] = another
    assert sync(tmp_path, faulty, folder).returncode == 0
    assert len(made) == 3
    assert folder.blobs() == faulty.blobs
