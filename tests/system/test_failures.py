"""A bucket that fails costs a pull at most the wait budget, and soon nothing."""

import resource
import time

import pytest

from lib.loader import Loader
from lib.nginx import Bucket
from lib.ports import wait_until
from lib.site import CLIENTS, Upstream

WAIT = 1.0  # existence.wait of these sites, in seconds
SLACK = 0.5  # what a busy machine and a sanitizer may add to it

FAILURES = {
    "empty": lambda bucket: bucket.behave(Bucket.EMPTY),
    "stopped": lambda bucket: bucket.stop(),
    "black-holed": lambda bucket: bucket.freeze(),
    "resetting": lambda bucket: bucket.behave(Bucket.RESETTING),
    "failing": lambda bucket: bucket.behave(Bucket.FAILING),
}

failing_ways = pytest.mark.parametrize("way", FAILURES)


def broken_site(site, way, **options):
    """A site whose bucket "eu" fails in that way before anybody has asked for anything."""
    one = site({"existence": {"wait": f"{WAIT:g}s"}}, **options)
    FAILURES[way](one.buckets["eu"])
    return one


def expect_pull(one, client, image, source):
    trace = one.pull(client, "eu")
    assert trace.digest == image.digest
    assert set(trace.blobs) == {source}
    assert set(trace.blobs[source]) == image.blobs
    assert max(a.seconds for a in trace.answers) < WAIT + SLACK, "somebody waited too long"


@failing_ways
def test_cold_pulls_succeed_within_the_budget(site, clients, upstream, way):
    """With a bucket that fails and an empty cache every pull succeeds from the upstream, and no
    answer takes longer than the wait budget."""
    one = broken_site(site, way)
    for client in clients.values():
        expect_pull(one, client, upstream.image, "upstream")


@failing_ways
def test_the_next_store_takes_over(site, clients, upstream, way):
    """Where a second store serves the region, a client that a dead first one kept waiting gets the
    answer of the second as soon as the first is known to be down, or not to have the blob."""
    one = broken_site(site, way, serves={"eu": ["aws/eu-west-3"],
                                         "us": ["aws/us-east-2", "aws/eu-west-3"]})
    for image in (upstream.other, upstream.image):
        for digest in image.blobs:
            one.locate("eu", digest)
    expect_pull(one, clients["skopeo"], upstream.image, "us")


@failing_ways
def test_warm_pulls_succeed_ten_seconds_later(site, clients, upstream, way):
    """With a bucket that fails after its blobs were seen there, every pull that begins 10 s later
    succeeds, and comes from the upstream."""
    one = site({"existence": {"wait": f"{WAIT:g}s"}})
    for _ in range(2):
        expect_pull(one, clients["skopeo"], upstream.image, "eu")
    FAILURES[way](one.buckets["eu"])
    time.sleep(10)
    for client in clients.values():
        expect_pull(one, client, upstream.image, "upstream")


@pytest.mark.parametrize("way", ["black-holed", "failing", "resetting", "stopped"])
def test_a_store_that_is_back_is_used_again(site, upstream, way):
    """A store that is down is tried once a second, so a bucket that has recovered serves again
    within seconds, without a restart."""
    one = broken_site(site, way)
    bucket = one.buckets["eu"]
    for digest in upstream.image.blobs:
        assert one.locate("eu", digest).location.startswith(one.registry.url)
    {"black-holed": bucket.thaw, "stopped": bucket.start}.get(
        way, lambda: bucket.behave(Bucket.GOOD))()
    digest = upstream.image.config
    wait_until(lambda: one.locate("eu", digest).location.startswith(bucket.url), 15,
               "the bucket is used again", interval=0.25)


def test_one_failing_bucket_does_not_touch_the_other(site, clients, upstream):
    """While one region's bucket swallows every question, the other region's clients get theirs
    from their own bucket."""
    one = broken_site(site, "black-holed")
    expect_pull(one, clients["skopeo"], upstream.image, "upstream")
    trace = one.pull(clients["skopeo"], "us")
    assert set(trace.blobs) == {"us"}


@pytest.mark.alone
def test_ten_thousand_requests_for_one_cold_digest_send_one_head(site, upstream):
    """However many clients ask for the same unknown blob at the same time, the bucket is asked
    once, and all of them are answered."""
    count = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= count + 200, f"needs {count + 200} descriptors (ulimit -Hn says {hard})"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
    one = site({"existence": {"wait": "20s"}, "server": {"header_timeout": "30s"}})
    bucket, digest = one.buckets["eu"], upstream.image.layers[0]
    loader = Loader(one.archeio.port, count)
    try:
        bucket.freeze()  # the question stays open until everybody has asked
        loader.send((f"GET /v2/{Upstream.REPOSITORY}/blobs/{digest} HTTP/1.1\r\nHost: a\r\n"
                     f"X-Forwarded-For: {CLIENTS['eu']}, 130.211.0.1\r\n\r\n").encode())
        asked = lambda: one.archeio.metric("archeio_existence_lookups_total",  # noqa: E731
                                           state="miss") >= count
        wait_until(asked, 4, "everybody's question")  # before the one HEAD gives up
        bucket.thaw()
        heads = loader.answers(40)
    finally:
        bucket.thaw()
        loader.close()
    assert len(heads) == count
    there = f"{bucket.url}/containers/images/{digest}\r\n"
    assert all(h.startswith("HTTP/1.1 307 ") and there in h for h in heads)
    wait_until(bucket.heads, what="the bucket's log")
    assert bucket.heads() == [digest]
