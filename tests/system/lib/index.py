"""A store's index, as geranos publishes it (src/oci/blob_index.h says how it looks)."""

import hashlib
import os
import struct
import time

CURRENT = "geranos/index/current"
SIZES = {"sha256": 32, "sha512": 64}


def split(digests):
    """{"sha256": [raw, ...], "sha512": [...]}, each sorted."""
    parts = {name: set() for name in SIZES}
    for digest in digests:
        name, _, text = digest.partition(":")
        parts[name].add(bytes.fromhex(text))
    return {name: sorted(raw) for name, raw in parts.items()}


def make_set(parts):
    """The bytes of a set."""
    sections = b"".join(struct.pack("<IIQ", number, SIZES[name], len(parts[name]))
                        for number, name in enumerate(SIZES, 1))
    header = b"geranos\n" + struct.pack("<II", 1, 0) + sections + bytes(16)
    return header + b"".join(parts["sha256"]) + b"".join(parts["sha512"])


def name_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def make_pointer(parts, name, made):
    return (f"geranos-index 1\ntime {made}\nsha256 {len(parts['sha256'])}\n"
            f"sha512 {len(parts['sha512'])}\nobject {name}\n").encode()


def write(root, key, data):
    """In one step, as object stores do. nginx's ETag is the size and the second of the change, so
    that a second version must not be of the same second."""
    target = root / key
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_bytes(data)
    part.chmod(0o644)
    if target.exists() and target.stat().st_mtime >= int(time.time()):
        later = int(target.stat().st_mtime) + 1
        os.utime(part, (later, later))
    part.rename(target)


def publish(root, digests, made=None):
    """Publishes an index of digests below root, made at that time (now); returns the set's key."""
    parts = split(digests)
    data = make_set(parts)
    key = "geranos/index/" + name_of(data)
    write(root, key, data)
    write(root, CURRENT, make_pointer(parts, name_of(data), int(made or time.time())))
    return key
