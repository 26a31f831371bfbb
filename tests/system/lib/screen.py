"""A terminal: what a program on it prints becomes what a person sees."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import time

from .program import SANITIZER

TOKEN = re.compile(rb"\x1b\[([\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)", re.S)
CUT = re.compile(rb"\x1b(\[[\d;]*)?$")  # the beginning of an escape sequence


class Screen:
    """Lines of text and a cursor; knows what progress displays use and refuses anything else."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.wrapped = 0  # how often a line was longer than the terminal is wide
        self.coloured = False
        self.pending = b""

    def feed(self, data):
        data = self.pending + data
        cut = CUT.search(data)
        self.pending = data[cut.start():] if cut else b""
        data = data[:len(data) - len(self.pending)]
        at = 0
        while at < len(data):
            token = TOKEN.match(data, at)
            assert token, data[at:at + 40]
            at = token.end()
            number, command, control, text = token.groups()
            if control == b"\r":
                self.column = 0
            elif control == b"\n":  # the terminal's line discipline says "\r\n"
                self._down()
            elif text is not None:
                self._print(text.decode())
            else:
                self._command(command, number)

    def _command(self, command, number):
        if command == b"J" and number in (b"", b"0"):
            self.lines[self.row:] = [self.lines[self.row][:self.column]]
        elif command == b"A":
            self.row = max(0, self.row - int(number or 1))
        elif command == b"m":
            self.coloured |= number not in (b"", b"0")
        else:
            raise AssertionError(f"escape sequence {number} {command}")

    def _down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def _print(self, text):
        for c in text:
            if c == "\t":
                self._print(" " * (8 - self.column % 8))
                continue
            assert c.isprintable(), repr(c)
            if self.column >= self.columns:
                self.wrapped += 1
                self.column = 0
                self._down()
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + c + line[self.column + 1:]
            self.column += 1

    def text(self):
        return "\n".join(self.lines)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, env, columns=80, rows=24):
        self.screen = Screen(columns)
        self.raw = b""
        self.seen = []  # the screen after each write that was read
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(list(map(str, argv)), env=env | {"TERM": "xterm"},
                                        stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)
        os.close(slave)
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def resize(self, columns, rows=24):
        self.screen.columns = columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the last one who had it open is gone
                return
            if not data:
                return
            self.raw += data
            self.screen.feed(data)
            self.seen.append((time.monotonic(), self.screen.text()))

    def wait_for(self, pattern, timeout=30):
        """Until the screen shows it: the match."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            match = re.search(pattern, self.screen.text())
            if match:
                return match
            time.sleep(0.02)
        raise AssertionError(f"{pattern} not seen:\n{self.screen.text()}\n{self.raw!r}")

    def end(self, timeout=60):
        """Waits for its end: the exit code."""
        try:
            code = self.process.wait(timeout)
        finally:
            self.process.kill()
            self.process.wait()
            self.thread.join(10)
            os.close(self.master)
        assert not SANITIZER.search(self.raw.decode()), self.raw.decode()
        return code
