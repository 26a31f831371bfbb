"""Ceph's radosgw: a real S3 server, over one object store in memory.

It checks signatures exactly, refuses content that is not what x-amz-content-sha256 says, honours
`If-None-Match: *`, and does uploads in parts; it ignores x-amz-checksum-sha256.
"""

import os
import subprocess
import uuid
from pathlib import Path

from .ports import free_port, wait_until
from .program import Program, find
from .s3 import S3

CONFIG = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon},v1:127.0.0.1:{mon1}]
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
log file = {directory}/$name.log
admin socket = {directory}/$name.asok
run dir = {directory}

[mon.a]
mon data = {directory}/mon

[osd]
osd objectstore = memstore
memstore device bytes = {memory}
osd data = {directory}/osd
osd check max object name len on startup = false

[mgr]
mgr data = {directory}/mgr

[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {directory}/rgw
"""


class RadosGW:
    """Listens when the constructor returns. Users: (access key, secret key)."""

    USER = ("TESTACCESS", "TESTSECRET")
    STRANGER = ("STRANGER", "STRANGERSECRET")  # without rights to anything of the other

    def __init__(self, directory, memory=4 << 30):
        """memory: bytes of all objects, at most."""
        self.directory = Path(directory)
        self.memory = memory
        for name in ("mon", "osd", "mgr", "rgw"):
            (self.directory / name).mkdir(parents=True)
        self.port = free_port()
        self.programs = []
        self.env = {**os.environ, "CEPH_CONF": str(self.directory / "ceph.conf")}
        self._configure()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        self.s3 = S3(self.host, *self.USER)

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def _configure(self):
        self.fsid, self.mon = str(uuid.uuid4()), (free_port(), free_port())
        (self.directory / "ceph.conf").write_text(CONFIG.format(
            fsid=self.fsid, mon=self.mon[0], mon1=self.mon[1], port=self.port,
            directory=self.directory, memory=self.memory))

    def _run(self, name, *arguments):
        done = subprocess.run([find(name), *map(str, arguments)], env=self.env, text=True,
                              capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, f"{name} {arguments}: {done.stderr}"
        return done.stdout

    def _serve(self, name, *arguments):
        program = Program([find(name), "-f", *arguments],
                          self.directory / f"{name}.out", env=self.env)
        self.programs.append(program)
        return program

    def _start(self):
        """A monitor, one object store, a manager (without one, no pool becomes active), then the
        gateway."""
        monmap = self.directory / "monmap"
        addresses = f"[v2:127.0.0.1:{self.mon[0]},v1:127.0.0.1:{self.mon[1]}]"
        self._run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", addresses, monmap)
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap)
        self._serve("ceph-mon", "-i", "a").wait_for_port(self.mon[0])
        osd = str(uuid.uuid4())
        self._run("ceph", "osd", "create", osd, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=h")
        self._serve("ceph-osd", "-i", "0")
        self._serve("ceph-mgr", "-i", "x")
        wait_until(lambda: "1 up" in self._run("ceph", "osd", "stat"), 60, "the object store")
        for name, (access, secret) in {"test": self.USER, "stranger": self.STRANGER}.items():
            self._run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}",
                      f"--access-key={access}", f"--secret-key={secret}")
        # Without authentication between them, the secure mode that it prefers is refused.
        gateway = self._serve("radosgw", "-n", "client.rgw", "--ms-mon-client-mode=crc")
        gateway.wait_for_port(self.port, timeout=60)

    def stop(self):
        """All of it lies in memory and in scratch files: nothing needs to end well."""
        for program in reversed(self.programs):
            program.kill()
