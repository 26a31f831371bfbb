"""Registries that want a login, keep their blobs elsewhere, or are not to be asked too much."""

import base64
import json
import time

import pytest

from lib import geranos
from lib.radosgw import RadosGW
from lib.registry import Registry
from lib.source import Source, noise
from lib.target import Bucket, Folder
from lib.tokens import Tokens

# Of "secret", by bcrypt.
HTPASSWD = "user:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def registry(tmp_path):
    """registry(...) starts one; see lib.registry."""
    started = []

    def start(**options):
        started.append(Registry(tmp_path / f"registry-{len(started)}", **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def tokens(tmp_path):
    one = Tokens(tmp_path)
    yield one
    one.stop()


def login(tmp_path, host, user, password):
    """A config.json that knows them; returns what says where it is."""
    directory = tmp_path / "docker"
    directory.mkdir()
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (directory / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(directory)}


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def push_some(source, n=6):
    for i in range(n):
        source.image(f"app-{i}", "v1", [noise(50_000, i)], json.dumps({"n": i}).encode())


# ── Logins ──


@pytest.fixture
def locked(registry, tmp_path):
    """A registry that wants Basic authentication, with images."""
    file = tmp_path / "htpasswd"
    file.write_text(HTPASSWD)
    one = registry(auth=f"auth:\n  htpasswd:\n    realm: here\n    path: {file}\n")
    source = Source(one.host, basic("user", "secret"))
    push_some(source)
    return source


def test_a_login_of_config_json_opens_a_registry_to_many_requests_at_once(tmp_path, locked, folder):
    """References are all asked for at once, before anybody knows of the challenge."""
    names = [arg for i in range(6) for arg in ("--reference", f"app-{i}:v1")]
    done = geranos.run(tmp_path, "sync", "--from", locked.host, "--to", folder.url, *names,
                       **login(tmp_path, locked.host, "user", "secret"))
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == locked.blobs


@pytest.mark.parametrize("password, advice", [
    (None, "it wants user and password: log in first"),
    ("wr0ng", "it answered 401: log in, or ask for the right to pull"),
])
def test_a_missing_or_wrong_login_is_said_and_not_shown(tmp_path, locked, folder, password, advice):
    env = login(tmp_path, locked.host, "user", password) if password else {}
    done = geranos.run(tmp_path, "sync", "--from", locked.host, "--to", folder.url, **env)
    assert done.returncode == 1
    assert advice in done.stderr and len(done.stderr.splitlines()) == 1
    assert "wr0ng" not in done.stderr + done.stdout
    assert folder.everything() == {}


def fill_with_tokens(registry, tokens):
    one = registry(auth=tokens.section)
    scopes = [f"repository:app-{i}:pull,push" for i in range(6)]
    source = Source(one.host, {"Authorization": "Bearer " + tokens.token(scopes)})
    push_some(source)
    return source


def test_tokens_are_fetched_for_each_repository_and_their_catalog(tmp_path, registry, tokens,
                                                                  folder):
    source = fill_with_tokens(registry, tokens)
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", folder.url,
                       **login(tmp_path, source.host, *Tokens.USER))
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == source.blobs
    scopes = {scope for _, query, _ in tokens.asked for scope in query["scope"]}
    assert scopes == {f"repository:app-{i}:pull" for i in range(6)} | {"registry:catalog:*"}
    assert {query["service"][0] for _, query, _ in tokens.asked} == {"registry"}


def test_a_token_server_that_refuses_is_said(tmp_path, registry, tokens, folder):
    source = fill_with_tokens(registry, tokens)
    done = geranos.run(tmp_path, "sync", "--from", source.host, "--to", folder.url, "--reference",
                       "app-1:v1", **login(tmp_path, source.host, "user", "wr0ng"))
    assert done.returncode == 1
    assert "app-1:v1\t" in done.stderr and "401" in done.stderr
    assert "wr0ng" not in done.stderr


# ── Blobs that lie elsewhere ──


def test_presigned_redirects_are_followed_without_the_registrys_login(tmp_path, registry, radosgw,
                                                                      tokens, folder):
    """radosgw answers 400 to a presigned URL that also carries an Authorization."""
    bucket = Bucket(radosgw)
    access, secret = RadosGW.USER
    one = registry(auth=tokens.section, storage=(
        f"storage:\n  s3:\n    accesskey: {access}\n    secretkey: {secret}\n    region: us-east-1\n"
        f"    regionendpoint: {radosgw.url}\n    bucket: {bucket.name}\n    secure: false\n"
        "    v4auth: true\n"))
    scopes = [f"repository:app-{i}:pull,push" for i in range(6)]
    source = Source(one.host, {"Authorization": "Bearer " + tokens.token(scopes)})
    push_some(source)
    target = Bucket(radosgw)
    done = geranos.run(tmp_path, "sync", "--from", one.host, "--to", folder.url, "--to", target.url,
                       keys=RadosGW.USER, **login(tmp_path, one.host, *Tokens.USER))
    assert done.returncode == 0, done.stderr
    assert folder.blobs() == target.blobs() == source.blobs
    redirected = [a for a in one.settled() if a.method == "GET" and "/blobs/sha256" in a.path
                  and a.status == 307]
    assert len(redirected) >= len(source.blobs)


# ── Limits ──


def test_a_registry_is_asked_no_more_often_than_said(tmp_path, registry, folder):
    one = registry()
    source = Source(one.host)
    push_some(source, 8)
    asked = len(one.settled())
    begun = time.monotonic()
    done = geranos.run(tmp_path, "sync", "--from", one.host, "--to", folder.url,
                       "--max-requests", "10/s")
    seconds = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    requests = len(one.settled()) - asked
    assert requests >= 33  # a catalog; a list, a manifest and two blobs of each
    assert seconds >= (requests - 1) / 10
    assert folder.blobs() == source.blobs


def test_blobs_are_read_no_faster_than_said(tmp_path, registry, folder):
    one = registry()
    source = Source(one.host)
    source.image("app", "v1", [noise(1_000_000, i) for i in range(4)])
    begun = time.monotonic()
    done = geranos.run(tmp_path, "sync", "--from", one.host, "--to", folder.url,
                       "--max-bandwidth", "1MiB")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun >= 3.5
    assert folder.blobs() == source.blobs
