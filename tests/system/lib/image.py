"""Container images made from nothing: random files in a few layers, as an OCI layout."""

import gzip
import hashlib
import io
import json
import platform
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


@dataclass(frozen=True)
class Image:
    layout: Path  # a directory that skopeo calls oci:<directory>:<tag>
    tag: str
    digest: str  # of the manifest
    config: str  # digest of the configuration
    layers: tuple  # digests
    size: dict  # digest -> bytes, of every blob but the manifest

    @property
    def blobs(self):
        """What may come from a bucket: all but the manifest."""
        return {self.config, *self.layers}


def _layer(rng, number, size):
    """A gzipped tar of one file of size random bytes, and the digest of the tar."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(f"layer-{number}.bin")
        entry.size = size
        entry.mode = 0o644
        tar.addfile(entry, io.BytesIO(rng.randbytes(size)))
    data = plain.getvalue()
    return gzip.compress(data, 1, mtime=0), "sha256:" + hashlib.sha256(data).hexdigest()


def make(directory, tag, layers=4, size=200_000, seed=None):
    """Writes an image of so many layers of about size bytes each. The same seed, the same image."""
    rng = random.Random(seed if seed is not None else tag)
    directory = Path(directory)
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    sizes = {}

    def put(data):
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        sizes["sha256:" + name] = len(data)
        return {"digest": "sha256:" + name, "size": len(data)}

    made = [_layer(rng, i, size + 1000 * i) for i in range(layers)]
    layer_entries = [{"mediaType": LAYER, **put(data)} for data, _ in made]
    config = put(json.dumps({
        "architecture": ARCHITECTURE, "os": "linux", "config": {},
        "created": "2024-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in made]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "random"}] * layers,
    }).encode())
    blob_sizes = dict(sizes)
    manifest = put(json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, **config}, "layers": layer_entries,
    }).encode())
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps({
        "schemaVersion": 2,
        "manifests": [{"mediaType": MANIFEST, **manifest,
                       "annotations": {"org.opencontainers.image.ref.name": tag}}],
    }))
    return Image(directory, tag, manifest["digest"], config["digest"],
                 tuple(e["digest"] for e in layer_entries), blob_sizes)
