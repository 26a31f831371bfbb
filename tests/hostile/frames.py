"""Hostile HTTP/2, a row for each thing that can be wrong, as h2spec's sections have them and more.

A row is what is sent after the preface and SETTINGS, and what must come of it:
  "C"        GOAWAY with one of these error codes, and the connection is closed
  "S"        RST_STREAM with one of these error codes, and the connection goes on
  a status   an answer, and the connection goes on
  "ok"       the connection goes on as if nothing had been
All is on stream 1, unless the row says otherwise.

Debian's nghttp2 ends the connection where RFC 9113 asks for the stream's end only, at PRIORITY of bad
length or on itself and at WINDOW_UPDATE by 0: "C" stands there. At SETTINGS that overflow a stream's
window it is the other way round."""

from dataclasses import dataclass

from lib.http2 import block, fields, headers, raw

(NO_ERROR, PROTOCOL, INTERNAL, FLOW, TIMEOUT, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION, CONNECT,
 CALM) = range(12)
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
WHOLE = END_STREAM | END_HEADERS

GOOD = block(fields())
OPEN = raw(HEADERS, END_HEADERS, 1, GOOD)  # a request whose body has not come


@dataclass(frozen=True)
class Row:
    name: str
    kind: str
    codes: tuple
    data: bytes
    stream: int = 1


def number(n):
    return n.to_bytes(4, "big")


def setting(key, value):
    return raw(SETTINGS, 0, 0, key.to_bytes(2, "big") + number(value))


def literal(name, value, start=b"\x00"):
    """A field that is neither compressed nor indexed: RFC 7541 section 6.2.2. Lengths below 127."""
    name = name if isinstance(name, bytes) else name.encode()
    value = value if isinstance(value, bytes) else value.encode()
    return start + bytes([len(name)]) + name + bytes([len(value)]) + value


def request(*pairs):
    return raw(HEADERS, WHOLE, 1, b"".join(literal(n, v) for n, v in pairs))


def good_and(name, value):
    return raw(HEADERS, WHOLE, 1, GOOD + literal(name, value))


def rows():
    return [*frames(), *streams(), *settings(), *windows(), *compression(), *lists(), *pseudo(),
            *field_rows(), *bodies(), *harmless()]


def frames():
    """RFC 9113 sections 4 and 6."""
    big = b"x" * 16385
    for kind in (DATA, HEADERS, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION, 0x42):
        yield Row(f"frame-{kind:#x}-of-16385-bytes", "C", (SIZE,), raw(kind, 0, 1, big))
    yield Row("frame-of-16-MiB-announced", "C", (SIZE,), raw(DATA, 0, 1, b"", 0xffffff))
    yield Row("priority-of-4-bytes", "C", (SIZE,), OPEN + raw(PRIORITY, 0, 1, b"\0" * 4))
    yield Row("priority-of-6-bytes", "C", (SIZE,), OPEN + raw(PRIORITY, 0, 1, b"\0" * 6))
    for n in (3, 5):
        yield Row(f"reset-of-{n}-bytes", "C", (SIZE,), OPEN + raw(RST, 0, 1, b"\0" * n))
        yield Row(f"window-update-of-{n}-bytes", "C", (SIZE,), OPEN + raw(WINDOW, 0, 1, b"\1" * n))
    for n in (0, 7, 9):
        yield Row(f"ping-of-{n}-bytes", "C", (SIZE,), raw(PING, 0, 0, b"\0" * n))
    yield Row("settings-of-5-bytes", "C", (SIZE,), raw(SETTINGS, 0, 0, b"\0" * 5))
    yield Row("settings-ack-with-content", "C", (SIZE,), raw(SETTINGS, ACK, 0, b"\0" * 6))
    yield Row("goaway-of-7-bytes", "C", (SIZE,), raw(GOAWAY, 0, 0, b"\0" * 7))
    for kind, payload in ((DATA, b"x"), (HEADERS, GOOD), (PRIORITY, b"\0" * 5), (RST, b"\0" * 4),
                          (CONTINUATION, GOOD)):
        yield Row(f"frame-{kind:#x}-on-stream-0", "C", (PROTOCOL,), raw(kind, END_HEADERS, 0, payload))
    for kind, payload in ((SETTINGS, b""), (PING, b"\0" * 8), (GOAWAY, b"\0" * 8)):
        yield Row(f"frame-{kind:#x}-on-stream-1", "C", (PROTOCOL,), raw(kind, 0, 1, payload))
    yield Row("data-padding-too-long", "C", (PROTOCOL,), OPEN + raw(DATA, PADDED, 1, b"\x05xxx"))
    yield Row("headers-padding-too-long", "C", (PROTOCOL,),
              raw(HEADERS, WHOLE | PADDED, 1, b"\xff" + GOOD))
    yield Row("headers-priority-cut", "C", (PROTOCOL, SIZE),
              raw(HEADERS, WHOLE | PRIORITIZED, 1, b"\0\0"))
    yield Row("push-promise", "C", (PROTOCOL,), raw(PUSH, END_HEADERS, 1, number(2) + GOOD))


