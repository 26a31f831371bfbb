"""A client of TLS by libssl itself, for what Python's ssl module does not offer to do."""

import ctypes
import ctypes.util

SSL_CTRL_SET_MIN_PROTO_VERSION, SSL_CTRL_SET_MAX_PROTO_VERSION = 123, 124
TLS1_2, TLS1_3 = 0x303, 0x304
UPDATE_REQUESTED = 1


def _load():
    lib = ctypes.CDLL(ctypes.util.find_library("ssl"))
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for name, result, arguments in (
            ("TLS_client_method", pointer, []), ("SSL_CTX_new", pointer, [pointer]),
            ("SSL_CTX_free", None, [pointer]), ("SSL_new", pointer, [pointer]),
            ("SSL_CTX_ctrl", ctypes.c_long, [pointer, number, ctypes.c_long, pointer]),
            ("SSL_free", None, [pointer]), ("SSL_set_fd", number, [pointer, number]),
            ("SSL_connect", number, [pointer]), ("SSL_write", number, [pointer, text, number]),
            ("SSL_read", number, [pointer, text, number]),
            ("SSL_key_update", number, [pointer, number]),
            ("SSL_renegotiate", number, [pointer]), ("SSL_do_handshake", number, [pointer])):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Connection:
    """On a connected socket, after the handshake."""

    def __init__(self, sock, version=TLS1_3):
        self.lib, self.sock = _load(), sock
        sock.settimeout(None)  # libssl knows nothing of Python's timeouts
        self.context = self.lib.SSL_CTX_new(self.lib.TLS_client_method())
        for which in (SSL_CTRL_SET_MIN_PROTO_VERSION, SSL_CTRL_SET_MAX_PROTO_VERSION):
            self.lib.SSL_CTX_ctrl(self.context, which, version, None)
        self.ssl = self.lib.SSL_new(self.context)
        self.lib.SSL_set_fd(self.ssl, sock.fileno())
        assert self.lib.SSL_connect(self.ssl) == 1, "no handshake"

    def write(self, data):
        """False: the connection is over."""
        return self.lib.SSL_write(self.ssl, data, len(data)) == len(data)

    def read(self, size=4096):
        buffer = ctypes.create_string_buffer(size)
        n = self.lib.SSL_read(self.ssl, buffer, size)
        return buffer.raw[:max(n, 0)]

    def update_keys(self):
        """Asks for the other side's as well. False: the connection is over."""
        return (self.lib.SSL_key_update(self.ssl, UPDATE_REQUESTED) == 1 and
                self.lib.SSL_do_handshake(self.ssl) == 1)

    def close(self):
        self.lib.SSL_free(self.ssl)
        self.lib.SSL_CTX_free(self.context)
        self.sock.close()
