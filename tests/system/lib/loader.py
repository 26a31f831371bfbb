"""Many connections at once, from one thread."""

import selectors
import socket
import time


class Loader:
    """Opens count connections to port, then sends the same request on all of them at once."""

    def __init__(self, port, count, host="127.0.0.1"):
        self.sockets = []
        for _ in range(count):
            sock = socket.create_connection((host, port), timeout=20)
            sock.setblocking(False)
            self.sockets.append(sock)

    def send(self, request):
        for sock in self.sockets:
            assert sock.send(request) == len(request)

    def answers(self, timeout):
        """The heads of all answers (they have no bodies), in any order; fails if one is missing."""
        heads, buffers = [], {sock: b"" for sock in self.sockets}
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for sock in self.sockets:
                selector.register(sock, selectors.EVENT_READ)
            while buffers and time.monotonic() < deadline:
                for key, _ in selector.select(0.5):
                    sock = key.fileobj
                    chunk = sock.recv(65536)
                    assert chunk, f"closed without an answer, after {buffers[sock]!r}"
                    buffers[sock] += chunk
                    if buffers[sock].endswith(b"\r\n\r\n"):
                        heads.append(buffers.pop(sock).decode("latin-1"))
                        selector.unregister(sock)
        assert not buffers, f"{len(buffers)} of {len(self.sockets)} requests were never answered"
        return heads

    def close(self):
        for sock in self.sockets:
            sock.close()
