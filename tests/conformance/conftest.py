"""What the system's tests start, for the programs of others that judge archeio.

CONFORMANCE_TOOLS is where scripts/conformance has built those; into CONFORMANCE_RESULTS go their
own reports, so that each of their cases is counted.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from lib.archeio import Archeio  # noqa: E402
from lib.doors import Doors  # noqa: E402
from lib.site import Upstream  # noqa: E402


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
