"""Certificates made for a test: one that nobody has signed, or an authority of the test's own and what
it signs. Nothing but a client that is given its certificate trusts it."""

import os
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .program import find

KINDS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"],
         "weak": ["rsa:1024"]}


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    file: Path
    key: Path

    @property
    def pair(self):
        """As `server.listen` takes it."""
        return {"certificate": str(self.file), "key": str(self.key)}

    @property
    def both(self):
        """One file with both, as HAProxy wants it."""
        file = self.file.with_suffix(".pem")
        file.write_text(self.file.read_text() + self.key.read_text())
        return file

    @property
    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.file.read_text(encoding="ascii"))

    def copy_over(self, other):
        """Puts this one where another lies, as tools that renew do: each file in one step."""
        for source, target in ((self.file, other.file), (self.key, other.key)):
            status = target.stat()
            part = target.with_suffix(".part")
            part.write_bytes(source.read_bytes())
            part.chmod(status.st_mode)
            os.chown(part, status.st_uid, status.st_gid)
            part.rename(target)


def openssl(*args):
    done = subprocess.run([find("openssl"), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def make_certificate(directory, label, names=(), days=30, key="ec", options=()):
    """Self-signed, with its key. names: host names, wildcards too, or "IP:..."; key: "ec" (P-256)
    "rsa", or "weak"; options: more of openssl req's."""
    made = Certificate(Path(directory) / f"{label}.crt", Path(directory) / f"{label}.key")
    alternatives = ",".join(name if name.startswith("IP:") else f"DNS:{name}"
                            for name in names or [f"{label}.example"])
    openssl("req", "-x509", "-nodes", "-days", str(days), "-newkey", *KINDS[key],
            "-subj", f"/CN={label}", "-addext", f"subjectAltName={alternatives}",
            "-keyout", made.key, "-out", made.file, *options)
    return made


def settle_validity(certificate, begin, end):
    """Signs it anew, valid from one time to another, as YYYYMMDDHHMMSSZ."""
    directory = certificate.file.parent
    (directory / "index").write_text("", encoding="ascii")
    config = directory / "openssl.cnf"
    config.write_text(f"[ca]\ndefault_ca=self\n[self]\ndatabase={directory}/index\n"
                      f"new_certs_dir={directory}\nrand_serial=yes\ndefault_md=sha256\n"
                      "policy=any\n[any]\ncommonName=supplied\n", encoding="ascii")
    wish, signed = certificate.file.with_suffix(".csr"), certificate.file.with_suffix(".new")
    openssl("x509", "-x509toreq", "-in", certificate.file, "-signkey", certificate.key, "-out", wish)
    openssl("ca", "-batch", "-notext", "-config", config, "-selfsign", "-keyfile", certificate.key,
            "-in", wish, "-startdate", begin, "-enddate", end, "-out", signed)
    signed.rename(certificate.file)


class Authority:
    """directory holds ca.crt and no other certificate, which is what containers/image wants."""

    def __init__(self, directory):
        directory = Path(directory)
        directory.mkdir(parents=True)
        self.secret = directory.with_name(directory.name + "-keys")
        self.secret.mkdir()
        self.own = make_certificate(self.secret, "ca",
                                    options=["-addext", "keyUsage=critical,keyCertSign"])
        self.file = directory / "ca.crt"
        self.file.write_bytes(self.own.file.read_bytes())

    def sign(self, key="ec"):
        """A server's, for localhost and 127.0.0.1."""
        return make_certificate(self.secret, "server", ["localhost", "IP:127.0.0.1"], key=key,
                                options=["-CA", self.own.file, "-CAkey", self.own.key,
                                         "-addext", "basicConstraints=critical,CA:FALSE"])
