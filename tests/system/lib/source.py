"""A registry with content of every kind in it, pushed by raw requests: tools refuse some of it."""

import hashlib
import http.client
import json
import random

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
MANIFEST = OCI + "manifest.v1+json"
INDEX = OCI + "index.v1+json"
SCHEMA2 = DOCKER + "distribution.manifest.v2+json"
LIST = DOCKER + "distribution.manifest.list.v2+json"
EMPTY = "application/vnd.oci.empty.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def noise(size, seed=0):
    return random.Random(seed * 1000003 + size).randbytes(size)


class Source:
    """Pushes to a registry ("127.0.0.1:5000"), and knows what has to be in a store thereafter."""

    def __init__(self, host, headers=None):
        self.host = host
        self.headers = headers or {}
        self.blobs = {}  # digest -> bytes
        self.manifests = {}  # digest -> bytes

    def request(self, method, path, body=None, **headers):
        """(status, headers, body); a body's type is the keyword content_type."""
        fields = {k.replace("_", "-"): v for k, v in headers.items()} | self.headers
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def blob(self, repository, data, media_type="application/octet-stream"):
        """Pushes a blob; returns its descriptor."""
        digest = digest_of(data)
        status, headers, text = self.request("POST", f"/v2/{repository}/blobs/uploads/")
        assert status == 202, text
        where = headers["Location"].split(self.host, 1)[-1]
        where += ("&" if "?" in where else "?") + f"digest={digest}"
        status, _, text = self.request("PUT", where, data, content_type="application/octet-stream")
        assert status == 201, text
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def manifest(self, repository, document, tag=None):
        """Pushes it under its digest or a tag; returns its descriptor."""
        data = json.dumps(document).encode()
        digest = digest_of(data)
        status, _, text = self.request("PUT", f"/v2/{repository}/manifests/{tag or digest}", data,
                                       content_type=document["mediaType"])
        assert status == 201, text
        self.manifests[digest] = data
        return {"mediaType": document["mediaType"], "digest": digest, "size": len(data)}

    def image(self, repository, tag=None, layers=(), config=b"{}", media_type=MANIFEST, **more):
        """An image of these layers (bytes)."""
        kind = OCI + "config.v1+json" if media_type == MANIFEST else DOCKER + "container.image.v1+json"
        layer = OCI + "layer.v1.tar" if media_type == MANIFEST else DOCKER + "image.rootfs.diff.tar.gzip"
        document = {"schemaVersion": 2, "mediaType": media_type,
                    "config": self.blob(repository, config, kind),
                    "layers": [self.blob(repository, data, layer) for data in layers], **more}
        return self.manifest(repository, document, tag)

    def index(self, repository, tag, children, media_type=INDEX, **more):
        """children: descriptors, with a platform or not."""
        document = {"schemaVersion": 2, "mediaType": media_type, "manifests": children, **more}
        return self.manifest(repository, document, tag)


def push_every_kind(source):
    """An image or more of each kind of manifest, some of which share a layer."""
    shared = noise(3_000_000)
    amd64 = source.image("oci/app", None, [shared, noise(10, 1)], b'{"os":"linux","n":1}')
    arm64 = source.image("oci/app", None, [shared, noise(11, 1)], b'{"os":"linux","n":2}')
    source.index("oci/app", "v1", [
        amd64 | {"platform": {"os": "linux", "architecture": "amd64"}},
        arm64 | {"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}])
    source.image("oci/single", "v1", [shared, noise(70_000, 2), b""], b'{"n":3}')
    schema2 = source.image("docker/app", "v1", [noise(20_000, 3), shared], b'{"n":4}', SCHEMA2)
    source.index("docker/app", "all", [
        schema2 | {"platform": {"os": "linux", "architecture": "amd64"}}], LIST)
    source.image("oci/app", "artifact", [noise(900, 4)], b"{}", subject=amd64,
                 artifactType="application/vnd.example.sbom")
    source.image("oci/app", amd64["digest"].replace(":", "-") + ".sig", [noise(300, 5)], b'{"n":5}')
    config = source.blob("oci/empty", b"{}", EMPTY)
    source.manifest("oci/empty", {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": DOCKER + "none", "config": config, "layers": [config]}, "v1")
