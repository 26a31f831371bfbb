"""Docker's signed manifests of schema 1, as registries verify them: a JSON web signature over what
stands before it (libtrust's form of RFC 7515), by a key made for it."""

import base64
import hashlib
import json
import subprocess

KIND = "application/vnd.docker.distribution.manifest.v1+prettyjws"
INDENT = 3


def _encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True,
                          check=True).stdout


def _key_name(public):
    """The key's name: base32 of 240 bits of its hash, in groups of four."""
    text = base64.b32encode(hashlib.sha256(public).digest()[:30]).decode()
    return ":".join(text[i:i + 4] for i in range(0, len(text), 4))


def _raw(signature):
    """r and s, 32 bytes each, out of a DER sequence of two integers."""
    first = signature[3]
    r, s = signature[4:4 + first], signature[6 + first:]
    return b"".join(int.from_bytes(n, "big").to_bytes(32, "big") for n in (r, s))


def payload_of(repository, tag, layers):
    """What is signed, and has the digest. layers: digests, the topmost first."""
    history = [{"v1Compatibility": json.dumps({"id": f"{i:064x}"})} for i in range(len(layers))]
    document = {"schemaVersion": 1, "name": repository, "tag": tag, "architecture": "amd64",
                "fsLayers": [{"blobSum": digest} for digest in layers], "history": history}
    return json.dumps(document, indent=INDENT).encode()


def sign(payload, directory):
    """The whole manifest."""
    key = directory / "key.pem"
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    public = _openssl("ec", "-in", key, "-pubout", "-outform", "DER")
    head, tail = payload[:-2], payload[-2:]
    protected = _encode(json.dumps({"formatLength": len(head), "formatTail": _encode(tail),
                                    "time": "2026-01-01T00:00:00Z"}).encode())
    signed = _openssl("dgst", "-sha256", "-sign", key,
                      data=f"{protected}.{_encode(payload)}".encode())
    jwk = {"crv": "P-256", "kid": _key_name(public), "kty": "EC",
           "x": _encode(public[-64:-32]), "y": _encode(public[-32:])}
    signatures = [{"header": {"jwk": jwk, "alg": "ES256"}, "signature": _encode(_raw(signed)),
                   "protected": protected}]
    return head + b',\n   "signatures": ' + json.dumps(signatures).encode() + tail
