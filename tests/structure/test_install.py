"""`make install` puts things where they belong, and what it installs is fit for use."""

import os
import re
import subprocess

import pytest
import tree

WANTED = {
    "bin/archeio", "bin/geranos", "share/man/man1/geranos.1", "share/doc/archeio/geranos.yaml",
    "share/doc/archeio/geranos-job.yaml", "share/doc/archeio/geranos.default",
    "lib/systemd/system/geranos.service",
    "lib/systemd/system/archeio.service", "share/man/man1/archeio.1",
    "share/man/man5/archeio.yaml.5", "share/doc/archeio/archeio.yaml",
    "share/doc/archeio/archeio.default", "share/doc/archeio/LICENSE",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    binary = os.environ.get("ARCHEIO_BINARY", tree.ROOT / "build" / "archeio")
    env = {**os.environ, "DESTDIR": str(root), "PREFIX": "/opt/archeio", "BINARY": str(binary)}
    subprocess.run([tree.ROOT / "scripts" / "install"], env=env, check=True, capture_output=True)
    return root / "opt" / "archeio"


def test_everything_lies_below_the_prefix(installed):
    files = {str(f.relative_to(installed)) for f in installed.rglob("*") if f.is_file()}
    assert files == WANTED
    assert os.access(installed / "bin" / "archeio", os.X_OK)
    assert os.access(installed / "bin" / "geranos", os.X_OK)
    assert [d.name for d in installed.parent.parent.iterdir()] == ["opt"]


@pytest.mark.parametrize("name, command", [("archeio", "serve\n"), ("geranos", "sync ")])
def test_the_units_start_what_was_installed(installed, name, command):
    unit = (installed / f"lib/systemd/system/{name}.service").read_text()
    assert f"ExecStart=/opt/archeio/bin/{name} {command}" in unit
    assert not re.search(r"@[A-Z]+@", unit)


def test_the_sample_is_a_valid_configuration(installed):
    env = {k: v for k, v in os.environ.items() if k not in ("PORT", "ARCHEIO_CONFIG")}
    done = subprocess.run([installed / "bin" / "archeio", "check-config",
                           installed / "share/doc/archeio/archeio.yaml"],
                          env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
