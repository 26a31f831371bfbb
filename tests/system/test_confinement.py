"""What is left to the server once it has started, and that it serves with that. Each scenario opens
with the sentence that it proves."""

import ctypes
import json
import os
import platform
import pwd
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lib import http
from lib.archeio import Archeio, binary, environment, run
from lib.certificates import Certificate, make_certificate
from lib.ports import free_port, wait_until
from lib.publisher import Publisher
from lib.release import release_binary
from lib.store import StandIn, status
from lib.tls import await_certificate, certificate_of

MANIFEST = "/v2/pause/manifests/3.10"
DIGEST = "sha256:" + "ab" * 32
IS_ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
USER = "nobody" if IS_ROOT else str(os.geteuid())
AS_NOBODY = {"ARCHEIO_USER": "nobody" if IS_ROOT else ""}
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")


@pytest.fixture(scope="module")
def release():
    """What `make` builds: no sanitizer is allowed for there."""
    return release_binary()


@pytest.fixture(params=["release", "tested"])
def either(request, monkeypatch):
    """The release's binary, and the one that all other tests are about."""
    if request.param == "release":
        monkeypatch.setenv("ARCHEIO_BINARY", request.getfixturevalue("release"))


@pytest.fixture
def home():
    """A directory that its user owns; pytest's own are closed to all but whoever runs it."""
    path = Path(tempfile.mkdtemp(prefix="archeio-"))
    path.chmod(0o755)
    if IS_ROOT:
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def archeio(home, archeio):
    """The usual one, ended before its home goes."""
    return archeio


@pytest.fixture
def publisher(home):
    one = Publisher(home)
    yield one
    one.close()


@pytest.fixture
def store():
    """A bucket in clear that has everything."""
    one = StandIn(lambda path, count: status(200))
    yield one
    one.close()


