"""geranos is never wrong: whatever a registry does, what it does wrong is reported in one line that
names it, is never seen under a final key, and keeps nothing else from being mirrored."""

import base64
import email.utils
import json
import os
import time

import pytest

from lib import faulty, geranos
from lib.faulty import Faulty, Watcher
from lib.radosgw import RadosGW
from lib.source import INDEX, MANIFEST, digest_of, noise
from lib.target import BLOBS, Bucket, Folder

SOURCES = int(os.environ.get("GERANOS_BAD_SOURCES", "10000"))
SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
SECRET = "s3cr3t-passw0rd"


@pytest.fixture
def registry():
    one = Faulty()
    yield one
    one.stop()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def run_to_end(tmp_path, *arguments, **more):
    """With .failures: the lines of all that failed."""
    file = tmp_path / "failures"
    file.unlink(missing_ok=True)
    done = geranos.run(tmp_path, "sync", *arguments, "--failures", file, **more)
    done.failures = file.read_text().splitlines() if file.exists() else []
    return done


@pytest.fixture
def sync(tmp_path, registry, folder):
    """sync(option...): runs it into the directory, which is watched all the time."""

    def run(*options, **more):
        watcher = Watcher(folder.root / BLOBS)
        try:
            return run_to_end(tmp_path, "--from", registry.url, "--to", folder.url, *options,
                              **more)
        finally:
            watcher.stop()

    return run


def check(done, folder, registry, bad=(), failures=None):
    """All blobs are there but the bad ones, whose failures are one line each."""
    assert folder.blobs() == {d: b for d, b in registry.blobs.items() if d not in bad}
    lines = done.failures
    assert done.returncode == (1 if bad or failures else 0), done.stderr
    assert len(lines) == (len(bad) if failures is None else failures), lines
    if failures is None:
        named = {line.partition("\t")[0].rpartition("@")[2] for line in lines}
        assert named == set(bad), lines
    return lines


def with_good_one(registry):
    """An image beside the bad one, in another repository."""
    return registry.image("good/image", "v1", registry.blob("good/image", noise(40_000, 7)))


def one_bad(registry, fault, size=50_000):
    """An image with one bad layer: its digest, and the image's."""
    layer = registry.blob("bad/image", noise(size, 3), fault)
    return layer["digest"], registry.image("bad/image", "v1", layer)["digest"]


# ── Blobs ──


BAD = [faulty.wrong_bytes, faulty.wrong_first_byte, faulty.too_short, faulty.too_short_chunks,
       faulty.too_long, faulty.too_long_chunks, faulty.empty, faulty.endless, faulty.compressed,
       faulty.truncated, faulty.truncated_chunks, faulty.truncated_then_gone,
       faulty.negative_length, faulty.two_lengths, faulty.no_http, faulty.answer(404),
       faulty.answer(403), faulty.answer(500), faulty.answer(204), faulty.answer(416)]


@pytest.mark.slow
def test_whatever_is_wrong_with_a_blob_it_is_reported_and_never_published(registry, folder, sync):
    bad = {}
    images = set()
    for number, fault in enumerate(BAD):
        repository = f"bad/{number}"
        layer = registry.blob(repository, noise(50_000, 100 + number), fault)
        bad[layer["digest"]] = repository
        images.add(registry.image(repository, "v1", layer)["digest"])
    good = with_good_one(registry)
    lines = check(sync("--jobs", 64), folder, registry, bad)
    for digest, repository in bad.items():
        assert any(line.startswith(f"{registry.host}/{repository}@{digest}\t") for line in lines)
    assert folder.records() == {good["digest"]}


MENDED = [faulty.dies_thrice, faulty.ignores_ranges, faulty.resumes_elsewhere, faulty.resumes_wrong,
          faulty.flapping, faulty.chunked, faulty.throttled(2), faulty.throttled(1, 503),
          faulty.throttled(1, 429, lambda: email.utils.formatdate(time.time() + 2, usegmt=True)),
          faulty.drips]


