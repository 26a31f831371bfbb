"""Reads http1.rows, whose first lines say what stands in it."""

import re
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("http1.rows")
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|\{(\d+):([^}]*)\}|(.))")
PLAIN = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}


@dataclass(frozen=True)
class Row:
    name: str
    parser: str  # "ok", "close", a status, or "drop"
    server: str  # a status, "4xx", several between bars, or "="
    data: bytes

    @property
    def refused(self):
        """The connection ends with it, whatever the decision."""
        return self.parser != "ok"

    @property
    def method(self):
        return "HEAD" if self.data.lstrip(b"\r\n").startswith(b"HEAD ") else "GET"

    def allows(self, status):
        wanted = self.parser if self.server == "=" else self.server
        return any(w == str(status) or (w == "4xx" and 400 <= status < 500)
                   for w in wanted.split("|"))


def decode(text):
    def one(match):
        byte, times, repeated, plain = match.groups()
        if byte:
            return chr(int(byte, 16))
        if times:
            return ESCAPE.sub(one, repeated) * int(times)
        return PLAIN[plain]
    return ESCAPE.sub(one, text)


def read():
    rows = []
    for line in FILE.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            name, parser, server, text = line.split(None, 3)
            rows.append(Row(name, parser, server, decode(text).encode("latin-1")))
    return rows
