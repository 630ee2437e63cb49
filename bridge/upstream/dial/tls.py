"""TLS contexts for connections to a service. To load the system's certificates takes 25 ms, so it is done once."""

from __future__ import annotations

import ssl
from functools import cache


def default_tls_context() -> ssl.SSLContext:
    """Make a context that verifies chain and host name, requires TLS 1.2 or newer, and offers only HTTP/1.1."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def shared_tls_context() -> ssl.SSLContext:
    """Return the default context of this process. Do not change it: everybody who names no context uses it."""
    paths = ssl.get_default_verify_paths()
    return _load(paths.cafile, paths.capath)


@cache
def _load(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Load once for each place of the certificates, which SSL_CERT_FILE and SSL_CERT_DIR may change."""
    return default_tls_context()


@cache
def unused_tls_context() -> ssl.SSLContext:
    """Return a context that trusts nobody, for clients of plain HTTP that insist on one."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
