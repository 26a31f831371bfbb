"""Fixtures for tests with real programs on loopback. Whatever a test starts, its fixture ends."""

import pytest

from lib.archeio import Archeio, binary
from lib.clients import ALL
from lib.nginx import Bucket
from lib.program import Program
from lib.radosgw import RadosGW
from lib.site import Site, Upstream
from lib.store import StandIn


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    config.addinivalue_line("markers", "alone: measures time or memory, or needs most of either: to "
                                       "be run while no other test is")


@pytest.fixture(scope="session", autouse=True)
def program_under_test():
    """The binary's path; the whole run fails at once, and says so, where there is none."""
    return binary()


def _stop_all(started):
    problems = []
    for program in reversed(started):
        try:
            program.stop()
        except AssertionError as e:
            problems.append(str(e))
    assert not problems, "\n".join(problems)


@pytest.fixture
def archeio(tmp_path):
    """archeio(config, ...) starts one as lib.archeio.Archeio says, and returns it. At the end of
    the test each that the test has not stopped itself is, and must exit 0 without a sanitizer
    report; so must one that ended by itself."""
    started = []

    def start(config=None, **options):
        directory = options.pop("directory", tmp_path / f"archeio-{len(started)}")
        server = Archeio(directory, config, **options)
        started.append(server)
        return server

    yield start
    _stop_all([s for s in started if not s.stopped])


@pytest.fixture
def program(tmp_path):
    """program(argv, ...) starts any other program, and stops it at the end of the test."""
    started = []

    def start(argv, **options):
        options.setdefault("log", tmp_path / f"program-{len(started)}.log")
        one = Program(argv, **options)
        started.append(one)
        return one

    yield start
    for one in reversed(started):
        one.stop()


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
def stand_in(own):
    """stand_in(answer) starts a store in this process, as lib.store.StandIn says."""
    return lambda answer: own(StandIn(answer))


@pytest.fixture
def bucket(tmp_path):
    """bucket(name) starts a real nginx as a bucket, whose files are below .root."""
    started = []

    def start(name="bucket"):
        started.append(Bucket(tmp_path / name))
        return started[-1]

    yield start
    for one in started:
        one.thaw()
        one.stop()


@pytest.fixture(scope="session")
def upstream(tmp_path_factory):
    """A docker-registry with images in it: .image (v1, four layers) and .other (v2, three)."""
    one = Upstream(tmp_path_factory.mktemp("upstream"))
    yield one
    one.stop()


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory):
    """A real S3 server; tests make their own buckets."""
    one = RadosGW(tmp_path_factory.mktemp("radosgw"))
    yield one
    one.stop()


@pytest.fixture
def site(tmp_path, upstream):
    """site(config) starts a whole site as lib.site.Site says: registry, buckets, archeio, front.
    At the end of the test all of it is stopped, and archeio must exit 0."""
    started = []

    def start(config=None, **options):
        one = Site(tmp_path / f"site-{len(started)}", upstream, config, **options)
        started.append(one)
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def clients():
    """{name: client} of all that images are pulled with."""
    made = {kind.name: kind() for kind in ALL}
    yield made
    for client in made.values():
        client.close()
