"""docs/http1-parsers.md: the verdicts as a table, with the reasons where archeio deviates."""

import fnmatch
import re
import textwrap
from pathlib import Path

from verdicts import kind

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "http1-parsers.md"
ROWS = ROOT / "tests" / "hostile" / "http1.rows"
REASONS = ROWS.with_suffix(".reasons")
OURS = "archeio"
SHOWN = 72  # bytes of a request

HEAD = """\
# How four parsers judge HTTP/1.1

Each request of [tests/hostile/http1.rows](../tests/hostile/http1.rows), sent whole on a connection
of its own to {versions}, as their packages configure them, and to archeio. nginx and HAProxy pass
what they understand on to a server that reads it whole and answers 200; Node, in its strict
default, does so itself. archeio redirects, or says that there is no such thing (404, 400) or method
(405).

A cell has the status of each answer. × means that the server closes the connection then, × alone
that it closes without an answer, *waits* that it says nothing and waits for more. 408, 411, 413,
414, 417, 422, 426, 431, 501, 505, and a 400 that closes, refuse the bytes as a request; whatever
else is answered accepts them, be it with 404: the next request is then read where this one ended.
Where archeio accepts what another refuses, its cell is **bold**, and the reason stands beside it:
{deviations} of {rows} rows.

No row makes one of the three, in front of archeio over connections that it keeps, disagree with it
on where a request ends: tests/system/test_parsers.py sends each, between requests of others, and
looks whose answer everybody gets. It also checks this table. `tests/compare/http1 --write` writes
it.
"""


# ── Reasons ──


def read_reasons():
    """[(pattern, reason)], in the file's order."""
    lines = REASONS.read_text(encoding="ascii").splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line and not line.startswith("#")]


def deviates(verdicts):
    """archeio takes as a request what another refuses."""
    return kind(verdicts[OURS]) == "accepted" and any(
        kind(cell) in ("refused", "closed") for cell in verdicts.values())


def explain(judged):
    """({row: reason} where archeio deviates, deviations without a reason, reasons without a
    deviation). The first pattern that fits a row gives its reason."""
    reasons = read_reasons()
    found, missing, used = {}, [], set()
    for name in (name for name, verdicts in judged.items() if deviates(verdicts)):
        fitting = [entry for entry in reasons if fnmatch.fnmatchcase(name, entry[0])]
        if fitting:
            found[name] = fitting[0][1]
            used.add(fitting[0])
        else:
            said = ", ".join(f"{server}: {cell}" for server, cell in judged[name].items())
            missing.append(f"{name}: archeio accepts what another refuses ({said}); "
                           f"give the reason in {REASONS.name}, or refuse it")
    return found, missing, [f"{entry[0]}: no row needs this reason in {REASONS.name}"
                            for entry in reasons if entry not in used]


# ── The table ──


def groups():
    """[(title, [(name, bytes as they are written)])] as the file of rows has them."""
    found = []
    for line in ROWS.read_text(encoding="ascii").partition("\n\n")[2].splitlines():
        if line.startswith("# "):
            found.append((line[2:], []))
        elif line:
            name, _, _, text = line.split(None, 3)
            found[-1][1].append((name, text))
    return found


def shown(text):
    """As code, in which Markdown leaves backslashes alone; a bar would end the cell."""
    text = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return f"`` {text} ``".replace("|", "\\|")


def line_of(name, text, verdicts, reason):
    cells = dict(verdicts)
    if reason:
        cells[OURS] = f"**{cells[OURS]}**"
    return f"| `{name}` | {shown(text)} | {' | '.join(cells.values())} | {reason} |"


def render(judged, reasons, versions):
    """The whole document. reasons: {row: reason}; versions: {server: what it says it is}."""
    servers = list(next(iter(judged.values())))
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    head = HEAD.format(versions=said, deviations=len(reasons), rows=len(judged))
    parts = ["\n\n".join(textwrap.fill(part, 110) for part in head.split("\n\n")) + "\n"]
    for title, rows in groups():
        parts.append(f"## {title}\n\n| row | bytes | {' | '.join(servers)} | why |\n"
                     + "|---" * (len(servers) + 3) + "|")
        parts += [line_of(name, text, judged[name], reasons.get(name, "")) for name, text in rows]
        parts.append("")
    return "\n".join(parts)


def parse(text):
    """({row: {server: cell}}, {row: reason}) of what render() made."""
    judged, reasons, servers = {}, {}, []
    for line in text.splitlines():
        cells = [c.strip().replace("**", "") for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) < 3 or cells[0].startswith("-"):
            continue
        if cells[0] == "row":
            servers = cells[2:-1]
            continue
        name = cells[0].strip("`")
        judged[name] = dict(zip(servers, cells[2:-1]))
        if cells[-1]:
            reasons[name] = cells[-1]
    return judged, reasons
