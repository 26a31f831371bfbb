"""A store that speaks as much of S3 as geranos needs, and can do only so much at once: real ones
cannot be made to say so."""

import http.server
import socket
import socketserver
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

PAGE = 1000


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do(self):
        self.server.store.answer(self)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = do

    def send(self, status, body=b"", *fields):
        lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *fields, "", ""]
        self.wfile.write("\r\n".join(lines).encode()
                         + (b"" if self.command == "HEAD" else body))

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass


class Crowded:
    """A bucket. work(n): seconds that a request takes that is one of n at once. capacity: more at
    once are told to slow down. .most: writes that were seen at once; .refused: how many were told;
    .log: (n at once) of each write, in order."""

    def __init__(self, work=lambda n: 0.02, capacity=None):
        self.work, self.capacity = work, capacity
        self.objects = {}  # key -> bytes
        self.fault = None  # fault(handler, key): True if it has answered
        self.lock = threading.Lock()
        self.now = self.most = self.refused = self.lists = self.most_lists = 0
        self.reads = []  # keys, in order
        self.log = []
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.store = self
        self.url = f"s3://bucket?endpoint=http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler):
        path, _, query = handler.path.partition("?")
        key = urllib.parse.unquote(path).removeprefix("/bucket").lstrip("/")
        if self.fault and self.fault(handler, key):
            return
        if handler.command == "PUT":
            self._put(handler, key)
        elif handler.command == "GET" and not key:
            with self.lock:
                self.lists += 1
                self.most_lists = max(self.most_lists, self.lists)
            try:
                self._list(handler, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))
            finally:
                with self.lock:
                    self.lists -= 1
        elif key in self.objects:
            self.reads.append(key)
            handler.send(200, self.objects[key])
        else:
            handler.send(404)

    def _put(self, handler, key):
        data = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.lock:
            self.now += 1
            now = self.now
            self.most = max(self.most, now)
            self.log.append(now)
        try:
            if self.capacity and now > self.capacity:
                self.refused += 1
                handler.send(503, b"<Error><Code>SlowDown</Code></Error>")
                return
            time.sleep(self.work(now))
            with self.lock:
                is_new = self.objects.setdefault(key, data) is data
            handler.send(200 if is_new else 412)
        finally:
            with self.lock:
                self.now -= 1

    def _list(self, handler, query):
        if "uploads" in query:
            return handler.send(200, b"<ListMultipartUploadsResult/>")
        after = query.get("continuation-token") or query.get("start-after", "")
        with self.lock:
            keys = sorted(k for k in self.objects
                          if k.startswith(query.get("prefix", "")) and k > after)
        page = keys[:PAGE]
        more = len(keys) > PAGE
        text = "".join(f"<Contents><Key>{escape(k)}</Key><Size>{len(self.objects[k])}</Size>"
                       "</Contents>" for k in page)
        if more:
            text += f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
        text += f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return handler.send(200, f"<ListBucketResult>{text}</ListBucketResult>".encode())

    def blobs(self, prefix="containers/images/"):
        with self.lock:
            return {k.removeprefix(prefix): v for k, v in self.objects.items()
                    if k.startswith(prefix)}
