"""A token server for docker-registry: whoever knows the password may pull and push."""

import base64
import http.server
import json
import secrets
import subprocess
import threading
import time
import urllib.parse

from .certificates import KINDS
from .program import find


def _text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Tokens:
    """Answers at url until stop(); asked: (path, query, Authorization) of each request."""

    USER = ("user", "password")

    def __init__(self, directory):
        self.key, self.certificate = directory / "tokens.key", directory / "tokens.crt"
        self._openssl("req", "-x509", "-nodes", "-days", "7", "-newkey", *KINDS["rsa"], "-subj",
                      "/CN=tokens", "-keyout", self.key, "-out", self.certificate)
        der = self._openssl("x509", "-in", self.certificate, "-outform", "DER")
        self.header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        self.asked = []
        self.lifetime = 300
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/token"

    @property
    def section(self):
        """Of the registry's configuration."""
        return (f"auth:\n  token:\n    realm: {self.url}\n    service: registry\n"
                f"    issuer: tokens\n    rootcertbundle: {self.certificate}\n")

    @staticmethod
    def _openssl(*argv, data=None):
        done = subprocess.run([find("openssl"), *map(str, argv)], input=data, capture_output=True,
                              check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, scopes):
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {"iss": "tokens", "sub": self.USER[0], "aud": "registry", "iat": now,
                  "nbf": now - 10, "exp": now + self.lifetime, "jti": secrets.token_hex(8),
                  "access": access}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (self.header, claims))
        signature = self._openssl("dgst", "-sha256", "-sign", self.key, data=signed.encode())
        return f"{signed}.{_text(signature)}"

    def _handler(self):
        tokens = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path, _, query = self.path.partition("?")
                query = urllib.parse.parse_qs(query)
                given = self.headers.get("Authorization", "")
                tokens.asked.append((path, query, given))
                known = "Basic " + base64.b64encode(":".join(tokens.USER).encode()).decode()
                body = json.dumps({"token": tokens.token(query.get("scope", [])),
                                   "expires_in": tokens.lifetime}).encode()
                self.send_response(200 if given == known else 401)
                self.send_header("Content-Length", str(len(body) if given == known else 0))
                self.end_headers()
                if given == known:
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
