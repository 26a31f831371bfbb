"""The table of hostile bytes over HTTP/1.1 (tests/hostile) as what is sent on connections."""

import asyncio
import sys
import threading
import urllib.parse
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from . import http

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "hostile"))
import table  # pylint: disable=wrong-import-position

ROWS = table.read()
UPSTREAM = "https://upstream.example:8443"
PREFIX = f"{UPSTREAM}/v2/mirror/images/"
GOOD = b"HEAD /v2/good/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /v2/last/manifests/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
AT_ONCE = 64  # connections


class CountingStore:
    """A store that has nothing, and knows what it was asked."""

    def __init__(self):
        asked = self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):  # pylint: disable=invalid-name
                asked.append(self.path)
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@dataclass(frozen=True)
class Exchange:
    """Pieces that are sent on a connection of their own, and the requests that lie in them."""

    what: str
    pieces: tuple
    rows: tuple  # table.Row, or None for a valid request
    methods: tuple


def exchange_of(row, pieces, what, before=False):
    """Adds the valid request that shows where the row ends, unless it ends the connection."""
    pieces, rows, methods = list(pieces), [row], [row.method]
    if before:
        pieces.insert(0, GOOD)
        rows.insert(0, None)
        methods.insert(0, "HEAD")
    pieces.append(LAST)
    rows.append(None)
    methods.append("GET")
    return Exchange(f"{row.name}, {what}", tuple(pieces), tuple(rows), tuple(methods))


def bare(row, pieces, what):
    """The row alone, if it ends the connection by itself; else with what ends it."""
    if row.refused:
        return Exchange(f"{row.name}, {what}", tuple(pieces), (row,), (row.method,))
    return exchange_of(row, pieces, what)


async def say(writer, pieces):
    try:
        for i, piece in enumerate(pieces):
            if i > 0:
                await asyncio.sleep(0.003)  # so that it arrives by itself
            writer.write(piece)
            await writer.drain()
    except (ConnectionResetError, BrokenPipeError):
        pass  # the answer may have come before all was sent


async def hear(reader):
    heard = bytearray()
    try:
        while chunk := await reader.read(65536):
            heard += chunk
    except ConnectionResetError:
        pass
    return bytes(heard)


async def drive_one(port, exchange):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        talk = asyncio.ensure_future(say(writer, exchange.pieces))
        heard = await asyncio.wait_for(hear(reader), 30)
        await talk
        return heard
    finally:
        writer.close()


def drive(port, exchanges):
    """All of them, many at once: [(exchange, bytes that the server said)]. A connection that is
    still open after 30 s fails."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(exchange):
        async with gate:
            try:
                return exchange, await drive_one(port, exchange)
            except asyncio.TimeoutError:
                return exchange, None

    async def everything():
        return await asyncio.gather(*(one(e) for e in exchanges))

    return asyncio.run(everything())


def judge_location(answer):
    url = urllib.parse.urlsplit(answer.location)
    assert f"{url.scheme}://{url.netloc}" in (UPSTREAM, "https://github.com",
                                              "https://www.linuxfoundation.org"), answer.location
    assert not set(answer.location) & set("\r\n\0 "), answer.location


def judge(exchange, heard):
    """None, or what is wrong."""
    if heard is None:
        return "not closed"
    try:
        answers = http.parse_answers(heard, exchange.methods)
        for answer in answers:
            if answer.status == 307:
                judge_location(answer)
    except AssertionError as e:
        return str(e)
    for i, row in enumerate(exchange.rows):
        if row and row.parser == "drop":
            return None if len(answers) == i else f"{len(answers)} answers, wanted {i}"
        if i == len(answers):
            return f"{len(answers)} answers only"
        answer = answers[i]
        if row and not row.allows(answer.status) or not row and answer.status != 307:
            return f"answer {i + 1} is {answer.status}"
        closes = answer.headers.get("connection") == "close"
        if row and row.refused and not closes:
            return f"{answer.status} does not close"
        if closes:
            return None if len(answers) == i + 1 else f"{len(answers)} answers, wanted {i + 1}"
    return None if len(answers) == len(exchange.rows) else f"{len(answers)} answers"


def after(row, pieces, what):
    """Behind a valid request, which is answered first."""
    return exchange_of(row, pieces, f"{what}, after a valid request", before=True)


def pipelined(row, pieces, what):
    """Between two valid requests, in one stream: what lies in front and behind comes in one piece
    with the row's own beginning and end."""
    pieces = [GOOD + pieces[0], *pieces[1:]]
    pieces[-1] += LAST
    return Exchange(f"{row.name}, {what}, pipelined", tuple(pieces), (None, row, None),
                    ("HEAD", row.method, "GET"))
