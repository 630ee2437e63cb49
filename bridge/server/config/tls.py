"""The bridge's own certificate: loaded, or refused in plain words. TLS to the upstream: `bridge.upstream.dial.dial`."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.toml_file import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


def tls_context(cert: str, key: str, sources: tuple[str, str] = ("--tls-cert", "--tls-key")) -> ssl.SSLContext:
    """Load the certificate: TLS 1.2 and later, HTTP/1.1 only. Raises ConfigError."""
    for name, path in zip(sources, (cert, key), strict=True):
        if not Path(path).is_file():
            raise ConfigError(f"{name}: there is no file {path}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(f"{', '.join(sources)}: {cert} and {key} cannot be used: {_why(error)}") from None
    return context


def _no_password() -> str:
    """Nobody is there to type one; without this OpenSSL would ask the terminal."""
    raise ValueError("the key is protected by a password")


#: OpenSSL's own names for what people meet. No reason at all: there is nothing in PEM form in the file.
_TLS_REASONS: Mapping[str, str] = {
    "": "one of them is no PEM file, or the other way round",
    "KEY_VALUES_MISMATCH": "the key is not this certificate's",
}


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return _TLS_REASONS.get(error.reason or "", (error.reason or "").replace("_", " ").lower())
    return str(error)