@pytest.mark.slow
def test_a_blob_that_comes_in_pieces_late_or_at_another_try_is_published_whole(registry, folder,
                                                                               sync):
    for number, fault in enumerate(MENDED):
        size = 500 if fault is faulty.drips else 300_000
        layer = registry.blob(f"slow/{number}", noise(size, 200 + number), fault)
        registry.image(f"slow/{number}", "v1", layer)
    check(sync("--jobs", 32), folder, registry)
    assert folder.records() == set(registry.manifests)


def test_no_part_of_a_blob_is_published_whatever_size_a_manifest_says(registry, folder, sync):
    bad = set()
    for n, size in enumerate((0, 1, 49_999, 50_001, 1 << 45)):
        layer = registry.blob("bad", noise(50_000, n), faulty.chunked, size)
        registry.image("bad", f"v{size}", layer)
        bad.add(layer["digest"])
    with_good_one(registry)
    check(sync("--jobs", 8), folder, registry, bad)


def test_retry_after_is_waited_for_in_both_forms(registry, folder, sync):
    for form in ("2", email.utils.formatdate(time.time() + 3, usegmt=True)):
        layer = registry.blob("app", noise(100, len(form)),
                              faulty.throttled(1, 503, lambda form=form: form))
        registry.image("app", form[:1] + "tag", layer)
    begun = time.monotonic()
    check(sync(), folder, registry)
    assert time.monotonic() - begun >= 1.9


def test_why_something_is_tried_again_is_logged_for_debugging_only(registry, folder, sync):
    for level in ("debug", "info"):
        registry.image(level, "v1", registry.blob(level, noise(100, len(level)),
                                                  faulty.throttled(1, 503)))
        done = sync("--log-level", level)
        check(done, folder, registry)
        assert done.log[-1]["retries"] == 1
        retries = [event for event in done.log if event.get("event") == "retry"]
        assert [event["level"] for event in retries] == ["debug"] * (level == "debug")
        assert all(event["why"].endswith("it answered 503") for event in retries)


def test_a_blob_that_another_repository_serves_rightly_is_taken_from_there(registry, folder, sync):
    data = noise(60_000, 5)
    for repository, fault in (("a", faulty.wrong_bytes), ("b", faulty.answer(404)), ("c", None)):
        registry.image(repository, "v1", registry.blob(repository, data, fault))
    done = sync()
    check(done, folder, registry, failures=len(done.failures))
    assert not [line for line in done.failures if f"{registry.host}/c@" in line]
    assert folder.records() == set(registry.manifests)


def test_an_image_that_lies_about_a_size_keeps_no_other_from_being_mirrored(registry, folder, sync):
    data = noise(60_000, 5)
    liars = {registry.image(name, "v1", registry.blob(name, data, size=size))["digest"]
             for name, size in (("a", 59_999), ("b", 60_001), ("c", 0))}
    honest = registry.image("d", "v1", registry.blob("d", data))["digest"]
    for _ in range(2):
        done = sync()
        assert done.returncode == 1
        assert folder.blobs() == registry.blobs
        assert folder.records() == {honest}
        for liar in liars:
            assert [line for line in done.failures if liar in line and "push the image" in line]
        assert "--repair" not in done.stderr


@pytest.mark.slow
def test_of_thousands_of_bad_sources_none_is_published(registry, folder, sync):
    share = [(faulty.wrong_bytes, 0.40), (faulty.too_long, 0.15), (faulty.too_long_chunks, 0.15),
             (faulty.too_short, 0.15), (faulty.too_short_chunks, 0.10),
             (faulty.truncated_then_gone, 0.049), (faulty.truncated, 0.001)]
    bad = []
    for fault, part in share:
        for _ in range(round(SOURCES * part)):
            size = 100 + len(bad) % 1000
            bad.append(registry.blob(f"bad/{len(bad) % 20}", noise(size, len(bad)), fault))
    for repository in range(20):
        layers = bad[repository::20]
        for tag in range(0, len(layers), 100):
            registry.image(f"bad/{repository}", f"t{tag}", *layers[tag:tag + 100])
    with_good_one(registry)
    done = sync("--jobs", 64, timeout=900)
    check(done, folder, registry, {b["digest"] for b in bad})
    assert len(folder.records()) == 1


# ── Redirects ──