def streams():
    """RFC 9113 section 5."""
    reset = raw(RST, 0, 1, number(CANCEL))
    yield Row("even-stream", "C", (PROTOCOL,), raw(HEADERS, WHOLE, 2, GOOD))
    yield Row("decreasing-stream", "C", (PROTOCOL, CLOSED),
              raw(HEADERS, WHOLE, 5, GOOD) + raw(HEADERS, WHOLE, 3, GOOD))
    yield Row("stream-twice", "C", (PROTOCOL, CLOSED), raw(HEADERS, WHOLE, 1, GOOD) * 2)
    yield Row("data-on-an-idle-stream", "C", (PROTOCOL,), raw(DATA, 0, 1, b"x"))
    yield Row("reset-of-an-idle-stream", "C", (PROTOCOL,), reset)
    yield Row("window-update-of-an-idle-stream", "C", (PROTOCOL,), raw(WINDOW, 0, 1, number(1)))
    yield Row("data-after-the-end", "C", (CLOSED,),
              raw(HEADERS, WHOLE, 1, GOOD) + raw(DATA, 0, 1, b"x"))
    yield Row("headers-after-a-reset", "C", (CLOSED,), OPEN + reset + raw(HEADERS, WHOLE, 1, GOOD))
    yield Row("data-after-a-reset", "C", (CLOSED,), OPEN + reset + raw(DATA, 0, 1, b"x"))
    yield Row("priority-on-itself", "C", (PROTOCOL,), OPEN + raw(PRIORITY, 0, 1, number(1) + b"\0"))
    yield Row("headers-depending-on-themselves", "C", (PROTOCOL,),
              raw(HEADERS, WHOLE | PRIORITIZED, 1, number(1) + b"\0" + GOOD))
    half, rest = GOOD[:5], GOOD[5:]
    begun = raw(HEADERS, END_STREAM, 1, half)
    yield Row("continuation-orphan", "C", (PROTOCOL,), raw(CONTINUATION, END_HEADERS, 1, GOOD))
    yield Row("continuation-after-its-end", "C", (PROTOCOL,),
              OPEN + raw(CONTINUATION, END_HEADERS, 1, GOOD))
    yield Row("continuation-of-another-stream", "C", (PROTOCOL,),
              begun + raw(CONTINUATION, END_HEADERS, 3, rest))
    for name, between in (("data", raw(DATA, 0, 1, b"x")), ("ping", raw(PING, 0, 0, b"\0" * 8)),
                          ("settings", raw(SETTINGS)), ("unknown", raw(0x42, 0, 1, b"x")),
                          ("headers", raw(HEADERS, WHOLE, 3, GOOD))):
        yield Row(f"continuation-interleaved-{name}", "C", (PROTOCOL,), begun + between)
    yield Row("continuation-8", "307", (), begun + raw(CONTINUATION, 0, 1) * 7 +
              raw(CONTINUATION, END_HEADERS, 1, rest))
    yield Row("continuation-9", "C", (CALM,), begun +
              raw(CONTINUATION, 0, 1) * 9 + raw(CONTINUATION, END_HEADERS, 1, rest))
    yield Row("last-stream-of-all", "307", (), raw(HEADERS, WHOLE, 0x7fffffff, GOOD), 0x7fffffff)


def settings():
    """RFC 9113 section 6.5.2."""
    yield Row("setting-push-2", "C", (PROTOCOL,), setting(2, 2))
    yield Row("setting-window-too-large", "C", (FLOW,), setting(4, 1 << 31))
    yield Row("setting-frame-too-small", "C", (PROTOCOL,), setting(5, 16383))
    yield Row("setting-frame-too-large", "C", (PROTOCOL,), setting(5, 1 << 24))
    yield Row("setting-window-overflows-a-stream", "S", (FLOW,),
              OPEN + raw(WINDOW, 0, 1, number(0x7fffffff - 65535)) + setting(4, 65536))
    yield Row("setting-table-of-4-GiB", "ok", (), setting(1, 0xffffffff))
    yield Row("setting-of-no-meaning", "ok", (), setting(0x4242, 7))


