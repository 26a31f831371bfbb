"""Compiling parts of the tree by hand, with flags of their own."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tree import ROOT

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", '-DARCHEIO_VERSION="0"', "-Wall", "-Wextra", "-Werror",
         f"-I{ROOT}/include", f"-I{ROOT}/src"]


def find(name):
    path = shutil.which(name)
    assert path, f"{name} is not installed: scripts/install-packages build test"
    return path


def run(argv, **options):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False,
                          **options)
    assert done.returncode == 0, f"{' '.join(map(str, argv))}\n{done.stdout}{done.stderr}"
    return done.stdout


def parallel(function, items):
    """Results in order; the first exception is raised."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def compile_all(compiler, files, directory, flags):
    """{file: object}"""
    def one(file):
        relative = file.relative_to(ROOT)
        target = Path(directory) / (str(relative).replace("/", "_") + ".o")
        run([find(compiler), *FLAGS, *flags, "-c", file, "-o", target])
        return target
    return dict(zip(files, parallel(one, files)))


def symbols(file, *options):
    """Names as nm prints them."""
    return set(run([find("nm"), "-j", *options, file]).split())