REFUSED = [
    (faulty.redirect("{path}"), "redirected once too often"),
    (faulty.redirect("http://169.254.169.254{path}"), "private address"),
    (faulty.redirect("http://10.1.2.3{path}"), "private address"),
    (faulty.redirect("http://[fe80::1]{path}"), "private address"),
    (faulty.redirect("file:///etc/passwd"), ""),
    (faulty.redirect("gopher://127.0.0.1:1/x"), ""),
    (faulty.redirect("http://127.0.0.1:1{path}"), ""),
    (faulty.redirect("{path}", endless_text=True), "longer than it may be"),
]


@pytest.mark.slow
def test_redirects_in_circles_and_to_private_addresses_are_not_followed(registry, folder, sync):
    bad = {}
    for number, (fault, why) in enumerate(REFUSED):
        layer = registry.blob(f"bad/{number}", noise(100, number), fault)
        registry.image(f"bad/{number}", "v1", layer)
        bad[layer["digest"]] = why
    with_good_one(registry)
    lines = check(sync("--jobs", 32), folder, registry, bad)
    for digest, why in bad.items():
        assert [line for line in lines if digest in line and why in line], (why, lines)


def login(directory, host, password=SECRET):
    (directory / ".docker").mkdir(exist_ok=True)
    auth = base64.b64encode(f"user:{password}".encode()).decode()
    config = {"auths": {host: {"auth": auth}}}
    (directory / ".docker" / "config.json").write_text(json.dumps(config))
    return auth


def with_basic(registry, auth):
    """Everything wants the login."""
    plain = registry.answer

    def answer(handler):
        if handler.headers.get("Authorization") == f"Basic {auth}":
            return plain(handler)
        x = faulty.Exchange(handler, registry, b"")
        registry.seen.append(faulty.Seen("GET", handler.path, x.headers))
        return x.send(401, b"{}", 'WWW-Authenticate: Basic realm="r"')

    registry.answer = answer


def shown(done):
    return done.stdout + done.stderr + "\n".join(done.failures)


def test_a_login_is_not_shown_and_not_sent_where_it_is_redirected_to(tmp_path, registry, folder,
                                                                     sync):
    auth = login(tmp_path, registry.host)
    with_basic(registry, auth)
    elsewhere = Faulty("127.0.0.2")
    curious = Faulty("127.0.0.3")
    try:
        data = noise(5000, 1)
        path = f"/v2/app/blobs/{registry.blob('app', data)['digest']}"
        elsewhere.content[path] = (data, "")
        registry.faults[path] = faulty.redirect(elsewhere.url + "{path}")
        registry.image("app", "v1", registry.blob("app", data))
        asked = registry.blob("app", noise(10, 2), faulty.redirect(curious.url + "{path}"))
        curious.faults[f"/v2/app/blobs/{asked['digest']}"] = faulty.answer(
            401, b"", f'WWW-Authenticate: Bearer realm="{curious.url}/token",service="s"')
        registry.image("app", "v2", asked)
        done = sync()
        check(done, folder, registry, {asked["digest"]})
        for other in (elsewhere, curious):
            assert other.seen
            assert not [r for r in other.seen if "authorization" in r.headers]
            assert not [r for r in other.seen if "/token" in r.path]
            assert SECRET not in str(other.seen) and auth not in str(other.seen)
        assert SECRET not in shown(done) and auth not in shown(done)
    finally:
        elsewhere.stop()
        curious.stop()


# ── Tokens ──


@pytest.mark.parametrize("realm, why", [
    ("http://10.1.2.3/token", "private address"),
    ("http://169.254.169.254/latest/meta-data", "private address"),
    ("file:///etc/passwd", "not https"),
    ("", "does not say what it wants"),
])
def test_token_servers_that_may_not_be_asked_are_named(tmp_path, registry, folder, sync, realm,
                                                      why):
    auth = login(tmp_path, registry.host)
    layer = registry.blob("locked", noise(10), faulty.answer(
        401, b"", f'WWW-Authenticate: Bearer realm="{realm}",service="s"'))
    registry.image("locked", "v1", layer)
    with_good_one(registry)
    done = sync()
    lines = check(done, folder, registry, {layer["digest"]})
    assert why in lines[0]
    assert SECRET not in shown(done) and auth not in shown(done)


