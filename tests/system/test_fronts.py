"""Real clients pull over TLS from archeio itself, and from HAProxy and nginx in front of it."""

import pytest

from lib import http
from lib.doors import CLIENT, Doors
from lib.fronts import SOURCE
from lib.site import Upstream

# Where a proxy asks archeio by itself, this is what it speaks. Elsewhere ALPN says: curl offers h2;
# Debian's containerd, podman and skopeo do not, for Go's transport leaves it off if it is given
# certificates to believe, unless the program insists.
OF_PROXY = {"haproxy-http": "http/1.1", "haproxy-http-h2": "h2", "haproxy-http-tls": "h2",
        "nginx-http": "http/1.1"}


@pytest.fixture(scope="module")
def doors(tmp_path_factory, upstream):
    one = Doors(tmp_path_factory.mktemp("doors"), upstream)
    yield one
    one.stop()


@pytest.mark.parametrize("name", ["containerd", "curl", "podman", "skopeo"])
@pytest.mark.parametrize("door", Doors.NAMES)
def test_pulls_over_tls_come_from_the_real_clients_region(doors, clients, upstream, door, name):
    """Whatever stands in front, the region is the client's and not the load balancer's, and
    HTTP/2 is spoken wherever both sides can."""
    trace = doors.pull(clients[name], door)
    image = upstream.image
    assert trace.digest == image.digest
    assert trace.blobs == {"eu": {digest: image.size[digest] for digest in image.blobs}}
    assert set(trace.manifests) == {"upstream"}
    assert {a.client for a in trace.answers} == {CLIENT}
    protocols = {a.protocol for a in trace.answers}
    if door in OF_PROXY:
        assert protocols == {OF_PROXY[door]}
    elif name == "curl":
        assert protocols == {"h2"}
    else:
        assert len(protocols) == 1


@pytest.mark.parametrize("door", Doors.NAMES)
def test_a_forged_header_does_not_choose_the_region_behind_any_front(doors, upstream, door):
    """What a client writes into X-Forwarded-For itself, its neighbour's address or a trusted
    proxy's, counts for nothing."""
    digest = upstream.image.config
    there = f"{doors.buckets['eu'].url}/containers/images/{digest}"
    for forged in (SOURCE, f"192.0.2.140, {SOURCE}", "junk"):
        assert doors.locate(door, digest, forged) == (307, there)


def test_who_is_no_load_balancer_cannot_send_a_proxy_header(doors, upstream):
    """On a listener with PROXY senders, a header from anybody else ends the connection, and a
    client that sends none is served as itself."""
    path = f"/v2/{Upstream.REPOSITORY}/blobs/{upstream.image.config}"
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    port = doors.ports["proxied_clear"]
    forged = f"PROXY TCP4 {SOURCE} 127.0.0.1 1 2\r\n".encode() + request
    assert http.exchange(port, forged) == b""
    served, = http.parse_answers(http.exchange(port, request))
    assert served.location.startswith(doors.buckets["eu"].url)
