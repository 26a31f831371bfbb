"""Stores by the code under test, with no more around it than a command line
(tests/system/programs/store.c)."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import archeio
from .program import SANITIZER

# What else would name keys, a region or an endpoint.
CONFIGURING = ("AWS_",)


def binary():
    path = Path(archeio.binary()).parent / "tests" / "system" / "programs" / "test-store"
    assert path.is_file(), f"{path} is missing: build it (make)"
    return path


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Done:
    result: str  # "ok", "there", "missing", "retry", "refused", "failed"
    error: str
    output: bytes
    read: int  # bytes of the source, for put() and break_off()


class Store:
    """One URL, with the environment's keys."""

    def __init__(self, directory, url, keys=None):
        self.directory = Path(directory)
        self.url = url
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(CONFIGURING)}
        self.env |= {"HOME": str(directory), "AWS_EC2_METADATA_DISABLED": "true"}
        if keys:
            self.env |= {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1]}

    def run(self, *arguments):
        done = subprocess.run([binary(), self.url, *map(str, arguments)], env=self.env,
                              capture_output=True, timeout=120, check=False)
        lines = done.stderr.decode().splitlines()
        assert not SANITIZER.search(done.stderr.decode()), done.stderr.decode()
        read = int(lines.pop(0).split()[0]) if lines and lines[0].endswith(" bytes read") else 0
        result, _, error = (lines[-1] if lines else "").partition(" ")
        return Done(result, error, done.stdout, read)

    def _file(self, data):
        file = self.directory / "source"
        file.write_bytes(data)
        return file

    def put(self, key, data, digest=None):
        return self.run("put", key, self._file(data), digest or digest_of(data))

    def break_off(self, key, data, after):
        return self.run("break", key, self._file(data), digest_of(data), after)

    def set(self, key, data, replace=False):
        return self.run("replace" if replace else "set", key, self._file(data))

    def list(self, prefix=""):
        """{key: size}."""
        done = self.run("list", prefix)
        assert done.result == "ok", done
        lines = (line.split(" ", 1) for line in done.output.decode().splitlines())
        return {key: int(size) for size, key in lines}
