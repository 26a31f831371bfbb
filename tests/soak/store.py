"""A store on a port of loopback that has every blob but those whose digest begins with "f"."""

import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        digest = self.path.rpartition(":")[2]
        self.send_response(404 if digest.startswith("f") else 200)
        self.send_header("Content-Length", "1")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