def statuses(pid):
    """{thread's name: {field of its status: value}}, of all threads."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        found[f"{fields['Name']} {task.name}"] = fields
    return found


def assert_confined(pid, uid):
    threads = statuses(pid)
    assert len(threads) >= 4, threads.keys()
    for name, fields in threads.items():
        for field in ("CapInh", "CapPrm", "CapEff", "CapAmb") + (("CapBnd",) if IS_ROOT else ()):
            assert int(fields[field], 16) == 0, f"{name}: {field} {fields[field]}"
        assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2", name
        assert fields["Uid"].split() == [str(uid)] * 4, name
        assert "0" not in fields["Gid"].split() + fields["Groups"].split() or not IS_ROOT, name


def settings(home, stores=(), **more):
    return {"upstream": {"endpoint": "https://upstream.example"},
            "log": {"access": str(home / "access.log")}, "stores": list(stores)} | more


def test_all_that_a_server_does_it_does_confined(either, archeio, home, publisher, store):
    """It answers, asks stores in clear and encrypted, fetches ranges, reloads, reopens its log and
    drains, as nobody, with no privilege in any thread."""
    publisher.files = {
        "/aws": json.dumps({"syncToken": "1700000000", "ipv6_prefixes": [], "prefixes": [
            {"ip_prefix": "198.51.100.0/24", "region": "eu-west-3", "service": "AMAZON"}]}),
        f"/containers/images/{DIGEST}": ""}
    encrypted = publisher.url.replace("127.0.0.1", "localhost")
    config = settings(home, [
        {"name": "clear", "url": store.url, "serves": ["aws/eu-west-3"]},
        {"name": "encrypted", "url": encrypted, "serves": ["default"]}],
        ranges={"directory": str(home / "new" / "ranges"), "refresh": "1h"})
    server = archeio(config, directory=home, env=publisher.env | AS_NOBODY)
    assert f"confined: user {USER}, no new privileges, seccomp (" in server.output()
    assert server.request(MANIFEST).status == 307

    written = home / "new" / "ranges" / "aws-ip-ranges.json"
    wait_until(lambda: server.metric("archeio_ranges_prefixes", file=written.name) == 1, 20, "ranges")
    assert written.stat().st_uid == (NOBODY.pw_uid if IS_ROOT else os.geteuid())
    for client, url in (("198.51.100.7", store.url), ("203.0.113.7", encrypted)):
        answer = server.request(f"/v2/app/blobs/{DIGEST}", client=client)
        assert answer.location == f"{url}/containers/images/{DIGEST}", server.output()
    assert_confined(server.pid, NOBODY.pw_uid if IS_ROOT else os.geteuid())

    wait_until(lambda: len(server.access_log()) == 3, 10, "lines in the log")
    server.access_path.rename(home / "access.log.1")
    server.write(config | {"pages": {"info": "https://info.example"}})
    server.reload()
    wait_until(lambda: server.request("/").location == "https://info.example", 10, "reloaded")
    wait_until(server.access_log, 10, "a line in the new log")
    assert_confined(server.pid, NOBODY.pw_uid if IS_ROOT else os.geteuid())
    server.stop()


def test_routes_and_all_that_they_look_at_are_served_confined(either, archeio, home, publisher,
                                                              store):
    """Files are asked for in clear and encrypted, an autonomous system and X-Real-Ip name the client,
    the endpoint answers, and a reload brings other routes and numbers."""
    publisher.statuses = {"/files/none": 404}
    ranges = home / "ranges"
    ranges.mkdir()
    (ranges / "own.asn").write_text("198.51.100.0/24 64500\n")
    decide = free_port()
    store.answer = lambda path, count: status(404 if path == "/files/none" else 200)

    def config(asn, body):
        return settings(
            home, [{"name": "clear", "url": store.url, "serves": ["default"]},
                   {"name": "encrypted", "url": publisher.url.replace("127.0.0.1", "localhost"),
                    "serves": ["default"]}],
            server={"client_address": "x-real-ip", "decide": f"127.0.0.1:{decide}"},
            routes=[{"name": "sponsor", "when": {"asn": asn, "path": "/files/**"},
                     "to": ["encrypted", {"status": 404, "body": body}]},
                    {"name": "files", "when": {"path": "/files/**"},
                     "to": ["clear", {"status": 404, "body": body}]}])

    server = archeio(config("as64500", "first"), directory=home, env=publisher.env | AS_NOBODY)
    assert f"confined: user {USER}, no new privileges, seccomp (" in server.output()

    def location(path, client):
        return server.request(path, headers={"X-Real-Ip": client}).location or ""

    assert location("/files/a%20b", "198.51.100.7").startswith("https://localhost:")
    assert location("/files/a%20b", "203.0.113.7") == f"{store.url}/files/a%20b"
    assert server.request("/files/none", headers={"X-Real-Ip": "198.51.100.7"}).body == b"first"
    asked = http.request(decide, "/decide?path=/files/a%2520b&ip=203.0.113.7")
    assert asked.headers["x-archeio-location"] == f"{store.url}/files/a%20b"

    (ranges / "own.asn").write_text("203.0.113.0/24 64501\n")
    server.write(config("as64501", "second"))
    server.reload()
    wait_until(lambda: server.output().count("reloaded") == 1, 10, "reloaded")
    assert location("/files/a%20b", "203.0.113.7").startswith("https://localhost:")
    assert server.request("/files/none", headers={"X-Real-Ip": "203.0.113.7"}).body == b"second"
    assert_confined(server.pid, NOBODY.pw_uid if IS_ROOT else os.geteuid())
    server.stop()


@needs_root
def test_a_missing_ranges_directory_is_made_for_the_user(either, archeio, home):
    directory = home / "a" / "ranges"
    server = archeio(settings(home, ranges={"directory": str(directory), "refresh": "1h"}),
                     directory=home, env=AS_NOBODY | {
                         f"ARCHEIO_RANGES_{c}_URL": "https://127.0.0.1:1/" for c in
                         ("AWS", "GCP", "AZURE")})
    status = directory.stat()
    assert (status.st_uid, status.st_gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
    assert "may not be" not in server.output()


@needs_root
def test_what_a_reload_may_not_read_is_said_at_the_start_and_keeps_what_runs(archeio, home):
    """A server that root started has read more than its user may; nothing is lost by a reload."""
    directory = home / "ranges"
    directory.mkdir(mode=0o700)
    (directory / "own.txt").write_text("198.51.100.0/24 office\n")
    server = archeio(settings(home), directory=home, env=AS_NOBODY)
    assert f"{directory} may not be read any more" in server.output()
    assert server.metric("archeio_ranges_prefixes") == 1
    server.reload()
    wait_until(lambda: "reload refused" in server.output(), 10, "reload refused")
    assert f"{directory}: error: may not be read" in server.output() or \
        f"{directory}: may not be read" in server.output()
    assert server.metric("archeio_ranges_prefixes") == 1


# ── Certificates and keys ──

def owned(certificate, uid):
    """With the modes that keys have: nobody else reads it."""
    certificate.key.chmod(0o400)
    os.chown(certificate.key, uid, -1)
    return certificate


def encrypted(home, certificate, port):
    return settings(home, server={
        "listen": [{"address": f"127.0.0.1:{port}", "tls": certificate.pair}],
        "client_address": "peer"})


def reloads(server):
    return server.output().count("reloaded")


def test_a_confined_server_takes_a_replaced_certificate_and_refuses_a_broken_one(
        either, archeio, home):
    """Renewed by renaming new files over the old ones; the old one stays until a good one is there."""
    uid = NOBODY.pw_uid if IS_ROOT else os.geteuid()
    first, second = (owned(make_certificate(home, name), uid) for name in ("first", "second"))
    old = first.der
    port = free_port()
    server = archeio(encrypted(home, first, port), directory=home, port=port, env=AS_NOBODY)
    assert certificate_of(port) == old
    assert_confined(server.pid, uid)

    second.copy_over(first)
    assert certificate_of(port) == old
    server.reload()
    wait_until(lambda: reloads(server) == 1, 10, "reloaded")
    await_certificate(port, second)

    first.file.write_text("no certificate")
    server.reload()
    wait_until(lambda: "certificates cannot be used: the update is dropped" in server.output(), 10,
               "refused")
    assert re.search(rf'archeio\.yaml:\d+:\d+: .*"{first.file}" holds no certificate in PEM form',
                     server.output())
    assert certificate_of(port) == second.der
    server.stop()


def test_a_confined_server_follows_the_links_that_kubernetes_replaces(archeio, home):
    """A volume's files are links through a directory's link, which is what is replaced."""
    uid = NOBODY.pw_uid if IS_ROOT else os.geteuid()
    volume = home / "volume"
    for name in ("one", "two"):
        (volume / name).mkdir(parents=True)
        made = owned(make_certificate(volume / name, "tls"), uid)
    (volume / "..data").symlink_to("one")
    for file in ("tls.crt", "tls.key"):
        (volume / file).symlink_to(f"..data/{file}")
    shown = Certificate(volume / "tls.crt", volume / "tls.key")
    port = free_port()
    server = archeio(encrypted(home, shown, port), directory=home, port=port, env=AS_NOBODY)
    old = shown.der
    assert certificate_of(port) == old != made.der
    (volume / "..new").symlink_to("two")
    (volume / "..new").rename(volume / "..data")
    server.reload()
    wait_until(lambda: reloads(server) == 1, 10, "reloaded")
    await_certificate(port, made)


def test_a_key_that_a_reload_may_not_read_keeps_what_runs(archeio, home):
    """One that lies where nothing was to be read at the start, and says so where Landlock holds."""
    uid = NOBODY.pw_uid if IS_ROOT else os.geteuid()
    first = owned(make_certificate(home, "first"), uid)
    port = free_port()
    server = archeio(encrypted(home, first, port), directory=home, port=port, env=AS_NOBODY)
    elsewhere = Path(tempfile.mkdtemp(prefix="archeio-"))
    try:
        elsewhere.chmod(0o755)
        other = owned(make_certificate(elsewhere, "other"), uid)
        server.write(encrypted(home, other, port))
        server.reload()
        wait_until(lambda: reloads(server) == 1 or "reload refused" in server.output(), 10, "its end")
        if "landlock ABI" in server.output():
            assert re.search(rf'archeio\.yaml:\d+:\d+: .*"{other.key}" lies, or leads, where nothing '
                             "was to be read at the start: restart the server to use it",
                             server.output())
            assert certificate_of(port) == first.der
        else:
            await_certificate(port, other)
    finally:
        shutil.rmtree(elsewhere)


@needs_root
def test_a_key_that_the_service_may_not_read_fails_the_start_and_check_config(home):
    """A server that root starts would read it once and never again: that is said at once."""
    certificate = owned(make_certificate(home, "own"), 0)
    port = free_port()
    server = Archeio(home, encrypted(home, certificate, port), port=port, env=AS_NOBODY, wait=False)
    wait_until(lambda: not server.program.alive(), 10, "its end")
    assert server.program.process.returncode == 1
    said = server.output()  # a build that counts coverage adds lines of its own
    assert re.search(rf'archeio\.yaml:\d+:\d+: .*"{certificate.key}" may not be read by the user of '
                     r"the service \(65534\): let that user read it", said), said

    checked = run("check-config", server.file, env=AS_NOBODY)
    assert checked.returncode == 1
    assert f'"{certificate.key}" may not be read by the user nobody, whom serve becomes: let that ' \
        "user read it" in checked.stderr
    os.chown(certificate.key, NOBODY.pw_uid, -1)
    checked = run("check-config", server.file, env=AS_NOBODY)
    assert checked.returncode == 0, checked.stderr


@needs_root
def test_a_user_that_there_is_not_is_one_clear_line(home):
    server = Archeio(home, settings(home), env={"ARCHEIO_USER": "no-such-user"}, wait=False)
    wait_until(lambda: not server.program.alive(), 10, "its end")
    assert server.program.process.returncode == 1
    assert server.output().splitlines()[-1] == \
        'archeio: error: server.user: there is no user "no-such-user"; make one, or name another'


def test_files_and_system_calls_can_be_left_alone(archeio, home):
    server = archeio(settings(home, server={"confine": "off"}), directory=home, env=AS_NOBODY)
    for fields in statuses(server.pid).values():
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "0")
        assert int(fields["CapEff"], 16) == 0
    assert f"confined: user {USER}, no new privileges\n" in server.output()


# ── Where not all can be had ──

def refuse_filters():
    """In a child: seccomp and Landlock as an old container runtime has them, which is not at all."""
    numbers = {"x86_64": (317, 157), "aarch64": (277, 167)}[platform.machine()]
    load, equal, errno = 0x20, 0x15, 0x50000

    def statement(code, k, yes=0, no=0):
        return struct.pack("HBBI", code, yes, no, k)

    program = b"".join([
        statement(load, 0),
        statement(equal, numbers[0], 6, 0),   # seccomp: EPERM
        statement(equal, 444, 4, 0),          # landlock_create_ruleset: ENOSYS
        statement(equal, numbers[1], 0, 2),   # prctl ...
        statement(load, 16),
        statement(equal, 22, 2, 0),           # ... with PR_SET_SECCOMP: EPERM
        statement(0x06, 0x7fff0000),
        statement(0x06, errno | 38),
        statement(0x06, errno | 1),
    ])
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(program)
    filters = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, filters, 0, 0) != 0:
        sys.exit("cannot set up the filter")


def serve_by(home, prefix=(), preexec=None, user=""):
    """One that was started in another way than tests usually do: (process, its log)."""
    log = home / "log"
    port = free_port()
    file = home / "archeio.yaml"
    file.write_text(json.dumps({"server": {"listen": [f"127.0.0.1:{port}"], "admin": ""},
                                "ranges": {"directory": str(home), "refresh": "0s"}}))
    with open(log, "wb") as out:
        process = subprocess.Popen([*prefix, binary(), "serve", "--config", file], stderr=out,
                                   env=environment({"ARCHEIO_USER": user}), preexec_fn=preexec)
    wait_until(lambda: "try: " in log.read_text() or process.poll() is not None, 20, "the banner")
    return process, log


def end(process):
    process.terminate()
    assert process.wait(20) == 0


def test_without_seccomp_and_landlock_it_warns_and_serves(either, home):
    process, log = serve_by(home, preexec=refuse_filters)
    text = log.read_text()
    assert "warning: cannot confine system calls, all of them stay: seccomp: " in text
    assert "this kernel has no Landlock" in text
    assert f"confined: user {USER}, no new privileges, no seccomp, no landlock\n" in text
    end(process)


@needs_root
def test_a_containers_root_without_capabilities_goes_on_as_it_is(either, home):
    process, log = serve_by(home, ["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    text = log.read_text()
    assert "warning: cannot give up all privileges: setgroups: Operation not permitted; " \
        "going on as root" in text
    assert re.search(r"confined: user root, no new privileges, seccomp \(\d+ calls\), ", text)
    assert_confined_but_for_the_user(process.pid)
    end(process)


def assert_confined_but_for_the_user(pid):
    for fields in statuses(pid).values():
        assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


@needs_root
def test_who_is_not_root_stays_who_it_is_and_loses_the_capabilities_it_was_given(either, home):
    process, log = serve_by(home, ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups",
                                   "--inh-caps=-all,+net_bind_service",
                                   "--ambient-caps=-all,+net_bind_service"])
    assert "confined: user 4242, " in log.read_text()
    assert "server.user" not in log.read_text()
    assert_confined_but_for_the_user(process.pid)
    for fields in statuses(process.pid).values():
        assert fields["Uid"].split() == ["4242"] * 4
    end(process)


@needs_root
@pytest.mark.parametrize("user, ignored", [("nobody", True), ("no-such-user", True), ("4242", False)])
def test_who_is_not_root_hears_that_it_cannot_become_another(either, home, user, ignored):
    """Unless it is that user already, as a service manager made it."""
    process, log = serve_by(home, ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"], user=user)
    assert (f"warning: server.user: only root can become {user}: it goes on as the user 4242\n"
            in log.read_text()) == ignored
    end(process)
