"""The certificate of a server, the bridge's or the simulator's, loaded with clear errors.

For TLS to the upstream, see `bridge.upstream.dial.dial`.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.toml_file import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


def tls_context(cert: str, key: str, sources: tuple[str, str] = ("--tls-cert", "--tls-key")) -> ssl.SSLContext:
    """Return a server context for TLS 1.2 and later, HTTP/1.1 only. `sources` name the settings. Raises ConfigError."""
    for name, path in zip(sources, (cert, key), strict=True):
        if not Path(path).is_file():
            raise ConfigError(f"{name}: file not found: {path}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, cert, key, sources)
    return context


def load_certificate(
    context: ssl.SSLContext, cert: str, key: str, sources: tuple[str, str] = ("--tls-cert", "--tls-key")
) -> None:
    """Use a certificate for the connections that come from now on. Raises ConfigError."""
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(f"{', '.join(sources)}: can't load {cert} and {key}: {_why(error)}") from None


def _no_password() -> str:
    """Refuse a key with a password: without this, OpenSSL would ask for it on the terminal."""
    raise ValueError("the key has a password; remove it")


#: By OpenSSL's reason. It gives none if a file has no PEM block.
_TLS_REASONS: Mapping[str, str] = {
    "": "a file isn't PEM, or the two are swapped",
    "KEY_VALUES_MISMATCH": "the key doesn't belong to the certificate",
}


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return _TLS_REASONS.get(error.reason or "", (error.reason or "").replace("_", " ").lower())
    return str(error)