GARBAGE = [b"", b"{", b"[]", b'{"token":7}', b'{"token":""}', b'{"token":"a\\r\\nX-Evil: 1"}',
           b'{"token":"\xff"}', b'{"token":"' + b"x" * 20_000 + b'"}', b"x" * (2 << 20),
           b'{"token":"' + SECRET.encode() + b'\\u0000"}']


def test_token_answers_that_are_garbage_are_refused(tmp_path, registry, folder, sync):
    login(tmp_path, registry.host)
    bad = {}
    for number, text in enumerate(GARBAGE):
        registry.faults[f"/token/{number}"] = faulty.answer(200, text)
        layer = registry.blob(f"locked/{number}", noise(10, number), faulty.answer(
            401, b"", f'WWW-Authenticate: Bearer realm="{registry.url}/token/{number}"'))
        registry.image(f"locked/{number}", "v1", layer)
        bad[layer["digest"]] = number
    with_good_one(registry)
    done = sync()
    for line in check(done, folder, registry, bad):
        assert "token server" in line or "longer than it may be" in line, line
    assert SECRET not in shown(done)
    assert not [r for r in registry.seen if "x-evil" in r.headers]


# ── Manifests ──


def descriptor(digest, size, kind="application/vnd.oci.image.layer.v1.tar"):
    return {"mediaType": kind, "digest": digest, "size": size}


def image_of(config, *layers):
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": list(layers)}


UNFIT = [
    (b"", "empty"),
    (b"<html>", "no JSON"),
    (b"[" * 5000, "no JSON"),
    (b"[]", "no JSON object"),
    (b'{"schemaVersion":2}', "neither an image's manifest nor an index"),
    (b'{"schemaVersion":2,"mediaType":"application/vnd.x"}', "neither an image's manifest"),
    (b'{"schemaVersion":2,"schemaVersion":1,"fsLayers":[]}', "no JSON"),
    (json.dumps(image_of(descriptor("sha256:" + "a" * 64, -1))).encode(), "without a size"),
    (json.dumps(image_of(descriptor("sha256:" + "a" * 64, 1 << 62))).encode(), "without a size"),
    (json.dumps(image_of(descriptor("sha256:" + "a" * 64, (10_000 * 5 << 30) + 1))).encode(),
     "without a size"),  # more than an object of S3 may have
    (json.dumps(image_of(descriptor("sha256:" + "a" * 64, "5"))).encode(), "without a size"),
    (json.dumps(image_of(descriptor("sha256:../../x", 5))).encode(), "malformed digest"),
    (json.dumps(image_of(descriptor("a\n\x1b[2Jforged line", 5))).encode(), "malformed digest"),
    (json.dumps(image_of(descriptor("md5:" + "a" * 32, 5))).encode(), "cannot be verified"),
    (json.dumps(image_of(descriptor("sha256:" + "a" * 64, 5), descriptor("sha256:" + "a" * 64, 6)))
     .encode(), "one digest with two sizes"),
    (json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "layers": [],
                 "config": {}}).encode(), "both at once"),
    (b" " * (9 << 20), "longer than it may be"),
    (b'{"schemaVersion":2,"x":[' + b"{}," * 2_000_000 + b"{}]}", "too much JSON"),
]


@pytest.mark.slow
def test_manifests_that_fit_nothing_are_named_with_the_reason(registry, folder, sync):
    for number, (data, _) in enumerate(UNFIT):
        registry.manifest(f"bad/{number}", data, "v1")
    good = with_good_one(registry)
    done = sync()
    lines = check(done, folder, registry, failures=len(UNFIT))
    for number, (_, why) in enumerate(UNFIT):
        found = [line for line in lines if line.startswith(f"{registry.host}/bad/{number}:v1\t")]
        assert len(found) == 1 and why in found[0], (why, found)
    assert folder.records() == {good["digest"]}
    assert "\x1b" not in shown(done)


