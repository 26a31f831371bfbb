"""Connections that stall a server, from a process of their own:

    staller.py KIND PORT COUNT SOURCE_ADDRESS

Prints "ready" when all are in place, keeps them as they are until its input ends, then prints how
many are still open. Run by lib/stalled.py.
"""

import select
import socket
import ssl
import sys
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_WINDOW = bytes.fromhex("000006040000000000" "000400000000")  # SETTINGS: windows of 0 bytes
CATALOG = b"/v2/_catalog"  # its answer has a body
GET_CATALOG = bytes.fromhex("82" "86" "410161" "04") + bytes([len(CATALOG)]) + CATALOG
ASK_CATALOG = len(GET_CATALOG).to_bytes(3, "big") + bytes.fromhex("010500000001") + GET_CATALOG
REQUEST = b"GET /v2/pause/manifests/3.10 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def slow_header(sock):
    sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")


def slow_reader(sock):
    """Asks until nothing more is taken, and reads nothing."""
    sock.setblocking(False)
    try:
        while True:
            sock.send(REQUEST * 200)
    except BlockingIOError:
        pass


def no_window(sock):
    sock.sendall(PREFACE + NO_WINDOW + ASK_CATALOG)


def idle(sock):
    sock.sendall(REQUEST)
    while not sock.recv(4096).endswith(b"\r\n\r\n"):
        pass


def client_hello():
    out = ssl.MemoryBIO()
    try:
        context().wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def main(kind, port, count, source):
    hello, shared = client_hello(), context()
    stall = {
        "slow-header": slow_header,
        "slow-reader": slow_reader,
        "no-window": no_window,
        "idle": idle,
        "half-tls": lambda sock: sock.sendall(hello),
        "idle-tls": lambda sock: shared.wrap_socket(sock, do_handshake_on_connect=True),
    }[kind]
    socks = []
    for _ in range(count):
        sock = socket.socket()
        if kind == "slow-reader":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", port))
        socks.append(stall(sock) or sock)
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        if kind == "slow-header":
            for i, sock in enumerate(socks):
                sock.send(b"x")
                if i % 100 == 99:
                    time.sleep(0.05)
        time.sleep(0.1)
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLRDHUP)
    print(count - len(poll.poll(0)), flush=True)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
