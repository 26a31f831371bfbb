"""The release build, where a sanitizer's memory and time must not be measured, too."""

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
    subprocess.run([ROOT / "scripts" / "build", directory], check=True, capture_output=True)
    return str(directory / "archeio")
