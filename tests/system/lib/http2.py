"""HTTP/2 frame by frame (python3-hyperframe, python3-hpack): a client that sends whatever it is given.
An honest one is in http2_client.py."""

from hpack import Encoder
from hyperframe.frame import (Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame,
                              SettingsFrame)

from . import http

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, SETTINGS_ACK = SettingsFrame(0).serialize(), SettingsFrame(0, flags=["ACK"]).serialize()
HELLO = PREFACE + SETTINGS
MARK = b"the mark"  # of the PING whose answer shows that all before it was taken


def raw(kind, flags=0, stream=0, payload=b"", length=None):
    """A frame that may be as wrong as it likes: RFC 9113 section 4.1."""
    length = len(payload) if length is None else length
    return length.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def fields(path="/v2/good/manifests/v1", method="GET", **extra):
    """A request's list of fields."""
    return [(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path),
            *extra.items()]


def block(pairs):
    """A list of fields as HPACK. It is the same on every connection: nothing enters the table."""
    return Encoder().encode([(name, value, True) for name, value in pairs])


def headers(stream, pairs=None, flags=("END_HEADERS", "END_STREAM"), data=None):
    """A request in one frame: of these fields, or this HPACK."""
    data = block(fields() if pairs is None else pairs) if data is None else data
    return HeadersFrame(stream, data, flags=list(flags)).serialize()


class Raw:
    """A connection on which anything can be sent, and what was heard."""

    def __init__(self, sock):
        self.sock = sock
        self.frames = []
        self.closed = False
        self._unread = b""

    def send(self, *pieces):
        """False: the server has closed."""
        try:
            self.sock.sendall(b"".join(pieces))
            return True
        except (ConnectionResetError, BrokenPipeError):
            return False

    def _parse(self):
        while len(self._unread) >= 9:
            head = memoryview(self._unread[:9])
            frame, length = Frame.parse_frame_header(head)
            if len(self._unread) < 9 + length:
                return
            frame.parse_body(memoryview(self._unread[9:9 + length]))
            self._unread = self._unread[9 + length:]
            self.frames.append(frame)

    def hear(self, done=lambda frames: False):
        """Reads until done(frames) or the end: all frames so far."""
        while not self.closed and not done(self.frames):
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            self.closed = not data
            self._unread += data
            self._parse()
        return self.frames

    def hear_all_before(self, mark=MARK):
        """Reads until the server has taken all that was sent so far, or closed."""
        self.send(PingFrame(0, mark).serialize())
        return self.hear(lambda frames: any(isinstance(f, PingFrame) and f.opaque_data == mark
                                            for f in frames))

    def goaway(self):
        """The error code of the last GOAWAY; None: there was none."""
        codes = [f.error_code for f in self.frames if isinstance(f, GoAwayFrame)]
        return codes[-1] if codes else None

    def resets(self):
        """{stream: error code}"""
        return {f.stream_id: f.error_code for f in self.frames if isinstance(f, RstStreamFrame)}

    def answered(self):
        """The streams that an answer has come for."""
        return [f.stream_id for f in self.frames if isinstance(f, HeadersFrame)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def connect(port, **options):
    return Raw(http.connect(port, **options))
