"""One program that a test started."""

import atexit
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from .ports import listens, wait_until

SANITIZER = re.compile(r"(ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer)[^\n]*")

PACKAGES = {
    "docker-registry": "docker-registry",
    "nginx": "nginx-light",
    "skopeo": "skopeo",
    "podman": "podman",
    "containerd": "containerd",
    "ctr": "containerd",
    "haproxy": "haproxy",
    "curl": "curl",
    "testssl": "testssl.sh",
    "openssl": "openssl",
    "node": "nodejs",
    "nm": "binutils",
    "dpkg-deb": "dpkg",
    "ceph": "ceph-common",
    "monmaptool": "ceph-common",
    "radosgw-admin": "radosgw",
}


def find(name):
    """Where a program is; one that is missing fails the test and names its package."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert path, f"{name} is not installed: apt-get install {PACKAGES.get(name, name)}"
    return path


def whole_lines(path):
    """Of a log that is being written; none if there is no such file yet."""
    if not path.exists():
        return []
    with open(path, encoding="utf-8") as f:
        return [line for line in f if line.endswith("\n")]


def freeze(pid):
    """Returns when none of its threads runs any longer: a signal that was sent need not have arrived."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: {stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0]
                        for stat in Path(f"/proc/{pid}/task").glob("*/stat")} == {"T"},
               what=f"process {pid} to stand still")


class Program:
    """Started at once, in a process group of its own, output to a file.

    Not a shell: argv[0] is a path. stop() is harmless on one that has ended. Whatever happens,
    none outlives the run.
    """

    def __init__(self, argv, log, env=None, cwd=None):
        self.argv = [str(a) for a in argv]
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=env, cwd=cwd, start_new_session=True)
        atexit.register(self.kill)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_for_port(self, port, host="127.0.0.1", timeout=20.0):
        def up():
            assert self.alive(), f"{self.argv[0]} ended:\n{self.output()}"
            return listens(port, host)
        wait_until(up, timeout, f"{self.argv[0]} listening on {host}:{port}")

    def send(self, number):
        """To the whole group: a frozen nginx is one whose workers are frozen, too."""
        if self.alive():
            os.killpg(self.pid, number)

    def stop(self, number=signal.SIGTERM, timeout=20.0):
        """Ends it and returns its exit code. One that does not end is killed and fails the test."""
        if self.alive():
            os.kill(self.pid, number)
            os.killpg(self.pid, signal.SIGCONT)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.argv[0]} did not end within {timeout} s of signal {number}:\n"
                f"{self.output()}") from None

    def kill(self):
        if self.alive():
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()

    def sanitizer_report(self):
        """The text from the first report on; empty if there is none."""
        text = self.output()
        found = SANITIZER.search(text)
        return text[found.start():] if found else ""
