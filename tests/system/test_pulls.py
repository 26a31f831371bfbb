"""Real clients pull real images through archeio; access logs say where each byte came from."""

import pytest

from lib import http
from lib.nginx import Front
from lib.site import CLIENTS, PATH, SOURCES, Site, Upstream, expect


@pytest.fixture(scope="module")
def shared(tmp_path_factory, upstream):
    """One site for all pulls that change nothing."""
    one = Site(tmp_path_factory.mktemp("pulls"), upstream)
    yield one
    one.stop()


@pytest.mark.parametrize("who, source", SOURCES)
@pytest.mark.parametrize("by", ["tag", "digest"])
@pytest.mark.parametrize("name", ["skopeo", "podman", "containerd"])
def test_blobs_come_from_the_clients_own_region(shared, clients, upstream, name, by, who, source):
    """An AWS client gets every blob from the bucket of its region, a GCP or unknown one from the
    upstream, manifests always come from the upstream, and the digests are those pushed."""
    image = upstream.image
    reference = ":v1" if by == "tag" else "@" + image.digest
    expect(shared.pull(clients[name], who, reference), image, source)


def test_archeio_itself_sends_no_byte_of_an_image(shared, clients):
    """All that archeio sends are empty redirects, and one empty 200 for /v2/."""
    trace = shared.pull(clients["skopeo"], "eu")
    assert trace.answers and all(a.size == 0 for a in trace.answers)
    pings = [a for a in trace.answers if a.path == "/v2/"]
    assert pings and all(a.status == 200 for a in pings)
    assert all(a.status == 307 for a in trace.answers if a.path != "/v2/")


def test_a_client_cannot_choose_its_region_by_a_header(shared, upstream):
    """What a client itself writes into X-Forwarded-For stays left of what the load balancer adds,
    and counts for nothing."""
    digest = upstream.image.config
    for forged in (CLIENTS["us"], f"{CLIENTS['us']}, 130.211.0.1", "junk", ""):
        answer = shared.locate("eu", digest, headers={"X-Forwarded-For": forged})
        assert answer.status == 307
        assert answer.location == f"{shared.buckets['eu'].url}/containers/images/{digest}"


def test_a_moved_tag_is_seen_at_once(shared, clients, upstream):
    """A tag that was pushed anew at the upstream is what the next pull gets: nothing between the
    client and the source of truth remembers manifests."""
    for image in (upstream.image, upstream.other):
        upstream.push(image, "moving")
        for name in ("skopeo", "containerd"):
            expect(shared.pull(clients[name], "eu", ":moving"), image, "eu")


def test_listed_proxies_are_looked_through(site, clients, upstream):
    """With trusted-proxies the client is the right-most address that is no listed proxy."""
    one = site({"server": {"client_address": "trusted-proxies",
                           "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}},
               forwarded="{client}, 10.1.2.3")
    for who, source in SOURCES:
        expect(one.pull(clients["skopeo"], who), upstream.image, source)


def test_a_proxy_that_is_not_listed_is_the_client(site, upstream):
    """With trusted-proxies a header from a peer that is not listed changes nothing."""
    one = site({"server": {"client_address": "trusted-proxies",
                           "trusted_proxies": ["10.0.0.0/8"]}}, forwarded=Front.PLAIN)
    digest = upstream.image.config
    assert one.locate("eu", digest).location.startswith(one.registry.url)


def test_the_default_store_serves_whom_no_other_does(site, clients, upstream):
    """Where a store serves `default`, an unknown client gets the blobs there; GCP's still come
    from the upstream, and a region's from its own."""
    one = site(serves={"eu": ["aws/eu-west-3"], "us": ["aws/us-east-2", "default"]})
    for who, source in [("unknown", "us"), ("us", "us"), ("eu", "eu"), ("gcp", "upstream")]:
        expect(one.pull(clients["podman"], who), upstream.image, source)


def test_a_second_store_of_the_region_fills_the_gaps_of_the_first(site, clients, upstream):
    """Of several stores that serve a region, the first in the file's order that has the blob is
    the one; a blob that none has comes from the upstream."""
    image = upstream.image
    one = site(serves={"eu": ["aws/eu-west-3"], "us": ["aws/us-east-2", "aws/eu-west-3"]})
    one.buckets["eu"].remove(image.layers[0])
    one.buckets["eu"].remove(image.layers[1])
    one.buckets["us"].remove(image.layers[1])
    trace = one.pull(clients["containerd"], "eu")
    assert trace.digest == image.digest
    where = {digest: source for source, blobs in trace.blobs.items() for digest in blobs}
    assert where == {**{digest: "eu" for digest in image.blobs},
                     image.layers[0]: "us", image.layers[1]: "upstream"}


def test_tags_and_referrers_are_the_upstreams(shared):
    """What is no blob is sent to the upstream with its query, for every client."""
    for who in CLIENTS:
        for rest in ("tags/list?n=1000", "referrers/sha256:" + "0" * 64 + "?artifactType=a%2Fb"):
            answer = http.request(shared.front.port[who], f"/v2/{Upstream.REPOSITORY}/{rest}")
            assert (answer.status, answer.body) == (307, b"")
            there = f"{shared.registry.url}/v2/{PATH}/{Upstream.REPOSITORY}/{rest}"
            assert answer.location == there
