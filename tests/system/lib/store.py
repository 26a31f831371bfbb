"""A store in the test's own process, for what no real one can be made to do."""

import socket
import threading


class StandIn:
    """answer(path, count) returns the bytes of the answer to the count-th request; None: there is
    never one. `requests` are the paths that were asked for, in order, `heads` all of their bytes up
    to the blank line; `pending` is how many of them have no answer yet, and whose client waits."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []
        self.heads = []
        self.connections = 0
        self.pending = 0
        self.open = []
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        pending = b""
        try:
            while True:
                while b"\r\n\r\n" not in pending:
                    chunk = connection.recv(65536)
                    if not chunk:
                        return
                    pending += chunk
                head, _, pending = pending.partition(b"\r\n\r\n")
                path = head.split()[1].decode()
                with self.lock:
                    self.requests.append(path)
                    self.heads.append(head)
                    self.pending += 1
                    count = len(self.requests)
                try:
                    answer = self.answer(path, count)
                    if answer is None:
                        connection.recv(1)
                        return
                    connection.sendall(answer)
                finally:
                    with self.lock:
                        self.pending -= 1
        except OSError:
            pass

    def close(self):
        # A thread that still accepted would take the next stand-in's clients, by the same descriptor.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        for connection in self.open:
            connection.close()


def status(number, **headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {number} x\r\n{lines}Content-Length: 0\r\n\r\n".encode()
