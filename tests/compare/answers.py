"""Splits what a server said over HTTP/1 into answers, without asking that they be right."""

import re
from dataclasses import dataclass

CLOSES = re.compile(rb"^connection:[ \t]*close\r?$", re.I | re.M)
LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.I | re.M)
CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*chunked", re.I | re.M)
LOCATION = re.compile(rb"^location:[ \t]*(\S+)", re.I | re.M)


@dataclass(frozen=True)
class Answer:
    status: int
    head: bytes

    @property
    def closes(self):
        return bool(CLOSES.search(self.head))

    @property
    def location(self):
        found = LOCATION.search(self.head)
        return found.group(1).decode("latin-1") if found else None


def _body(head, rest, method, eof):
    """How long it is; None where it is not all there."""
    status = int(head[9:12])
    if method == "HEAD" or status < 200 or status in (204, 304):
        return 0
    length = LENGTH.search(head)
    if length:
        return int(length.group(1)) if len(rest) >= int(length.group(1)) else None
    if CHUNKED.search(head):
        end = rest.find(b"0\r\n\r\n")
        return None if end < 0 else end + 5
    return len(rest) if eof else None


def split(heard, method="GET", eof=True):
    """(the whole final answers, what is left over). method: of the first request; the others
    are GET. eof: no more will come, so that a body without a length ends here."""
    found = []
    while heard.startswith(b"HTTP/1."):
        head, end, rest = heard.partition(b"\r\n\r\n")
        size = _body(head, rest, "GET" if found else method, eof) if end else None
        if size is None:
            break
        if int(head[9:12]) >= 200:
            found.append(Answer(int(head[9:12]), head))
        heard = rest[size:]
    return found, heard
