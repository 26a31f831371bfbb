"""Programs that scripts/conformance has built, and the reports that they write."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path


def tool(name):
    path = Path(os.environ.get("CONFORMANCE_TOOLS", "build-conformance/bin")) / name
    assert path.is_file(), f"{path} is missing: make conformance builds it"
    return path.resolve()


@dataclass(frozen=True)
class Report:
    """A JUnit report: the cases' names."""

    file: Path
    passed: list
    failed: list

    def count(self, name):
        """Lets the cases be counted beside this test, as part of that name."""
        if "CONFORMANCE_RESULTS" in os.environ:
            shutil.copyfile(self.file, Path(os.environ["CONFORMANCE_RESULTS"]) / f"{name}.xml")


def read(file):
    passed, failed = [], []
    for case in ET.parse(file).iter("testcase"):
        name = f"{case.get('package', '')} {case.get('name', '')} {case.get('classname')}".strip()
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is None:
            passed.append(name)
    return Report(file, passed, failed)


def run(*argv, env=None, cwd=None, timeout=600):
    """Runs to the end, whatever comes of it: (exit code, what it said)."""
    done = subprocess.run([str(a) for a in argv], text=True, env={**os.environ, **(env or {})},
                          cwd=cwd, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout
