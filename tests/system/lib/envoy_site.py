"""A site behind an Envoy with the filter in it: what the tests of that door have in common."""

import hashlib
import socket
import threading

from . import http
from .site import CLIENTS, PATH

UPSTREAM = "https://registry.example.org"
REGISTRY = f"{UPSTREAM}/v2/mirror/images/team/app"
OWN = "127.0.0.1/32 aws eu-west-3\n127.0.0.2/32 aws us-east-2\n"
US = CLIENTS["us"]
# X-Forwarded-For, which the filter reads then by itself.
AS_IT_CAME = "use_remote_address: true", "use_remote_address: true\n" + 16 * " " + "skip_xff_append: true"


def digest_of(number):
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


def blob(number):
    return f"/v2/team/app/blobs/{digest_of(number)}"


def site_config(stores, endpoint=UPSTREAM):
    """stores: {name: (URL, what it serves)}"""
    return {"upstream": {"endpoint": endpoint, "path": PATH}, "stores": [
        {"name": name, "url": url, "serves": serves} for name, (url, serves) in stores.items()]}


def where(answer, *stores):
    """The index of the store that it leads to; "upstream"."""
    assert answer.status == 307, answer
    if answer.location.startswith(REGISTRY):
        return "upstream"
    urls = [f"{store.url}/containers/images/" for store in stores]
    return next(i for i, url in enumerate(urls) if answer.location.startswith(url))


def at_once(n, ask):
    """The results of n calls, each in a thread."""
    results = [None] * n

    def one(i):
        results[i] = ask(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def region(one, source="127.0.0.1", headers=(), fields=()):
    """"eu", "us", or "upstream" for a client of no region. headers: of X-Forwarded-For."""
    pairs = [*(("X-Forwarded-For", value) for value in headers), *fields]
    lines = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    to = "::1" if ":" in source else "127.0.0.1"
    with socket.create_connection((to, one.port), 10, (source, 0)) as sock:
        sock.sendall(f"GET {blob(1)} HTTP/1.1\r\nHost: x\r\n{lines}Connection: close\r\n\r\n".encode())
        location = http.parse_answers(http.read_all(sock))[0].location
    return next(name for name, part in (("eu", "/eu/"), ("us", "/us/"), ("upstream", "/v2/"))
                if part in location)
