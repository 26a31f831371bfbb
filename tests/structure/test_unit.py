"""The systemd units keep the services in, and let them do what they do."""

import re
import subprocess

import pytest
import tree

PACKAGING = tree.ROOT / "packaging"
EXPOSURE = 1.5
# What it takes for the server to confine itself, before its own filter holds.
CONFINING = {"seccomp", "prctl", "landlock_create_ruleset", "landlock_add_rule",
             "landlock_restrict_self"}
BEFORE = {"socket", "bind", "listen", "setrlimit", "prlimit64", "clone", "clone3", "mmap", "mprotect",
          "execve", "signalfd4", "capget"}


def read_unit(directory, name):
    """As it is installed: (file, its settings as {name: [value, ...]})."""
    text = (PACKAGING / name).read_text().replace("@PREFIX@", "/usr")
    file = directory / name
    file.write_text(text)
    settings = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", text, re.M):
        settings.setdefault(key, []).append(value)
    return file, settings


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    return read_unit(tmp_path_factory.mktemp("unit"), "archeio.service")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    return read_unit(tmp_path_factory.mktemp("unit"), "geranos.service")


@pytest.fixture(params=["unit", "mirror"])
def each(request):
    return request.getfixturevalue(request.param)


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True,
                          text=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"})


def test_its_exposure_is_small(each):
    done = analyze("security", "--offline=true", str(each[0]))
    level = re.search(r"Overall exposure level for \w+.service: ([\d.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= EXPOSURE, done.stdout


def test_systemd_knows_every_setting(each):
    done = analyze("verify", str(each[0]))
    wrong = [line for line in done.stderr.splitlines()
             if re.search(r"\w+.service:\d+:", line) or "Unknown" in line]
    assert wrong == []


def members(group):
    found = set()
    for line in analyze("syscall-filter", group).stdout.splitlines()[1:]:
        name = line.strip()
        if name and not name.startswith("#"):
            found |= members(name) if name.startswith("@") else {name}
    assert found, f"systemd has no {group}"
    return found


def test_it_permits_every_system_call_that_the_servers_own_filter_permits(unit):
    source = (tree.ROOT / "src" / "sys" / "syscalls.c").read_text()
    allowed = re.search(r"allowed\[\] = \{(.*?)\};", source, re.S)[1]
    wanted = set(re.findall(r'"(\w+)"', allowed)) | CONFINING | BEFORE
    assert len(wanted) > 100
    permitted = set()
    for line in unit[1]["SystemCallFilter"]:
        names = line.lstrip("~").split()
        group = set().union(*(members(n) if n.startswith("@") else {n} for n in names))
        permitted = permitted - group if line.startswith("~") else permitted | group
    assert wanted - permitted == set()


def test_ranges_and_log_have_a_place_and_a_reload_is_a_signal(unit):
    settings = unit[1]
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["StateDirectory"] == ["archeio"]  # ranges.directory is /var/lib/archeio/ranges
    assert settings["LogsDirectory"] == ["archeio"]
    assert settings["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert set(settings["RestrictAddressFamilies"][0].split()) == {"AF_INET", "AF_INET6"}


def test_the_mirror_is_held_as_archeio_is_and_takes_its_settings_from_a_file(unit, mirror):
    held = [s for s in unit[1] if re.match(r"Protect|Private|Restrict|NoNew|Lock|Memory|Capab", s)
            and s != "Restart"]
    assert len(held) > 15
    assert {s: mirror[1].get(s) for s in held} == {s: unit[1][s] for s in held}
    command, = mirror[1]["ExecStart"]
    assert command.startswith("/usr/bin/geranos sync --config /etc/geranos/geranos.yaml --every ")
    for name in re.findall(r"\$\{(\w+)\}", command):
        assert re.search(rf"\b{name}=\S", mirror[1]["Environment"][0])
        assert f"#{name}=" in (PACKAGING / "geranos.default").read_text()