def windows():
    """RFC 9113 section 6.9."""
    yield Row("connection-window-by-0", "C", (PROTOCOL,), raw(WINDOW, 0, 0, number(0)))
    yield Row("connection-window-overflows", "C", (FLOW,), raw(WINDOW, 0, 0, number(0x7fffffff)))
    yield Row("stream-window-by-0", "C", (PROTOCOL,), OPEN + raw(WINDOW, 0, 1, number(0)))
    yield Row("stream-window-overflows", "S", (FLOW,), OPEN + raw(WINDOW, 0, 1, number(0x7fffffff)))


def compression():
    """RFC 7541: what does not decode ends the connection, because both tables have parted."""
    for name, data in (("index-0", b"\x80"), ("index-beyond", b"\xff\x00"),
                       ("index-of-a-name-beyond", b"\x7f\x10\x01x"),
                       ("integer-overflows", b"\xff" + b"\xff" * 10 + b"\x0f"),
                       ("table-size-beyond", b"\x3f\xe2\x1f" + GOOD),
                       ("table-size-after-a-field", GOOD + b"\x20"),
                       ("string-cut", GOOD + b"\x00\x05ab"),
                       ("huffman-padding-of-zeros", GOOD + b"\x00\x01a\x81\x18"),
                       ("huffman-padding-of-a-byte", GOOD + b"\x00\x01a\x82\x1f\xff"),
                       ("huffman-end-of-string", GOOD + b"\x00\x01a\x84\xff\xff\xff\xff")):
        yield Row(f"hpack-{name}", "C", (COMPRESSION,), raw(HEADERS, WHOLE, 1, data))


def bomb(references, name=b"a", size=3900):
    """A field of that size enters the table, and every further byte is that field again."""
    length = size - 127
    value = b"\x7f" + bytes([length & 0x7f | 0x80, length >> 7]) + b"x" * size
    return GOOD + b"\x40" + bytes([len(name)]) + name + value + b"\xbe" * references


def lists():
    """What is large or many, but well-formed: the list is bounded, the connection with it."""
    crumb = b"\x40\x06cookie\x01a"
    for name, data in (("5-references-of-3900", bomb(4)), ("61-fields", GOOD + crumb + b"\xbe" * 60),
                       ("cookie-crumbs-61", GOOD + literal("cookie", "a") * 61),
                       ("empty-values-61", GOOD + literal("a", "") * 61)):
        yield Row(f"list-{name}", "431", (), raw(HEADERS, WHOLE, 1, data))
    yield Row("list-60-fields", "307", (), raw(HEADERS, WHOLE, 1, GOOD + crumb + b"\xbe" * 59))
    yield Row("list-12000-references-of-3900", "C", (CALM,),
              raw(HEADERS, WHOLE, 1, bomb(12000)))
    yield Row("list-12000-references-of-7", "C", (CALM,),
              raw(HEADERS, WHOLE, 1, GOOD + crumb + b"\xbe" * 12000))
    yield Row("list-cookie-crumbs-2000", "C", (CALM,),
              raw(HEADERS, WHOLE, 1, GOOD + b"\x0f\x11\x01a" * 2000))
    yield Row("path-of-8193-bytes", "414", (), headers(1, fields("/" + "x" * 8192)))
    yield Row("value-of-80-KiB", "C", (COMPRESSION,), b"".join((
        raw(HEADERS, END_STREAM, 1, GOOD + b"\x00\x01a\x7f\x81\xff\x04" + b"x" * 16000),
        *(raw(CONTINUATION, 0, 1, b"x" * 16000) for _ in range(5)))))


def pseudo():
    """RFC 9113 section 8.3.1."""
    method, scheme, authority, path = ((":method", "GET"), (":scheme", "http"),
                                       (":authority", "x"), (":path", "/v2/"))
    for name, pairs in (
            ("no-method", (scheme, authority, path)), ("no-scheme", (method, authority, path)),
            ("no-path", (method, scheme, authority)),
            ("empty-path", (method, scheme, authority, (":path", ""))),
            ("two-methods", (method, method, scheme, authority, path)),
            ("two-schemes", (method, scheme, scheme, authority, path)),
            ("two-paths", (method, scheme, authority, path, path)),
            ("two-authorities", (method, scheme, authority, authority, path)),
            ("late-path", (method, scheme, authority, ("a", "b"), path)),
            ("unknown", (method, scheme, authority, path, (":a", "b"))),
            ("of-an-answer", (method, scheme, authority, path, (":status", "200"))),
            ("protocol", (method, scheme, authority, path, (":protocol", "websocket"))),
            ("authority-and-other-host", (method, scheme, authority, path, ("host", "y"))),
            ("two-hosts", (method, scheme, path, ("host", "x"), ("host", "y")))):
        yield Row(f"pseudo-{name}", "S", (PROTOCOL,), request(*pairs))
    yield Row("pseudo-authority-and-same-host", "200", (),
              request(method, scheme, authority, path, ("host", "x")))


