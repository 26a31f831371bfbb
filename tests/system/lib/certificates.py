"""A certificate authority of a test's own, and what it signs. Nothing but a client that is given
its certificate trusts it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .program import find

NAMES = "DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path

    @property
    def both(self):
        """One file with both, as HAProxy wants it."""
        file = self.certificate.with_suffix(".pem")
        file.write_text(self.certificate.read_text() + self.key.read_text())
        return file


def _openssl(*argv):
    done = subprocess.run([find("openssl"), *map(str, argv)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


KINDS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}


def _make(directory, name, subject, kind, *options):
    pair = Pair(directory / f"{name}.crt", directory / f"{name}.key")
    _openssl("req", "-x509", "-nodes", "-days", "7", "-newkey", *KINDS[kind],
             "-subj", f"/CN={subject}", "-keyout", pair.key, "-out", pair.certificate, *options)
    return pair


class Authority:
    """directory holds ca.crt and no other certificate, which is what containers/image wants."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        secret = self.directory.with_name(self.directory.name + "-keys")
        secret.mkdir()
        self.own = _make(secret, "ca", "a test's authority", "ec",
                         "-addext", "keyUsage=critical,keyCertSign")
        self.secret = secret
        self.certificate = self.directory / "ca.crt"
        self.certificate.write_bytes(self.own.certificate.read_bytes())

    def sign(self, name="server", alternatives=NAMES, key="ec"):
        """A certificate and a key for servers of these names: "ec" (P-256) or "rsa"."""
        return _make(self.secret, name, "localhost", key,
                     "-CA", self.own.certificate, "-CAkey", self.own.key,
                     "-addext", f"subjectAltName={alternatives}",
                     "-addext", "basicConstraints=critical,CA:FALSE")
