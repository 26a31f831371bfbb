"""What the documents say about the running program is so."""

import re
from collections import Counter

from lib.archeio import ROOT


def test_every_metric_that_the_manual_names_is_there(site):
    """Each archeio_... name in docs/operations.md is a family of /metrics."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\barcheio_[a-z_]+", text))
    families = set(re.findall(r"^# TYPE (\S+) ", site().archeio.admin("/metrics"), re.M))
    assert named, "no metric is named"
    assert named <= families, f"unknown: {sorted(named - families)}"


def test_the_metrics_count_what_was_answered(site, clients):
    """Requests by step in /metrics are those that the load balancer saw; a blob that the bucket
    served is counted with that store."""
    one = site()
    trace = one.pull(clients["skopeo"], "eu")
    seen = Counter("R5" if a.path == "/v2/" else "R12" if "/blobs/" in a.path else "R9"
                   for a in trace.answers)
    for step, count in seen.items():
        assert one.archeio.metric("archeio_requests_total", step=step) == count
    assert one.archeio.metric("archeio_requests_total", step="R12", store="eu") == seen["R12"]
    assert one.archeio.metric("archeio_requests_by_network_total", cloud="aws",
                              region="eu-west-3") >= seen["R12"]
