"""What is published over https: the clouds' files of ranges, or a store."""

import http.server
import ssl
import threading

from .certificates import make_certificate


class Publisher:
    """An https server on loopback with a certificate of its own: files with ETags."""

    def __init__(self, path):
        self.files, self.statuses, self.requests = {}, {}, []
        self.answering = threading.Event()
        self.answering.set()
        certificate = make_certificate(path, "publisher", ["IP:127.0.0.1", "localhost"])
        self.certificate = certificate.file
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def do_HEAD(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.server.server_address[1]}"

    @property
    def env(self):
        return {"SSL_CERT_FILE": str(self.certificate)} | {
            f"ARCHEIO_RANGES_{cloud.upper()}_URL": f"{self.url}/{cloud}"
            for cloud in ("aws", "gcp", "azure")}

    def answer(self, request):
        self.requests.append((request.path, dict(request.headers)))
        self.answering.wait()
        status = self.statuses.get(request.path, 200)
        body = self.files.get(request.path, "").encode()
        etag = f'"{hash(body)}"'
        if status == 200 and request.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        request.send_response(status)
        if status == 302:
            request.send_header("Location", self.files[request.path])
            body = b""
        request.send_header("ETag", etag)
        request.send_header("Last-Modified", "Wed, 29 Jul 2026 08:27:05 GMT")
        if status != 304:
            request.send_header("Content-Length", str(len(body)))
        try:
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            pass

    def close(self):
        self.answering.set()
        self.server.shutdown()
        self.server.server_close()
