"""What the system's tests start, for the programs of others that judge archeio.

CONFORMANCE_TOOLS is where scripts/conformance has built those; into CONFORMANCE_RESULTS go their
own reports, so that each of their cases is counted.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
pytest.register_assert_rewrite("test_store", "test_geranos_sync", "test_geranos_index")

from lib.archeio import Archeio  # noqa: E402
from lib.doors import Doors  # noqa: E402
from lib.envoy import Envoy, Sample, compile_filter  # noqa: E402
from lib.envoy_site import OWN, site_config  # noqa: E402
from lib.ports import free_port  # noqa: E402
from lib.site import Upstream, write_ranges  # noqa: E402
from lib.store import StandIn  # noqa: E402
from lib.versitygw import VersityGW  # noqa: E402
from suites import tool  # noqa: E402

# Of the system's tests that test_versitygw_*.py runs: what needs no S3 server, a second user, or a
# registry's faults has been run with the others. versitygw 1.8.0 keeps a part that was cut off as if it
# were whole, so that no later run can go on with it: test_versitygw_stores.py says what happens.
ELSEWHERE = ("[file", "missing_permission", "server_that_is_away", "needs_a_store", "are_pulled_from",
             "a_later_one_goes_on")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")


def pytest_collection_modifyitems(config, items):
    extra = [i for i in items if i.path.name.startswith("test_versitygw") and
             (any(part in i.name for part in ELSEWHERE) or
              not {"radosgw", "store", "bucket", "in_parts"} & set(i.fixturenames))]
    config.hook.pytest_deselected(items=extra)
    items[:] = [i for i in items if i not in extra]


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory):
    """The tests of stores call an S3 server so, whichever it is."""
    if "versitygw" in os.environ.get("CONFORMANCE_LEFT_OUT", ""):
        pytest.skip("versitygw wants a newer Go")
    one = VersityGW(tmp_path_factory.mktemp("versitygw"), tool("versitygw"))
    yield one
    one.stop()


@pytest.fixture(scope="session")
def doors(tmp_path_factory):
    """A site over TLS: a registry with images, a bucket in each region, archeio, load balancers."""
    upstream = Upstream(tmp_path_factory.mktemp("upstream"))
    one = Doors(tmp_path_factory.mktemp("doors"), upstream)
    yield one
    one.stop()
    upstream.stop()


@pytest.fixture
def archeio(tmp_path):
    """archeio(config, ...) starts one as lib.archeio.Archeio says; it must end well."""
    started = []

    def start(config, **options):
        server = Archeio(tmp_path / "archeio", config, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def own():
    """own(thing) stops or closes it at the end of the test."""
    kept = []

    def keep(one):
        kept.append(one)
        return one

    yield keep
    for one in reversed(kept):
        (one.stop if hasattr(one, "stop") else one.close)()


@pytest.fixture
def envoy(own, tmp_path):
    """envoy({store's name: URL}, settings) starts one in front of these stores, which all serve the
    client 127.0.0.1, in that order; edit(module) may damage the filter before that."""

    def start(stores, settings=(), edit=None, change=(), concurrency=1):
        directory = tmp_path / f"envoy-{free_port()}"
        write_ranges(directory, OWN)
        module = compile_filter(directory, site_config(
            {name: (url, ["aws/eu-west-3"]) for name, url in stores.items()}))
        if edit:
            edit(module)
        sample = Sample().settings(["clusters: archeio_", *settings]).use_clusters(
            {name: int(url.rsplit(":", 1)[1]) for name, url in stores.items()})
        for old, new in change:
            sample.change(old, new)
        return own(Envoy(directory, sample, concurrency))

    return start


@pytest.fixture
def stand_in(own):
    return lambda answer: own(StandIn(answer))
