"""What a server makes of the rows of tests/hostile/http1.rows."""

import asyncio
from dataclasses import dataclass

import answers

AT_ONCE = 60  # connections to each server
QUIET = 0.7  # seconds after which an answer was the last
PATIENCE = 8  # seconds after which a server that says nothing waits for more of the request

# Statuses that say "this I do not take as a request", not "that I do not have".
REFUSALS = ("400 ×", "408", "411", "413", "414", "417", "422", "426", "431", "501", "505")


@dataclass(frozen=True)
class Verdict:
    statuses: tuple  # of the final answers, in order; a word where it is not HTTP/1
    closed: bool  # after them, or announced to be

    def __str__(self):
        words = [str(s) for s in self.statuses] or ([] if self.closed else ["waits"])
        return " ".join(words + (["×"] if self.closed else []))


def kind(cell):
    """"accepted", "refused", "closed" or "waits", of a verdict's text."""
    if cell == "×":
        return "closed"
    if cell == "waits":
        return "waits"
    return "refused" if cell.startswith(REFUSALS) else "accepted"


def verdict(heard, eof, method):
    found, rest = answers.split(heard, method, eof)
    if not found and rest[3:4] == b"\x04":  # the type of a SETTINGS frame
        return Verdict(("HTTP/2",), eof)
    if not found and rest and not rest.startswith(b"HTTP/1."):
        return Verdict(("HTTP/0.9",), eof)
    return Verdict(tuple(a.status for a in found), eof or any(a.closes for a in found))


async def hear(reader, method):
    """All that comes until the connection ends, or nothing more is to be expected; and whether it
    ended."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    heard = b""
    while True:
        whole = answers.split(heard, method, eof=False)[0]
        left = QUIET if whole else begun + PATIENCE - loop.time()
        try:
            chunk = await asyncio.wait_for(reader.read(65536), max(left, 0.01))
        except asyncio.TimeoutError:
            return heard, False
        except ConnectionResetError:
            return heard, True
        if not chunk:
            return heard, True
        heard += chunk


async def send(writer, data):
    try:
        writer.write(data)
        await writer.drain()
    except ConnectionError:
        pass  # refused before all was sent


async def ask(port, row):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    talk = asyncio.ensure_future(send(writer, row.data))
    try:
        return verdict(*await hear(reader, row.method), row.method)
    finally:
        talk.cancel()
        writer.close()


async def judge_all(port, rows):
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(row):
        async with gate:
            return await ask(port, row)

    return await asyncio.gather(*(one(row) for row in rows))


def judge(ports, rows):
    """{name of row: {server: text of its Verdict}}: each row sent whole, on a connection of its
    own, to each server of {name: port}."""
    async def everybody():
        return await asyncio.gather(*(judge_all(port, rows) for port in ports.values()))

    columns = dict(zip(ports, asyncio.run(everybody())))
    return {row.name: {server: str(columns[server][i]) for server in ports}
            for i, row in enumerate(rows)}
