"""The table of hostile bytes, put to an Envoy with the filter in it: Envoy reads them by its own rules."""

import sys
from pathlib import Path

from lib import http
from lib.envoy_site import UPSTREAM

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hostile"))
import table  # noqa: E402

UNSAFE = set("\r\n\0 ")
LAST = b"GET /v2/last/manifests/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
OURS = (f"{UPSTREAM}/", "https://github.com/", "https://www.linuxfoundation.org/")

# What archeio's own parser takes and Envoy's does not: HTTP/1.0, unknown methods, upgrades, an
# authority that is no host, a scheme that the connection has not.
REFUSED = {"http-1.0": 426, "http-1.0-host": 426, "http-1.0-keep-alive": 426,
           "http-1.0-keep-alive-and-close": 426, "version-1.2-is-answered-as-1.1": 426,
           "absolute-form-1.0": 426, "method-32-bytes": 400, "method-lower-case-get": 400,
           "method-QUERY": 400, "method-PRI": 400, "target-8192-bytes-longest-method": 400,
           "connect-path": 400, "options-asterisk": 404, "absolute-form-https": 403, "upgrade": 403,
           "forwarded-named-in-connection": 400}

# The other way round, whatever it makes of the bytes is a request to us, and answered as one.
REFUSALS = (400, 403, 404, 405, 411, 413, 414, 426, 431, 501, 505)


def parse(heard, method):
    """The answers, without those that are to be followed by another. A refusal has a body, even of
    HEAD: it may not have been read as such."""
    try:
        answers = http.parse_answers(heard, [method])
    except AssertionError:
        answers = http.parse_answers(heard)
    return [a for a in answers if a.status != 100]


def judge(row, heard):
    """None, or what is wrong."""
    try:
        answers = parse(heard, row.method)
    except AssertionError as e:
        return str(e)
    if len(answers) not in (1, 2):
        return f"{len(answers)} answers"
    first = answers[0].status
    if len(answers) == 2 and answers[1].location != f"{UPSTREAM}/v2/mirror/images/last/manifests/v1":
        return f"the next request got {answers[1]}"
    for answer in answers:
        if answer.status == 307 and (not answer.location.startswith(OURS)
                                     or set(answer.location) & UNSAFE):
            return f"leads to {answer.location}"
    if row.name in REFUSED:
        return None if first == REFUSED[row.name] else f"{first}, not {REFUSED[row.name]}"
    if row.parser in ("ok", "close"):
        return None if row.allows(first) else f"{first}, not {row.server}"
    return None if first in (200, 307, *REFUSALS) else f"{first}"


def test_hostile_bytes_get_one_answer_and_lead_nowhere(envoy):
    """Each row of the table, with a valid request behind it. Envoy reads the bytes by its own rules."""
    one = envoy({})
    wrong, count = [], 0
    for row in table.read():
        if row.data.startswith(b"PRI * HTTP/2.0"):
            continue  # to Envoy that is HTTP/2
        with http.connect(one.port, timeout=5) as sock:
            try:
                sock.sendall(row.data + LAST)
            except OSError:
                pass  # it has heard enough
            problem = judge(row, http.read_all(sock))
        if problem:
            wrong.append(f"{row.name}: {problem}")
        count += 1
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])
    assert count >= 200
    assert one.request("/v2/").status == 200
    assert one.counter("requests_passed") == 0