def test_a_manifest_that_is_not_the_one_of_its_digest_is_refused_whatever_headers_say(
        registry, folder, sync):
    evil = registry.blob("bad", noise(100, 66))
    del registry.blobs[evil["digest"]]
    other = json.dumps(image_of(evil)).encode()
    right = registry.manifest("bad", image_of(registry.blob("bad", b"config")))
    path = f"/v2/bad/manifests/{right['digest']}"
    for kind in (MANIFEST, INDEX, SIGNED):
        registry.faults[path] = faulty.answer(200, other, f"Content-Type: {kind}",
                                              f"Docker-Content-Digest: {right['digest']}")
        done = sync("--reference", f"bad@{right['digest']}")
        assert done.returncode == 1
        assert right["digest"] in done.failures[0]
        assert "not the one of that digest" in done.failures[0]
        assert folder.everything() == {}


def test_indexes_that_are_served_as_signed_manifests_do_not_lead_in_circles(registry, folder, sync):
    """Of signed manifests the digest is that of a part: whatever is served as one would pass."""
    first, second = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    for here, there in ((first, second), (second, first)):
        text = json.dumps({"schemaVersion": 2, "mediaType": INDEX,
                           "manifests": [descriptor(there, 5)]}).encode()
        registry.content[f"/v2/bad/manifests/{here}"] = (text, SIGNED)
    registry.index("bad", "v1", descriptor(first, 5))
    with_good_one(registry)
    lines = check(sync(), folder, registry, failures=1)
    assert first in lines[0]


def sign(payload):
    """As Docker's schema 1 has it; the signature itself is nobody's."""
    head, tail = payload[:-2], payload[-2:]
    protected = {"formatLength": len(head), "formatTail": encode(tail)}
    signature = [{"header": {"alg": "ES256"}, "signature": "x",
                  "protected": encode(json.dumps(protected).encode())}]
    return head + b',\n   "signatures": ' + json.dumps(signature).encode() + tail


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_signed_manifest_is_verified_over_what_was_signed(registry, folder, sync):
    layers = [registry.blob("old", noise(1000, n)) for n in range(2)]
    document = {"schemaVersion": 1, "fsLayers": [{"blobSum": x["digest"]} for x in layers]}
    payload = json.dumps(document, indent=3).encode()
    digest = digest_of(payload)
    for reference in ("v1", digest):
        registry.content[f"/v2/old/manifests/{reference}"] = (sign(payload), SIGNED)
    registry.tags["old"] = ["v1"]
    check(sync(), folder, registry)
    assert folder.records() == {digest}
    check(sync("--reference", f"old@{digest}"), folder, registry)
    forged = sign(payload.replace(b'"fsLayers"', b'"fsLayer5"'))
    registry.content[f"/v2/old/manifests/{digest}"] = (forged, SIGNED)
    done = sync("--reference", f"old@{digest}")
    assert done.returncode == 1 and "not the one of that digest" in done.failures[0]


def test_a_length_that_nothing_has_is_refused(tmp_path, registry, radosgw):
    """Of schema 1 it is the response that says how long a blob is."""
    bucket = Bucket(radosgw, "&parts-above=5MiB&part-size=5MiB")
    for name, length in (("longest", (1 << 63) - 1), ("long", 1 << 46)):
        digest = digest_of(name.encode())
        registry.manifest(name, {"schemaVersion": 1, "fsLayers": [{"blobSum": digest}]}, "v1",
                          kind="application/vnd.docker.distribution.manifest.v1+json")

        def fault(x, length=length):
            x.head(200, f"Content-Length: {length}")
            x.raw(b"some bytes")
            x.cut()

        registry.faults[f"/v2/{name}/blobs/{digest}"] = fault
    done = run_to_end(tmp_path, "--from", registry.url, "--to", bucket.url, keys=RadosGW.USER)
    assert done.returncode == 1
    assert len(done.failures) == 2
    assert all("longer than any store takes" in line for line in done.failures), done.failures


def test_a_large_manifest_and_ten_thousand_layers_are_read(registry, folder, sync):
    config = registry.blob("big", b"config")
    layers = [registry.blob("big", f"layer {i}".encode()) for i in range(2000)]
    document = image_of(config, *[layers[i % 2000] for i in range(9_999)])
    document["annotations"] = {"x": "y" * (4 << 20)}
    registry.manifest("big", document, "v1")
    too_many = image_of(config, *[layers[0]] * 10_001)
    registry.manifest("more", too_many, "v1")
    lines = check(sync(), folder, registry, failures=1)
    assert f"{registry.host}/more:v1\tmore than 10,000 entries" in lines[0]
    assert len(folder.records()) == 1


