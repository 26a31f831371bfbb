"""HTTP/2 in clear: what a client may do that is neither hostile nor usual."""

import socket

import h2.config
import h2.connection
import h2.events
import pytest


class Client:
    """An honest client (python3-h2) on a connection of its own."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def headers(self, method, path, end=True, **fields):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", method), (":path", path), (":scheme", "http"),
                                      (":authority", "registry.example"), *fields.items()],
                             end_stream=end)
        self.flush()
        return stream

    def events(self):
        """What comes, until the connection ends."""
        while True:
            data = self.sock.recv(65536)
            if not data:
                return
            yield from self.h2.receive_data(data)
            self.flush()

    def until(self, kind, stream):
        for event in self.events():
            if isinstance(event, kind) and event.stream_id == stream:
                return event
        pytest.fail(f"the connection ended before {kind.__name__} of stream {stream}")

    def status(self, stream):
        return dict(self.until(h2.events.ResponseReceived, stream).headers)[b":status"].decode()


def test_an_upload_is_answered_and_ended_and_others_go_on(archeio):
    """A body is never read: the request has its answer at once, the stream's window is not
    extended, and when it is used up the stream is ended without an error."""
    client = Client(archeio({}).port)
    upload = client.headers("POST", "/v2/app/blobs/uploads/", end=False)
    assert client.status(upload) == "405"
    left = client.h2.local_flow_control_window(upload)
    assert 0 < left <= 16384
    client.h2.send_data(upload, b"x" * left)
    client.flush()
    assert client.until(h2.events.StreamReset, upload).error_code == 0
    for _ in range(20):  # the connection's window is the same for all of them
        stream = client.headers("GET", "/v2/app/manifests/1", end=False)
        assert client.status(stream) == "307"
        client.h2.send_data(stream, b"x" * 10000, end_stream=True)
        client.flush()
    assert client.status(client.headers("GET", "/v2/app/manifests/1")) == "307"
