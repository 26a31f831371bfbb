"""TLS: certificates made for a test, and connections that say what was agreed on."""

import os
import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Certificate:
    """PEM files."""

    file: Path
    key: Path

    @property
    def pair(self):
        """As `server.listen` takes it."""
        return {"certificate": str(self.file), "key": str(self.key)}

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


def make_certificate(directory, label, names=(), days=30, key="ec"):
    """Self-signed, with its key. names: host names, wildcards too; key: "ec" (P-256) or "rsa"."""
    made = Certificate(Path(directory) / f"{label}.crt", Path(directory) / f"{label}.key")
    kind = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["rsa:2048"]
    alternatives = ",".join(f"DNS:{name}" for name in names or [f"{label}.example"])
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", str(days),
         "-subj", f"/CN={label}", "-addext", f"subjectAltName={alternatives}",
         "-keyout", made.key, "-out", made.file], check=True, capture_output=True)
    return made


def client_context(protocols=("http/1.1",), least=None, most=None):
    """A client's that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if least is not None:
        context.minimum_version = least
    if most is not None:
        context.maximum_version = most
    return context


def connect(port, context=None, name=None, session=None, host="127.0.0.1", timeout=15.0):
    """A connection after its handshake. name: for SNI."""
    raw = socket.create_connection((host, port), timeout=timeout)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return (context or client_context()).wrap_socket(raw, server_hostname=name, session=session)
    except BaseException:
        raw.close()
        raise


def certificate_of(port, name=None):
    """What a server shows to clients that ask for this name, as DER."""
    with connect(port, name=name) as sock:
        return sock.getpeercert(binary_form=True)
