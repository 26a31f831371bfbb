"""A registry that does what real ones cannot be made to do: it lies, cuts off, throttles, leads in
circles. What it is told to serve it serves well, until a fault is put on a path."""

import gzip
import hashlib
import http.server
import json
import re
import socket
import socketserver
import threading
import time
from dataclasses import dataclass

from .source import INDEX, MANIFEST, OCI, digest_of

ENDLESS = 1 << 30  # bytes after which an endless body is no more believed in


@dataclass(frozen=True)
class Seen:
    """A request."""

    method: str
    path: str
    headers: dict  # names in lower case


class Cut(Exception):
    """The connection ends here."""


class Exchange:
    """A request, and what can be done about it."""

    def __init__(self, handler, registry, body):
        self.handler, self.registry, self.body = handler, registry, body
        self.path = handler.path
        self.headers = {k.lower(): v for k, v in handler.headers.items()}
        self.times = 0  # this path was asked for before

    @property
    def offset(self):
        """Where the wanted range begins."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0

    def head(self, status, *fields):
        lines = [f"HTTP/1.1 {status} x", *fields, "", ""]
        self.raw("\r\n".join(lines).encode("latin-1"))

    def raw(self, data):
        self.handler.wfile.write(data)

    def send(self, status, body, *fields):
        self.head(status, f"Content-Length: {len(body)}", *fields)
        self.raw(body)

    def chunks(self, *parts, fields=()):
        self.head(200, "Transfer-Encoding: chunked", *fields)
        for part in parts:
            self.chunk(part)
        self.raw(b"0\r\n\r\n")

    def chunk(self, data):
        self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def cut(self):
        raise Cut


# ── Faults: of a path that has content (x.body), unless they bring their own ──


def good(x):
    if x.offset:
        rest = x.body[x.offset:]
        x.send(206, rest, f"Content-Range: bytes {x.offset}-{len(x.body) - 1}/{len(x.body)}")
    else:
        x.send(200, x.body)


def truncated(x):
    """The right length is announced, half of it comes; of what is resumed, too."""
    rest = x.body[x.offset:]
    more = [f"Content-Range: bytes {x.offset}-{len(x.body) - 1}/{len(x.body)}"] if x.offset else []
    x.head(206 if x.offset else 200, f"Content-Length: {len(rest)}", *more)
    x.raw(rest[:len(rest) // 2])
    x.cut()


def truncated_chunks(x):
    x.head(200, "Transfer-Encoding: chunked")
    x.chunk(x.body[:len(x.body) // 2])
    x.cut()


def truncated_then_gone(x):
    if x.times == 0:
        truncated(x)
    x.send(404, b"")


def dies_thrice(x):
    """Comes to its end in four pieces."""
    if x.times < 3:
        truncated(x)
    good(x)


def ignores_ranges(x):
    """Breaks off, then answers a Range with 200 and all of it."""
    if x.offset:
        x.send(200, x.body)
    else:
        truncated(x)


def resumes_elsewhere(x):
    """Breaks off, then goes on at another byte than was asked for, and says so; once."""
    if x.times > 1:
        good(x)
    elif x.offset:
        x.send(206, x.body[1:], f"Content-Range: bytes 1-{len(x.body) - 1}/{len(x.body)}")
    else:
        truncated(x)


def resumes_wrong(x):
    """The same, and says that it were the right one; once."""
    if x.times > 1:
        good(x)
    elif x.offset:
        x.send(206, x.body[:len(x.body) - x.offset],
               f"Content-Range: bytes {x.offset}-{len(x.body) - 1}/{len(x.body)}")
    else:
        truncated(x)


def wrong_bytes(x):
    x.send(200, x.body[:-1] + bytes([x.body[-1] ^ 1]))


def wrong_first_byte(x):
    x.send(200, bytes([x.body[0] ^ 1]) + x.body[1:])


def chunked(x):
    """Right, without saying how long it is."""
    x.chunks(x.body)


def too_short(x):
    x.send(200, x.body[:-1])


def too_short_chunks(x):
    x.chunks(x.body[:-1])


def too_long(x):
    x.send(200, x.body + b"x")


def too_long_chunks(x):
    x.chunks(x.body, b"x")


def empty(x):
    x.send(200, b"")


def endless(x, status=200, *fields):
    x.head(status, "Transfer-Encoding: chunked", *fields)
    for _ in range(ENDLESS >> 16):
        x.chunk(bytes(1 << 16))
    x.cut()


def compressed(x):
    x.send(200, gzip.compress(x.body), "Content-Encoding: gzip")


def negative_length(x):
    x.head(200, "Content-Length: -1")
    x.raw(x.body)
    x.cut()


def two_lengths(x):
    x.head(200, f"Content-Length: {len(x.body)}", f"Content-Length: {len(x.body) + 1}")
    x.raw(x.body)
    x.cut()


def no_http(x):
    x.raw(b"\x16\x03\x01 what?\r\n\r\n")
    x.cut()


def flapping(x):
    """Two of three times 503."""
    if x.times % 3 < 2:
        x.send(503, b"")
    else:
        good(x)


def drips(x):
    x.head(200, f"Content-Length: {len(x.body)}")
    for i in range(len(x.body)):
        x.raw(x.body[i:i + 1])
        time.sleep(0.005)


def drips_once(x):
    """Half of it comes, and then a byte every second, as good as for ever; what is resumed comes."""
    if x.times > 0:
        good(x)
        return
    x.head(200, f"Content-Length: {len(x.body)}")
    x.raw(x.body[:len(x.body) // 2])
    for i in range(len(x.body) // 2, len(x.body)):
        x.raw(x.body[i:i + 1])
        time.sleep(1)


def redirect(where, endless_text=False):
    """where: a URL, in which {path} is the path."""
    def fault(x):
        location = f"Location: {where.format(path=x.path)}"
        if endless_text:
            endless(x, 307, location)
        x.send(307, b"", location)
    return fault


def throttled(times, status=429, after=lambda: "1"):
    """The first times; after(): Retry-After."""
    def fault(x):
        if x.times < times:
            x.send(status, b"", f"Retry-After: {after()}")
        else:
            good(x)
    return fault


def answer(status, body=b"", *fields):
    return lambda x: x.send(status, body, *fields)


# ── The registry ──


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            self.server.registry.answer(self)
        except (Cut, OSError):
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass


class Faulty:
    """Listens when the constructor returns."""

    def __init__(self, address="127.0.0.1"):
        self.server = Server((address, 0), Handler)
        self.server.registry = self
        self.host = f"{address}:{self.server.server_address[1]}"
        self.url = f"http://{self.host}"
        self.content = {}  # path -> (bytes, type)
        self.faults = {}  # path -> what happens instead
        self.tags = {}  # repository -> [tag]
        self.blobs = {}  # digest -> bytes: what may be published
        self.manifests = {}  # digest -> repository
        self.referrers = None  # (repository, digest) -> [descriptor]; None: it does not know them
        self.seen = []
        self.asked = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    # What it has

    def blob(self, repository, data, fault=None, size=None):
        """A descriptor."""
        digest = digest_of(data)
        path = f"/v2/{repository}/blobs/{digest}"
        self.content[path] = (data, "application/octet-stream")
        self.blobs[digest] = data
        if fault:
            self.faults[path] = fault
        return {"mediaType": OCI + "layer.v1.tar", "digest": digest,
                "size": len(data) if size is None else size}

    def manifest(self, repository, document, tag=None, fault=None, kind=None):
        """Bytes, or what is written as JSON. A descriptor."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        kind = kind or (document.get("mediaType", MANIFEST) if isinstance(document, dict)
                        else MANIFEST)
        digest = digest_of(data)
        for reference in [digest] + ([tag] if tag else []):
            path = f"/v2/{repository}/manifests/{reference}"
            self.content[path] = (data, kind)
            if fault:
                self.faults[path] = fault
        self.tags.setdefault(repository, [])
        if tag:
            self.tags[repository].append(tag)
        self.manifests[digest] = repository
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def image(self, repository, tag, *layers, **more):
        """layers: descriptors; a config is made."""
        document = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "config": self.blob(repository, f"{repository}:{tag}".encode()),
                    "layers": list(layers)}
        return self.manifest(repository, document, tag, **more)

    def index(self, repository, tag, *children, **more):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(children)}
        return self.manifest(repository, document, tag, **more)

    def artifact(self, repository, subject, *layers):
        """An artifact without a tag that refers to a manifest; a descriptor."""
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "text/x-test",
                    "config": self.blob(repository, b"{}"), "layers": list(layers),
                    "subject": subject}
        one = self.manifest(repository, document)
        self.referrers = self.referrers or {}
        self.referrers.setdefault((repository, subject["digest"]), []).append(one)
        return one

    # What it answers

    def answer(self, handler):
        path = handler.path.partition("?")[0]
        with self.lock:
            x = Exchange(handler, self, b"")
            self.seen.append(Seen(handler.command, handler.path, x.headers))
            x.times = self.asked.get(path, 0)
            self.asked[path] = x.times + 1
        fault = self.faults.get(handler.path) or self.faults.get(path)
        content = self.content.get(path)
        if content:
            x.body = content[0]
        if fault:
            return fault(x)
        if path == "/v2/":
            return x.send(200, b"{}")
        if path == "/v2/_catalog":
            return self.say(x, {"repositories": sorted(self.tags)})
        listing = re.fullmatch(r"/v2/(.+)/tags/list", path)
        if listing and listing[1] in self.tags:
            return self.say(x, {"name": listing[1], "tags": self.tags[listing[1]]})
        subject = re.fullmatch(r"/v2/(.+)/referrers/(sha\d+:\w+)", path)
        if subject and self.referrers is not None:
            return self.refer(x, self.referrers.get(subject.groups(), []))
        if not content:
            return x.send(404, b"{}")
        if "/manifests/" in path:
            return x.send(200, x.body, f"Content-Type: {content[1]}")
        return good(x)

    @staticmethod
    def refer(x, descriptors, *fields):
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}
        x.send(200, json.dumps(index).encode(), f"Content-Type: {INDEX}", *fields)

    @staticmethod
    def say(x, document, *fields):
        x.send(200, json.dumps(document).encode(), "Content-Type: application/json", *fields)


class Watcher:
    """Looks at a directory all the time: what is under a final key is right whenever it is seen."""

    def __init__(self, blobs):
        self.blobs = blobs
        self.wrong, self.known = [], {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _look(self):
        for file in self.blobs.glob("*") if self.blobs.is_dir() else []:
            status = file.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self.known.get(file.name) == stamp:
                continue
            algorithm, _, value = file.name.partition(":")
            if hashlib.new(algorithm, file.read_bytes()).hexdigest() != value:
                self.wrong.append(file.name)
            self.known[file.name] = stamp

    def _watch(self):
        while not self.ended.wait(0.005):
            self._look()

    def stop(self):
        assert self.thread.is_alive(), "it has not looked to the end"
        self.ended.set()
        self.thread.join()
        self._look()
        assert not self.wrong, f"seen with wrong bytes: {self.wrong}"
