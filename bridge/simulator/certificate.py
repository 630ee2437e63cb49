"""TLS for the simulator: with your certificate, or with one that it makes.

Some clients open `wss:` only, whatever the base URL says (npm `openai` 7), so a test of them needs TLS. A certificate
needs a library: the standard library can use one, not make one. trustme does it in three calls and is made for tests.
It brings `cryptography`, 4 MB of compiled code, so it is an extra.
"""

from __future__ import annotations

import ssl
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The names that the certificate is valid for, beside the host that the simulator listens on.
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class CertificateError(Exception):
    """No certificate can be made; the message is one sentence and says what to install."""


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The TLS side of a listening simulator."""

    context: ssl.SSLContext
    authority: Path | None = None
    """The PEM file of the authority that clients must trust; None for a certificate of yours."""


@contextmanager
def make_certificate(host: str = "localhost") -> Iterator[ServerTls]:
    """Make a certificate for this machine and `host`, and an authority that signs it. Both are gone after the block.

    The private key is never in a file of ours. Raises CertificateError without the extra `[tls]`.
    """
    try:
        import trustme  # noqa: PLC0415 - an extra
    except ImportError:
        fix = "pip install 'sherpa-realtime[tls]'"
        raise CertificateError(f"--tls needs the extra [tls]: {fix}, or pass --tls-cert and --tls-key") from None
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    authority.issue_cert(*dict.fromkeys((host, *_LOCAL_NAMES))).configure_cert(context)
    with tempfile.TemporaryDirectory(prefix="sherpa-sim-") as folder:
        file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(file)
        yield ServerTls(context, file)
