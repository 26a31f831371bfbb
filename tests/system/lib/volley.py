"""Many exchanges over TLS at once: bytes in pieces out, all that comes back in."""

import concurrent.futures
import multiprocessing
import ssl
import threading
import time

from . import tls

PROCESSES = 2
THREADS = 24  # of each
SHARE = 500  # exchanges that a process takes at once
BETWEEN = 0.003  # seconds between two pieces, so that each arrives by itself


class Gunner:
    """What a process keeps: of both versions of TLS a session, because an exchange is a connection
    and most of them would otherwise be a signature."""

    def __init__(self, port):
        self.port = port
        self.kinds = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = tls.client_context(least=version, most=version)
            with tls.connect(port, context) as sock:
                sock.sendall(b"HEAD /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
                sock.recv(4096)  # tickets of TLS 1.3 come first
                self.kinds.append((context, sock.session))
        self.pool = concurrent.futures.ThreadPoolExecutor(THREADS)

    def fire(self, numbered):
        """One exchange: all bytes that were heard; None: it was not closed within 30 s."""
        number, pieces = numbered
        context, session = self.kinds[number % 2]
        try:
            with tls.connect(self.port, context, session=session, timeout=30) as sock:
                return self.talk(sock, pieces)
        except TimeoutError:
            return None

    @staticmethod
    def talk(sock, pieces):
        heard = b""
        try:
            for i, piece in enumerate(pieces):
                if i > 0:
                    time.sleep(BETWEEN)
                sock.sendall(piece)
        except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
            pass  # the answer may have come before all was sent
        try:
            while chunk := sock.recv(65536):
                heard += chunk
        except (ssl.SSLEOFError, ConnectionResetError):
            pass  # what is no HTTP is closed without ceremony
        return heard


_gunner = threading.local()


def _begin(port):
    _gunner.own = Gunner(port)


def _fire_all(share):
    own = _gunner.own
    return list(own.pool.map(own.fire, share))


def drive(port, exchanges):
    """[(exchange, bytes that the server said)]; None: a connection that is still open after 30 s.
    exchanges: each with .pieces."""
    numbered = list(enumerate(e.pieces for e in exchanges))
    shares = [numbered[i:i + SHARE] for i in range(0, len(numbered), SHARE)]
    with concurrent.futures.ProcessPoolExecutor(
            PROCESSES, multiprocessing.get_context("fork"), _begin, (port,)) as pool:
        heard = [one for share in pool.map(_fire_all, shares) for one in share]
    return list(zip(exchanges, heard))