def field_rows():
    """RFC 9113 section 8.2."""
    for name, field, value in (
            ("upper-case", "User-Agent", "x"), ("connection", "connection", "close"),
            ("keep-alive", "keep-alive", "x"), ("proxy-connection", "proxy-connection", "x"),
            ("transfer-encoding", "transfer-encoding", "chunked"), ("upgrade", "upgrade", "h2c"),
            ("te", "te", "gzip"), ("empty-name", "", "x"), ("space-in-name", "a b", "x"),
            ("colon-in-name", "a:b", "x"), ("nul-in-name", "a\0b", "x"), ("cr-in-name", "a\rb", "x"),
            ("lf-in-name", "a\nb", "x"), ("del-in-name", "a\x7fb", "x"),
            ("high-byte-in-name", b"a\xffb", "x"), ("nul-in-value", "a", "x\0y"),
            ("cr-in-value", "a", "x\ry"), ("lf-in-value", "a", "x\ny"),
            ("crlf-in-value", "a", "x\r\nb: c"), ("space-before-value", "a", " x"),
            ("space-behind-value", "a", "x "), ("tab-behind-value", "a", "x\t")):
        yield Row(f"field-{name}", "S", (PROTOCOL,), good_and(field, value))
    yield Row("field-te-trailers", "307", (), good_and("te", "trailers"))
    for name, path in (("cr", "/v2/\ra"), ("lf", "/v2/\na"), ("nul", "/v2/\0a"), ("space", "/v2/ a"),
                       ("crlf", "/v2/\r\nb: c"), ("relative", "v2/")):
        yield Row(f"path-{name}", "S", (PROTOCOL,), request(
            (":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", path)))


def bodies():
    """RFC 9113 section 8.1."""
    def announced(length):
        return raw(HEADERS, END_HEADERS, 1, GOOD + literal("content-length", length))
    yield Row("body-longer-than-announced", "S", (PROTOCOL,),
              announced("1") + raw(DATA, END_STREAM, 1, b"xx"))
    yield Row("body-shorter-than-announced", "S", (PROTOCOL,),
              announced("3") + raw(DATA, END_STREAM, 1, b"xx"))
    yield Row("body-announced-and-none", "S", (PROTOCOL,), good_and("content-length", "1"))
    for name, value in (("negative", "-1"), ("hex", "0x1"), ("empty", ""), ("list", "1, 1"),
                        ("overflowing", "9223372036854775808")):
        yield Row(f"length-{name}", "S", (PROTOCOL,), good_and("content-length", value))
    yield Row("length-twice", "S", (PROTOCOL,), raw(
        HEADERS, WHOLE, 1, GOOD + literal("content-length", "0") * 2))
    trailer = block([("x", "y")])
    yield Row("trailers-without-end", "S", (PROTOCOL,), OPEN + raw(HEADERS, END_HEADERS, 1, trailer))
    yield Row("trailers-with-pseudo", "S", (PROTOCOL,),
              OPEN + raw(HEADERS, WHOLE, 1, block([(":path", "/")])))
    yield Row("trailers", "307", (), OPEN + raw(HEADERS, WHOLE, 1, trailer))


def harmless():
    yield Row("unknown-frame", "ok", (), raw(0x42, 0xff, 0, b"x" * 100))
    yield Row("unknown-frame-on-a-stream", "ok", (), raw(0x42, 0xff, 77, b"x" * 100))
    yield Row("priority-of-an-idle-stream", "ok", (), raw(PRIORITY, 0, 99, number(1) + b"\0"))
    yield Row("reserved-bit", "307", (), raw(HEADERS, WHOLE, 1 | 1 << 31, GOOD))
    yield Row("unknown-flags", "307", (), raw(HEADERS, 0xd2 | WHOLE, 1, GOOD))
    yield Row("other-method", "405", (), headers(1, fields(method="POST")))
    yield Row("connect", "405", (), request((":method", "CONNECT"), (":authority", "x:443")))
    yield Row("connect-with-a-path", "S", (PROTOCOL,), headers(1, fields(method="CONNECT")))
    yield Row("body-of-a-get", "307", (), OPEN + raw(DATA, END_STREAM, 1, b"x" * 100))
    yield Row("bad-target", "400", (), headers(1, fields("/v2/#a")))
