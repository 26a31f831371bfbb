"""The tree's rooms and files, and what is wrong with them. Each check takes the root of a tree, so
that a test can give it a bad one; it returns a list of sentences, empty if all is well."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A room may include those above it.
PURE = ("base", "ip", "oci", "policy", "decide")
WORLD = ("sys", "config", "client", "ranges", "exist", "http", "io", "server", "mirror", "cli")
ROOMS = PURE + WORLD

# What pure code may include from outside: C's own types, bytes and strings; one hash, inlined.
PURE_SYSTEM = {"assert.h", "limits.h", "stdalign.h", "stdbool.h", "stddef.h", "stdint.h",
               "string.h", "xxhash.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
LONGEST = 600


def sources(root, rooms=ROOMS, ends=(".c", ".h")):
    return [f for room in rooms for f in sorted((root / "src" / room).rglob("*"))
            if f.suffix in ends]


def public_headers(root):
    return sorted((root / "include" / "archeio").glob("*.h"))


def envoy(root, ends=(".c", ".h")):
    """The filter for Envoy, which is compiled with the pure core."""
    return [f for f in sorted((root / "doors" / "envoy").iterdir()) if f.suffix in ends]


def tracked(root):
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True,
                           text=True).stdout
    return [root / name for name in names.split("\0") if name and (root / name).is_file()]


def includes(file):
    """(quote, name) of each #include."""
    return INCLUDE.findall(file.read_text(encoding="utf-8"))


def _wrong_include(root, room, quote, name):
    public = quote == "<" and name.startswith("archeio/")
    if public:
        return None if (root / "include" / name).is_file() else "is no public header"
    if quote == "<":
        pure = room is None or room in PURE
        return "is not for pure code" if pure and name not in PURE_SYSTEM else None
    other = name.split("/")[0]
    if other not in ROOMS or not (root / "src" / name).is_file():
        return 'is no header of a room ("room/file.h" is expected)'
    if room is None:
        return "is not public, so no public header may need it"
    if ROOMS.index(other) > ROOMS.index(room):
        return f"lies in a room below {room}"
    return None


def check_includes(root):
    """Rooms include only rooms above them (ARCHITECTURE.md, Rooms); public headers only each other."""
    wrong = []
    files = [(f.relative_to(root / "src").parts[0], f) for f in sources(root)]
    for room, file in files + [(None, f) for f in public_headers(root)]:
        for quote, name in includes(file):
            why = _wrong_include(root, room, quote, name)
            if why:
                wrong.append(f"{file.relative_to(root)}: {name} {why}")
    return wrong


def check_built(root):
    """Every source is built: a room's meson.build names each .c of its folder, and no folder of
    src/ is something else than a room."""
    wrong = [f"src/{d.name}: is no room" for d in sorted((root / "src").iterdir())
             if d.is_dir() and d.name not in ROOMS]
    for file in sources(root, ends=(".c",)):
        build = file.parent / "meson.build"
        if not build.is_file() or f"'{file.name}'" not in build.read_text(encoding="utf-8"):
            wrong.append(f"{file.relative_to(root)}: is not built")
    return wrong


def check_length(root):
    """No C file of 600 lines or more."""
    wrong = []
    for file in tracked(root):
        if file.suffix in (".c", ".h"):
            lines = len(file.read_bytes().splitlines())
            if lines >= LONGEST:
                wrong.append(f"{file.relative_to(root)}: {lines} lines, split it")
    return wrong


# Spelt in pieces, so that this file does not contain what it looks for.
FORBIDDEN = {
    "a path of somebody's machine": "/wo""rk/|/ho""me/[a-z]",
    "a package registry's host": "np""mjs[.]|pyp""i[.]org|pythonho""sted|crat""es[.]io|"
                                 "deb[.]debi""an|proxy[.]gol""ang",
    "unfinished work": r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|not imple" r"mented",
}


def check_words(root):
    """Nothing that belongs to one machine, and no mark of unfinished work."""
    wrong = []
    for file in tracked(root):
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            wrong.append(f"{file.relative_to(root)}: is not UTF-8")
            continue
        for what, pattern in FORBIDDEN.items():
            if file.name in ("LICENSE", "CHANGELOG.md"):
                continue
            for found in re.finditer(pattern, text):
                line = text.count("\n", 0, found.start()) + 1
                wrong.append(f"{file.relative_to(root)}:{line}: {what}: {found.group()}")
    return wrong


def check_exports(symbols):
    """symbols: {source path: names that its object file exports}. Each begins with its file's name;
    main() is the programs' own."""
    wrong = []
    for file, names in symbols.items():
        stem = Path(file).stem
        wrong += [f"{file}: exports {name}" for name in sorted(names)
                  if name != stem and not name.startswith(stem + "_")]
    return wrong


NAMED = re.compile(r"^(?:struct|union|enum) (\w+) \{", re.M)
ENUM = re.compile(r"^(?:static const )?enum(?: \w+)? \{(.*?)\}", re.M | re.S)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


# The one exception: what decide_begin() begins.
ALLOWED_NAMES = {"decision"}


def declared(header):
    """Names of the types and enum constants that a header defines."""
    text = COMMENT.sub("", header.read_text(encoding="utf-8"))
    names = NAMED.findall(text)
    for body in ENUM.findall(text):
        names += re.findall(r"^\s*(\w+)\s*(?:=|$)", body.replace(",", "\n"), re.M)
    return names


def check_declared(root):
    """Types and enum constants begin with their header's name, too; flights.h may define a flight,
    and a room's inner header the type that the room's own leaves open."""
    wrong = []
    for file in sources(root, ends=(".h",)) + public_headers(root):
        stems = {file.stem, file.stem.removesuffix("s")}
        whole = ALLOWED_NAMES | {file.parent.name}
        for name in declared(file):
            if name not in whole and not any(re.match(f"{stem}(_|$)", name, re.I) for stem in stems):
                wrong.append(f"{file.relative_to(root)}: defines {name}")
    return wrong
