"""The OCI distribution conformance suite's pull part, through archeio to a real registry."""

import pytest

from lib.site import Upstream
from suites import read, run, tool

# It stands in the suite's pull part, but it pushes a manifest, and wants 400 or 404. Whoever does not
# read gets 405 from archeio, which the next test looks at.
PUSH = "400 response body should contain OCI-conforming JSON message"

# With content that is there already, so without what puts it there.
CASES = 11


@pytest.mark.parametrize("scheme, port", [("http", "clear"), ("https", "tls")])
def test_the_suites_pull_part_passes(doors, tmp_path, scheme, port):
    image = doors.upstream.image
    env = {
        "OCI_ROOT_URL": f"{scheme}://127.0.0.1:{doors.ports[port]}",
        "OCI_NAMESPACE": Upstream.REPOSITORY,
        "OCI_TEST_PULL": "1",
        "OCI_BLOB_DIGEST": image.config,
        "OCI_MANIFEST_DIGEST": image.digest,
        "OCI_TAG_NAME": image.tag,
        "OCI_HIDE_SKIPPED_WORKFLOWS": "1",
        "SSL_CERT_FILE": str(doors.ca),
    }
    marks = doors.marks()
    code, said = run(tool("oci-conformance"), "-ginkgo.skip", PUSH, env=env, cwd=tmp_path)
    report = read(tmp_path / "junit.xml")
    report.count(f"oci-{scheme}")
    assert code == 0 and report.failed == [], said
    assert len(report.passed) == CASES
    asked = doors.answers()[marks["front"]:]
    assert {a.status for a in asked} == {307}, "each answer is the registry's or the bucket's"


def test_a_push_is_refused_as_no_method_of_this_registry(doors):
    answer = doors.archeio.request(f"/v2/{Upstream.REPOSITORY}/manifests/v1", "PUT")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
