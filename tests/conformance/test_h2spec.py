"""h2spec, every case in strict mode, against an answer that has a body."""

from lib.certificates import Authority
from lib.ports import free_port
from suites import read, run, tool

CASES = 147
PREFACE = "http2/3.5  Sends invalid connection preface"


def h2spec(port, report, *options):
    run(tool("h2spec"), "--strict", "--host", "127.0.0.1", "--port", port, "--path", "/v2/_catalog",
        "--timeout", 5, "--junit-report", report, *options)
    return read(report)


def listener(archeio, **more):
    """The port of an archeio with one listener that has these settings."""
    port = free_port()
    archeio({"server": {"client_address": "peer",
                        "listen": [{"address": f"127.0.0.1:{port}", **more}]}}, port=port)
    return port


def test_all_cases_pass_in_clear_with_prior_knowledge(archeio, tmp_path):
    report = h2spec(listener(archeio, protocols=["h2"]), tmp_path / "report.xml")
    report.count("h2spec-clear")
    assert (len(report.passed), report.failed) == (CASES, [])


def test_all_cases_pass_over_tls(archeio, tmp_path):
    port = listener(archeio, tls=Authority(tmp_path / "ca").sign().pair)
    report = h2spec(port, tmp_path / "report.xml", "--tls", "--insecure")
    report.count("h2spec-tls")
    assert (len(report.passed), report.failed) == (CASES, [])


def test_beside_http1_a_wrong_preface_alone_is_not_answered_in_http2(archeio, tmp_path):
    """Where a clear listener speaks both, what does not begin with HTTP/2's preface is HTTP/1.1,
    and is answered in it: with 400. h2spec expects GOAWAY or a closed connection instead."""
    report = h2spec(listener(archeio), tmp_path / "report.xml")
    assert report.failed == [PREFACE]
    assert len(report.passed) == CASES - 1