def test_indexes_in_indexes_a_hundred_deep_are_walked(registry, folder, sync):
    inner = registry.image("deep", None, registry.blob("deep", noise(100)))
    for depth in range(100):
        inner = registry.index("deep", "top" if depth == 99 else None, inner)
    done = sync()
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == registry.blobs


def test_an_index_has_its_record_only_after_all_blobs_of_all_its_children(registry, folder, sync):
    layer = registry.blob("app", noise(5000, 1), faulty.wrong_bytes)
    bad = registry.image("app", None, layer)
    good = registry.image("app", None, registry.blob("app", noise(5000, 2)))
    index = registry.index("app", None, good, bad)
    outer = registry.index("app", "v1", index)
    missing = descriptor("sha256:" + "3" * 64, 7, MANIFEST)
    sparse = registry.index("app", "v2", good, missing)
    done = sync()
    assert done.returncode == 1
    assert folder.records() == {good["digest"]}
    del registry.faults[f"/v2/app/blobs/{layer['digest']}"]
    assert sync().returncode == 1  # the missing child
    assert folder.records() == {good["digest"], bad["digest"], index["digest"], outer["digest"]}
    assert sparse["digest"] not in folder.records()


def test_an_index_of_which_only_some_platforms_are_meant_gets_no_record(registry, folder, sync):
    children = []
    for architecture in ("amd64", "arm64"):
        child = registry.image("app", None, registry.blob("app", architecture.encode()))
        children.append(child | {"platform": {"os": "linux", "architecture": architecture}})
    registry.index("app", "v1", *children)
    assert sync("--platform", "linux/arm64").returncode == 0
    assert folder.records() == {children[1]["digest"]}


def test_an_image_that_one_repository_only_pretends_to_have_is_read_from_another(registry, folder,
                                                                                 sync):
    child = registry.image("real", "v1", registry.blob("real", noise(100, 1)))
    for n in range(20):
        registry.index(f"bad/{n}", "v1", child | {"annotations": {"n": str(n)}})
    index = registry.index("real", "v2", child)
    done = sync()
    assert done.returncode == 1  # it is missing in the others
    assert folder.blobs() == registry.blobs
    assert {child["digest"], index["digest"]} <= folder.records()


# ── Listings ──


def test_pages_in_circles_and_to_other_servers_are_reported_and_what_is_known_is_mirrored(
        registry, folder, sync):
    elsewhere = Faulty("127.0.0.2")
    try:
        for name in ("circle", "elsewhere", "relative"):
            registry.image(name, "v1", registry.blob(name, name.encode()))
            registry.image(name, "v2", registry.blob(name, name.encode() * 2))

        def page(name, tag, link):
            text = json.dumps({"name": name, "tags": [tag]}).encode()
            return faulty.answer(200, text, "Content-Type: application/json",
                                 *[f'Link: <{link}>; rel="next"'] * bool(link))

        first, second = "/v2/{}/tags/list?n=1000", "/v2/{}/tags/list?n=1000&last=v1"
        registry.faults |= {
            first.format("circle"): page("circle", "v1", second.format("circle")),
            second.format("circle"): page("circle", "v2", first.format("circle")),
            first.format("elsewhere"): page("elsewhere", "v1", elsewhere.url + "/v2/"),
            first.format("relative"): page("relative", "v1", "?n=1000&last=v1"),
            second.format("relative"): page("relative", "v2", None),
        }
        registry.faults["/v2/elsewhere/manifests/v2"] = faulty.answer(404)
        done = sync()
        assert done.returncode == 1
        lines = done.failures
        assert len(lines) == 2, lines
        assert [x for x in lines if "/circle\t" in x and "do not end" in x], lines
        assert [x for x in lines if "/elsewhere\t" in x and "another server" in x], lines
        assert not elsewhere.seen
        named = {d for d, r in registry.manifests.items() if r != "elsewhere"}
        assert named <= folder.records() and len(folder.records()) == 5
    finally:
        elsewhere.stop()


