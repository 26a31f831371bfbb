"""crane pulls as the clients of the system's tests do: alone and through load balancers."""

import json
import shutil

import pytest

from lib import clients
from lib.doors import CLIENT, Doors
from suites import tool

# Where a proxy asks archeio by itself in HTTP/1.1. Everywhere else it is HTTP/2, which crane
# offers, and gets through whatever stands in between.
HTTP1 = ("haproxy-http", "nginx-http")


class Crane(clients.Client):
    """Pulls into an OCI layout."""

    def pull(self, host, repository, reference, ca=None):
        target = self.directory / "layout"
        env = {"SSL_CERT_FILE": str(ca), "HOME": str(self.directory)}
        name = f"{host}/{repository}{reference}"
        _, seconds = clients.run([tool("crane"), "pull", "--format=oci", name, target], env)
        for blob in (target / "blobs/sha256").iterdir():
            assert clients.digest_of(blob) == "sha256:" + blob.name
        index = json.loads((target / "index.json").read_text())
        shutil.rmtree(target)
        return clients.Pulled(index["manifests"][0]["digest"], seconds)


@pytest.fixture(scope="module")
def crane():
    one = Crane()
    yield one
    one.close()


@pytest.mark.parametrize("reference", ["tag", "digest"])
@pytest.mark.parametrize("door", Doors.NAMES)
def test_crane_pulls_over_tls_from_its_own_region(doors, crane, door, reference):
    image = doors.upstream.image
    trace = doors.pull(crane, door, ":v1" if reference == "tag" else f"@{image.digest}")
    assert trace.digest == image.digest
    assert trace.blobs == {"eu": {digest: image.size[digest] for digest in image.blobs}}
    assert {a.client for a in trace.answers} == {CLIENT}
    assert {a.protocol for a in trace.answers} == {"http/1.1" if door in HTTP1 else "h2"}
