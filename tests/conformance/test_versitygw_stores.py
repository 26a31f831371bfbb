"""What stores are tested with, on versitygw: see conftest.py."""

from test_store import *  # noqa: F403
from test_store import IMAGES, MIB, digest_of, noise


def test_a_part_that_the_store_kept_half_is_found_out_and_the_upload_begun_afresh(in_parts):
    data = noise(22 * MIB + 7)
    key = IMAGES + digest_of(data)
    assert in_parts.break_off(key, data, 17 * MIB).result == "retry"
    assert in_parts.everything() == {}
    done = in_parts.put(key, data)
    if done.result != "ok":
        assert done.result == "retry" and "part 4" in done.error
        assert in_parts.everything() == {} and in_parts.s3.uploads(in_parts.name) == []
        assert in_parts.put(key, data).result == "ok"
    assert in_parts.content(key) == data
