"""HTTP/2 in clear: what a client may do that is neither hostile nor usual."""

from lib.http2_client import Client


def test_an_upload_is_answered_and_ended_and_others_go_on(archeio):
    """A body is never read: the request has its answer at once, the stream's window is not
    extended, and when it is used up the stream is ended without an error."""
    client = Client(archeio({}).port)
    upload = client.begin("/v2/app/blobs/uploads/", "POST", end=False)
    assert client.answer(upload).status == 405
    left = client.h2.local_flow_control_window(upload)
    assert 0 < left <= 16384
    client.h2.send_data(upload, b"x" * left)
    client.flush()
    client.wait(lambda: upload in client.resets, "the upload's end")
    assert client.resets[upload] == 0
    for _ in range(20):  # the connection's window is the same for all of them
        stream = client.begin("/v2/app/manifests/1", end=False)
        assert client.answer(stream).status == 307
        client.h2.send_data(stream, b"x" * 10000, end_stream=True)
        client.flush()
    assert client.request("/v2/app/manifests/1").status == 307
