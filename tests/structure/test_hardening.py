"""The release binary is built so that a bug is hard to use. Looked for in the binary itself: an
option that a compiler did not know would be left out silently."""

import platform
import re
import shutil
import subprocess

import pytest
import tree


@pytest.fixture(scope="module", params=["gcc", "clang"])
def release(request):
    """Where .ci/run builds it, too."""
    directory = tree.ROOT / f"build-{request.param}"
    subprocess.run([tree.ROOT / "scripts" / "build", directory, "-Dwerror=true"], check=True,
                   capture_output=True,
                   env={"CC": request.param, "PATH": "/usr/local/bin:/usr/bin:/bin"})
    return directory / "archeio"


def readelf(*arguments):
    return subprocess.run([shutil.which("readelf"), "-W", *arguments], check=True,
                          capture_output=True, text=True).stdout


def test_it_may_be_loaded_anywhere(release):
    assert re.search(r"Type:\s+DYN", readelf("-h", release))
    assert "PIE" in readelf("-d", release)


def test_what_the_linker_filled_in_is_read_only(release):
    assert "GNU_RELRO" in readelf("-l", release)
    assert "BIND_NOW" in readelf("-d", release)


def test_no_memory_is_both_written_and_executed(release):
    segments = readelf("-l", release)
    assert re.search(r"GNU_STACK.* RW ", segments)
    assert not re.search(r"^\s+\w+\s.* RWE ", segments, re.M)


def test_buffers_on_the_stack_are_watched_and_copies_are_bounded(release):
    symbols = readelf("--dyn-syms", release)
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__(memcpy|snprintf|vsnprintf|fprintf)_chk", symbols)


def test_what_confines_it_holds_without_a_sanitizers_allowances(release):
    """The unit test of the confinement, in this build."""
    subprocess.run(["ninja", "-C", release.parent, "tests/unit/test-sys-confine"], check=True,
                   capture_output=True)
    done = subprocess.run([release.parent / "tests" / "unit" / "test-sys-confine"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no_process_is_made_or_traced_and_no_code_is_written" in done.stdout + done.stderr


def test_jumps_and_returns_go_where_they_may(release):
    machine = platform.machine()
    features = {"x86_64": "x86 feature: IBT, SHSTK", "aarch64": "AArch64 feature: BTI, PAC"}
    if machine not in features:
        pytest.skip(f"no such feature is known of {machine}")
    assert features[machine] in readelf("-n", release)
