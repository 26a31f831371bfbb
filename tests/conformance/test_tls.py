"""sslscan and testssl look at a TLS listener, and have nothing to say against it."""

import json
import xml.etree.ElementTree as ET

import pytest

from lib.certificates import Authority
from lib.ports import free_port
from lib.program import find
from suites import run

# Of testssl's findings: what is about the test's own certificate, and about the openssl that it
# uses, which often hangs up before the ticket has come that it is to resume with.
NOT_OURS = ("cert_", "DNS_CAArecord", "engine_problem", "sessionresumption_ticket")


@pytest.fixture(params=["ec", "rsa"])
def port(request, archeio, tmp_path):
    certificate = Authority(tmp_path / "ca").sign(key=request.param)
    one = free_port()
    archeio({"server": {"client_address": "peer", "listen": [
        {"address": f"127.0.0.1:{one}", "tls": certificate.pair}]}}, port=one)
    return one


def test_sslscan_finds_nothing_weak(port, tmp_path):
    code, said = run(find("sslscan"), f"--xml={tmp_path / 'report.xml'}", f"127.0.0.1:{port}")
    assert code == 0, said
    scan = ET.parse(tmp_path / "report.xml").getroot().find("ssltest")
    on = {f"{p.get('type')}{p.get('version')}" for p in scan.iter("protocol")
          if p.get("enabled") == "1"}
    assert on == {"tls1.2", "tls1.3"}
    assert [r.get("supported") for r in scan.iter("renegotiation")] == ["0"]
    assert {h.get("vulnerable") for h in scan.iter("heartbleed")} == {"0"}
    assert {c.get("supported") for c in scan.iter("compression")} <= {"0"}
    ciphers = list(scan.iter("cipher"))
    assert {c.get("sslversion") for c in ciphers} == {"TLSv1.2", "TLSv1.3"}
    for cipher in ciphers:
        assert cipher.get("strength") in ("strong", "acceptable"), cipher.attrib
        name = cipher.get("cipher")
        assert cipher.get("sslversion") == "TLSv1.3" or name.startswith("ECDHE-"), name
        assert "GCM" in name or "POLY1305" in name, name
    groups = {g.get("name").split(" ")[0] for g in scan.iter("group")}
    assert groups and groups <= {"x25519", "secp256r1", "secp384r1"}


def test_testssl_finds_nothing(port, tmp_path):
    """Protocols, ciphers, forward secrecy, preferences, defaults, and every vulnerability that it
    knows: compression and renegotiation are among them."""
    code, said = run(find("testssl"), "--quiet", "--color", 0, "--warnings", "off", "--jsonfile",
                     tmp_path / "report.json", "-p", "-s", "-f", "-P", "-S", "-U",
                     f"127.0.0.1:{port}")
    findings = json.loads((tmp_path / "report.json").read_text())
    ours = [f for f in findings if not f["id"].startswith(NOT_OURS)]
    wrong = [f for f in ours if f["severity"] not in ("OK", "INFO")]
    assert wrong == [], f"exit code {code}\n{said}"
    good = {f["id"] for f in ours if f["severity"] == "OK"}
    assert {"CRIME_TLS", "secure_client_renego", "heartbleed", "TLS1_2", "TLS1_3"} <= good
    assert {"FS", "PFS"} & good, "forward secrecy: its name changes with the version"
