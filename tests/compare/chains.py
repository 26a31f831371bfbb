"""Honest requests between hostile ones, through a server that keeps its connection to archeio: does
anybody get the answer to what another asked?"""

import socket
from collections import Counter
from dataclasses import dataclass, field

import answers
from lib import http
from peers import UPSTREAM

SILENCE = 3  # seconds after which a server that says nothing may have lost what it was sent
PATIENCE = 30  # seconds within which an honest request is answered
HIDDEN = b"GET /v2/hidden/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class Attack:
    """What is sent before an honest request. hides: requests in it that are none, but part of a
    body; none of them may be answered, or reach archeio as a request."""

    name: str
    pieces: tuple
    method: str = "GET"
    hides: bool = False

    @property
    def may_swallow(self):
        """What follows may be no request, whoever looks at it."""
        data = b"".join(self.pieces).lower()
        return b"\r\n\r\n" not in data or any(
            b"\n" + name in data for name in (b"content-length", b"transfer-encoding", b"upgrade:"))


def bodies():
    """Requests with whole and well-formed bodies that are made of requests, in one piece and in
    two, smaller and larger than what archeio discards before it closes."""
    found = []
    for method in ("GET", "HEAD", "POST", "PUT"):
        for times in (1, 100, 4000):
            body = HIDDEN * times
            for framing, head, sent in (
                    ("length", b"Content-Length: %d" % len(body), body),
                    ("chunked", b"Transfer-Encoding: chunked",
                     b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))):
                start = b"%b /v2/carrier/manifests/v1 HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % (
                    method.encode(), head)
                name = f"{method} with a {framing} body of {len(body)}"
                found += [Attack(f"{name}, in one piece", (start + sent,), method, True),
                          Attack(f"{name}, in two", (start, sent), method, True)]
    return found


def honest(tag):
    return (f"GET /v2/honest-{tag}/manifests/v1 HTTP/1.1\r\nHost: x\r\n"
            "Connection: close\r\n\r\n").encode()


def location(tag):
    return f"{UPSTREAM}/v2/mirror/images/honest-{tag}/manifests/v1"


def say(sock, pieces):
    """Sends them apart: the next once there is an answer, or it is clear that none comes yet."""
    heard = b""
    for piece in pieces:
        sock.sendall(piece)
        if piece is not pieces[-1]:
            sock.settimeout(0.1)
            try:
                heard += sock.recv(65536)
            except socket.timeout:
                pass
    return heard


def listen(sock, patience):
    """What comes until the end, and whether it was the end: silence is none."""
    heard = b""
    sock.settimeout(patience)
    try:
        while chunk := sock.recv(65536):
            heard += chunk
    except socket.timeout:
        return heard, False
    except ConnectionError:
        pass
    return heard, True


@dataclass
class Chain:
    """One front server before archeio, and what came of all that was sent through it."""

    name: str
    port: int
    wrong: list = field(default_factory=list)
    outcomes: Counter = field(default_factory=Counter)  # of honest requests: answered, closed, lost
    answered: Counter = field(default_factory=Counter)  # {tag: answers that clients got}
    sent: int = 0

    def run(self, attacks):
        for attack in attacks:
            self.behind(attack)
            self.beside(attack)

    def _tag(self):
        self.sent += 1
        return f"{self.name.lower()}-{self.sent}"

    def behind(self, attack):
        """An honest request on the attack's own connection gets its own answer, or the end; or it
        is lost, where it may be part of a body, or of a protocol that was to be upgraded to."""
        tag = self._tag()
        with http.connect(self.port, timeout=PATIENCE) as sock:
            heard = b""
            try:
                heard = say(sock, attack.pieces)
                sock.sendall(honest(tag))
            except ConnectionError:
                pass  # refused before all was sent
            more, ended = listen(sock, SILENCE if attack.may_swallow else PATIENCE)
        self._judge(attack, tag, heard + more, ended)

    def _judge(self, attack, tag, heard, ended):
        found, rest = answers.split(heard, attack.method)
        locations = [a.location for a in found if a.location]
        own = locations.count(location(tag))
        self.outcomes["answered" if own else "closed" if ended else "lost"] += 1
        self.answered[tag] += own
        self.answered["smuggled"] += sum("/smuggled/" in where for where in locations)
        problems = {
            "got neither an answer nor the end": not own and not ended and not attack.may_swallow,
            "got the answer to another's request":
                any("honest-" in where for where in locations if where != location(tag)),
            "got more after its own answer": own > 1 or own and found[-1].location != location(tag),
            "got an answer to a part of a body":
                attack.hides and (len(found) > 2 or any("/hidden/" in w for w in locations)),
            "got an answer that is not whole": b"HTTP/1." in rest,
        }
        for problem in (what for what, so in problems.items() if so):
            self._report(attack, problem, heard)

    def beside(self, attack=Attack("nothing", ())):
        """One on a connection of its own gets its own answer, and nothing else."""
        tag = self._tag()
        with http.connect(self.port, timeout=PATIENCE) as sock:
            sock.sendall(honest(tag))
            heard, ended = listen(sock, PATIENCE)
        found, rest = answers.split(heard)
        self.answered[tag] += len(found)
        if not ended or rest or [a.location for a in found] != [location(tag)]:
            self._report(attack, "made another client's answer wrong", heard)

    def _report(self, attack, what, heard):
        self.wrong.append(f"{self.name}, {attack.name}: {what}: {heard!r:.400}")
