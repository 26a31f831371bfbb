"""The inputs that fuzzing begins with: fuzz/corpus/TARGET.rows, and what the tests' tables hold.

A row is NAME BYTES, in the notation of tests/hostile/http1.rows; '#' begins a comment line."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "hostile"))
import table  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
OWN_RANGES = b"\x04"  # the file's name, as ranges.c has them
NOBODY = b"\x00\x00"  # of location.c: a client, and what the stores hold
NO_HOST = b"\x00\x13\x00\x00"  # of route.c: a client, the host, fields, and what the stores hold


def from_rows(target):
    file = ROOT / "fuzz" / "corpus" / f"{target}.rows"
    for line in file.read_text(encoding="ascii").splitlines() if file.exists() else []:
        if line and not line.startswith("#"):
            name, text = line.split(None, 1)
            yield name, table.decode(text).encode("latin-1")


def hostile_requests():
    for row in table.read():
        yield f"hostile-{row.name}", row.data


def golden_targets(name, column, before):
    lines = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            yield f"golden-{number}", before + line.split("\t")[column].encode("latin-1")


def configurations():
    for name in "site", "routes":
        yield f"golden-{name}", (GOLDEN / f"{name}.yaml").read_bytes()


def own_ranges():
    yield "golden", OWN_RANGES + (GOLDEN / "ranges" / "golden.txt").read_bytes()


def snapshots(archeio, directory):
    """The golden sites', and one without ranges."""
    for name, site, ranges in (("golden", "site", GOLDEN / "ranges"),
                               ("no-ranges", "site", directory / "empty"),
                               ("routes", "routes", GOLDEN / "ranges")):
        ranges.mkdir(exist_ok=True)
        image = directory / "image"
        compiled = subprocess.run(
            [archeio, "compile", "--config", GOLDEN / f"{site}.yaml", "--output", image],
            env={"ARCHEIO_RANGES": str(ranges)}, capture_output=True, text=True, check=False)
        if compiled.returncode != 0:
            sys.exit(f"the golden site does not compile: {compiled.stderr}")
        yield name, image.read_bytes()
        image.unlink()


def write(directory, archeio):
    """Replaces directory/TARGET/NAME for all of them."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    more = {"http1": hostile_requests(), "location": golden_targets("requests.tsv", 3, NOBODY),
            "route": golden_targets("routes.tsv", 5, NO_HOST), "yaml": configurations(),
            "ranges": own_ranges(), "snapshot": snapshots(archeio, directory)}
    for source in sorted((ROOT / "fuzz").glob("*.c")):
        target = directory / source.stem
        target.mkdir()
        for name, data in [*from_rows(source.stem), *more.get(source.stem, ())]:
            (target / name).write_bytes(data)
