"""archeio with one call that fails: the other half of tests/faults/inject.c."""

import mmap
import os
import struct
import subprocess
from pathlib import Path

from . import archeio

# In the order of `enum way` in inject.c.
WAYS = ("memory", "short", "EINTR", "EAGAIN", "EMFILE", "ENOMEM", "ECONNRESET")
# What only delays: the kernel has nothing at the moment, or not all of it.
DELAYS = ("short", "EINTR", "EAGAIN")

# struct control
ARMED, WAY, COUNT, FIRED, NAME, SIZE = 0, 4, 16, 24, 28, 64


def library():
    """The injector, built where the program under test was."""
    build = Path(archeio.binary()).parent
    subprocess.run(["ninja", "--quiet", "-C", build, "tests/faults/inject.so"], check=True)
    return build / "tests" / "faults" / "inject.so"


class Faults:
    """Says which call of a program fails. env is what the program is started with."""

    def __init__(self, path, injector):
        path.write_bytes(bytes(SIZE))
        with open(path, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), SIZE)
        options = os.environ.get("ASAN_OPTIONS", "detect_leaks=1")
        self.env = {"FAULTS_CONTROL": str(path), "LD_PRELOAD": str(injector),
                    "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0"}

    def arm(self, way, at):
        """From now on, the at-th call (from 1) of those that can fail in that way fails."""
        self.memory[:SIZE] = bytes(SIZE)
        struct.pack_into("=IQ", self.memory, WAY, WAYS.index(way), at)
        struct.pack_into("=I", self.memory, ARMED, 1)

    def disarm(self):
        """The name of what failed; "" if so many calls were not made."""
        struct.pack_into("=I", self.memory, ARMED, 0)
        if struct.unpack_from("=I", self.memory, FIRED)[0] == 0:
            return ""
        return bytes(self.memory[NAME:SIZE]).split(b"\0")[0].decode()

    @property
    def count(self):
        return struct.unpack_from("=Q", self.memory, COUNT)[0]