def test_googles_listing_is_walked_to_untagged_manifests_and_children(registry, folder, sync):
    top = registry.image("top", None, registry.blob("top", b"top"))
    child = registry.image("top/child", None, registry.blob("top/child", b"child"))
    registry.faults["/v2/_catalog"] = faulty.answer(404)

    def listing(children, manifests):
        text = json.dumps({"child": children, "tags": [], "name": "x", "manifest": {
            d: {"imageSizeBytes": "-5", "mediaType": "", "tag": [], "timeCreatedMs": "x"}
            for d in manifests}}).encode()
        return faulty.answer(200, text)

    evil = ["../x", "..", "a/../b", "", "x" * 300, "child"]
    registry.faults |= {"/v2/top/tags/list": listing(evil, [top["digest"], "md5:x", "../y"]),
                        "/v2/top/child/tags/list": listing([], [child["digest"]])}
    done = sync("--from", registry.url + "/top")
    assert done.returncode == 0, done.stderr
    assert folder.records() == {top["digest"], child["digest"]}
    assert not [r for r in registry.seen if ".." in r.path]


def trailing(x):
    x.head(200, "Transfer-Encoding: chunked")
    x.chunk(b'{"tags":[]}')
    x.raw(b"0\r\n")
    for number in range(faulty.ENDLESS >> 10):
        x.raw(b"X-%d: %s\r\n" % (number, b"x" * 1000))
    x.cut()


def test_listings_that_are_none_are_named(registry, folder, sync):
    bad = ("html", "cut", "large", "error", "text", "many", "trailing")
    registry.tags |= {name: [] for name in bad}
    registry.faults |= {"/v2/html/tags/list": faulty.answer(200, b"<html>"),
                        "/v2/cut/tags/list": faulty.answer(200, b'{"tags":["v1"'),
                        "/v2/large/tags/list": faulty.endless,
                        "/v2/error/tags/list": faulty.answer(200, b'{"errors":[]}'),
                        "/v2/text/tags/list": faulty.answer(200, b'{"tags":"latest"}'),
                        "/v2/many/tags/list": faulty.answer(200, b'{"tags":[' + b'"",' * 12_000_000
                                                            + b'""]}'),
                        "/v2/trailing/tags/list": trailing}
    with_good_one(registry)
    lines = check(sync(), folder, registry, failures=len(bad))
    for name in bad:
        assert [x for x in lines if f"{registry.host}/{name}\t" in x], lines


def test_a_registry_that_shows_names_and_nothing_else_is_no_empty_one(registry, folder, sync):
    """To whoever may not pull some answer 404."""
    gone = {f"/v2/{name}/tags/list": faulty.answer(404, b"{}") for name in ("gone", "good/image")}
    with_good_one(registry)
    registry.tags["gone"] = []
    registry.faults |= gone
    done = sync()
    assert done.returncode == 1
    assert len(done.failures) == 1 and "none of the repositories" in done.failures[0]
    del registry.faults["/v2/good/image/tags/list"]
    check(sync(), folder, registry)


# ── Into a bucket ──


@pytest.mark.slow
def test_nothing_wrong_is_published_in_a_bucket_in_one_piece_or_in_parts(tmp_path, registry,
                                                                         radosgw):
    bucket = Bucket(radosgw, "&parts-above=5MiB&part-size=5MiB")
    bad = set()
    for number, fault in enumerate([faulty.wrong_bytes, faulty.too_short, faulty.too_long_chunks,
                                    faulty.truncated_then_gone, faulty.wrong_first_byte]):
        for size in (70_000, 11 << 20):
            layer = registry.blob(f"bad/{number}", noise(size, number), fault)
            registry.image(f"bad/{number}", f"v{size}", layer)
            bad.add(layer["digest"])
    for number, size in enumerate((0, 1, 70_000, 5 << 20, 11 << 20)):
        fault = faulty.dies_thrice if size > 70_000 else None
        registry.image("good", f"v{number}", registry.blob("good", noise(size, 50), fault))
    done = run_to_end(tmp_path, "--from", registry.url, "--to", bucket.url, "--jobs", 16,
                      keys=RadosGW.USER)
    assert done.returncode == 1 and len(done.failures) == len(bad), done.failures
    assert bucket.blobs() == {d: b for d, b in registry.blobs.items() if d not in bad}
    assert len(bucket.records()) == 5
    assert RadosGW.USER[1] not in shown(done)
