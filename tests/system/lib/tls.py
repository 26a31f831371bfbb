"""Connections over TLS that say what was agreed on."""

import socket
import ssl

from .ports import wait_until


def client_context(protocols=("http/1.1",), least=None, most=None):
    """A client's that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if least is not None:
        context.minimum_version = least
    if most is not None:
        context.maximum_version = most
    return context


def connect(port, context=None, name=None, session=None, host="127.0.0.1", timeout=15.0):
    """A connection after its handshake. name: for SNI."""
    raw = socket.create_connection((host, port), timeout=timeout)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return (context or client_context()).wrap_socket(raw, server_hostname=name, session=session)
    except BaseException:
        raw.close()
        raise


def await_certificate(port, certificate, name=None):
    """A worker goes over to what a reload brought a moment after the reload was logged."""
    wait_until(lambda: certificate_of(port, name) == certificate.der, 10, "the certificate")


def certificate_of(port, name=None):
    """What a server shows to clients that ask for this name, as DER."""
    with connect(port, name=name) as sock:
        return sock.getpeercert(binary_form=True)
