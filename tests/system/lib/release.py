"""The release build, where a sanitizer's memory and time must not be measured, too."""

import fcntl
import functools
import os
import subprocess

from .archeio import ROOT


@functools.cache
def release_binary():
    """ARCHEIO_RELEASE, or what is built now."""
    if os.environ.get("ARCHEIO_RELEASE"):
        return os.environ["ARCHEIO_RELEASE"]
    directory = ROOT / "build-release"
    directory.mkdir(exist_ok=True)
    with open(directory / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes that run tests build it there, too
        subprocess.run([ROOT / "scripts" / "build", directory], check=True, capture_output=True)
    return str(directory / "archeio")
