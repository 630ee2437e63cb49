"""TLS contexts: loaded once, and again where the environment names other certificates."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trustme

from bridge.upstream.dial.tls import default_tls_context, shared_tls_context, unused_tls_context

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_certificates_are_loaded_once() -> None:
    assert shared_tls_context() is shared_tls_context()
    assert shared_tls_context() is not default_tls_context()


def test_the_shared_context_verifies_the_server() -> None:
    context = shared_tls_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_other_certificates_of_the_environment_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, file = shared_tls_context(), tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    changed = shared_tls_context()
    assert changed is not before
    assert len(changed.get_ca_certs()) == 1


def test_an_unused_context_trusts_nobody() -> None:
    assert unused_tls_context().verify_mode is ssl.CERT_REQUIRED
    assert unused_tls_context().get_ca_certs() == []
