"""An honest HTTP/2 client (python3-h2) that sees everything the server does."""

import socket

import h2.config
import h2.connection
import h2.events

from .http import Answer

BUFFER = 65536
GOAWAY = 7


class Client:
    """One connection, in clear with prior knowledge, or over any connected socket.

    What has come lies in `answers` (whole ones, by stream), `resets` (error codes, by stream),
    `goaways` (pairs of the last stream and the error code) and `ended`."""

    def __init__(self, port=None, sock=None, host="127.0.0.1", window=None, timeout=15.0):
        self.sock = sock or socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What a test sends is its own business.
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False))
        self.answers, self.resets, self.goaways, self.ended = {}, {}, [], False
        self._begun, self._received = {}, b""
        if window is not None:
            self.h2.local_settings.initial_window_size = window
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def begin(self, target, method="GET", fields=(), authority="registry.example", end=True,
              scheme="http", flush=True):
        """Sends a request; the stream's number."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", method), (":scheme", scheme),
                                      (":authority", authority), (":path", target), *fields],
                             end_stream=end)
        if flush:
            self.flush()
        return stream

    def reset(self, stream, code=8):
        self.h2.reset_stream(stream, code)
        self.flush()

    def read(self):
        """What comes next; False: the connection has ended."""
        try:
            data = self.sock.recv(BUFFER)
        except ConnectionResetError:
            data = b""
        self.ended = not data
        if self.ended:
            return False
        for event in self.h2.receive_data(self._without_goaways(data)):
            self._take(event)
        try:
            self.flush()
        except OSError:
            pass
        return True

    def _without_goaways(self, data):
        """Whole frames; python3-h2 would take no more after GOAWAY, which announces an end only."""
        self._received += data
        rest = []
        while len(self._received) >= 9:
            size = 9 + int.from_bytes(self._received[:3], "big")
            if len(self._received) < size:
                break
            frame, self._received = self._received[:size], self._received[size:]
            if frame[3] == GOAWAY:
                self.goaways.append((int.from_bytes(frame[9:13], "big") & 0x7fffffff,
                                     int.from_bytes(frame[13:17], "big")))
            else:
                rest.append(frame)
        return b"".join(rest)

    def _take(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            fields = {n.decode("latin-1"): v.decode("latin-1") for n, v in event.headers}
            self._begun[event.stream_id] = Answer(int(fields.pop(":status")), fields, b"", "HTTP/2")
        elif isinstance(event, h2.events.DataReceived):
            self._begun[event.stream_id].body += event.data
            if event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.answers[event.stream_id] = self._begun.pop(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.resets[event.stream_id] = event.error_code

    def wait(self, condition, what):
        """Reads until the condition holds; fails if the connection ends before."""
        while not condition():
            assert self.read(), f"{what}: the connection ended first; GOAWAY {self.goaways}"

    def answer(self, stream):
        self.wait(lambda: stream in self.answers or stream in self.resets, f"stream {stream}")
        assert stream in self.answers, f"stream {stream}: RST_STREAM {self.resets[stream]}"
        return self.answers[stream]

    def request(self, target, method="GET", fields=(), **options):
        return self.answer(self.begin(target, method, fields, **options))

    def read_all(self):
        """Until the server closes."""
        while self.read():
            pass
