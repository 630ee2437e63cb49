"""A server's certificate, and the errors for an unusable one."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from bridge.config.tls import tls_context
from bridge.config.toml_file import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a certificate and its key, another key, and an invalid file."""
    folder = tmp_path_factory.mktemp("pem")
    mine, other = (trustme.CA().issue_cert("localhost") for _ in range(2))
    mine.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    mine.private_key_pem.write_to_path(folder / "key.pem")
    other.private_key_pem.write_to_path(folder / "other.pem")
    (folder / "nonsense.pem").write_text("nonsense")
    return folder


def test_tls_is_1_2_or_later(files: Path) -> None:
    context = tls_context(str(files / "cert.pem"), str(files / "key.pem"))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("cert", "key", "words"),
    [
        ("cert.pem", "other.pem", "the key doesn't belong to the certificate"),
        ("nonsense.pem", "key.pem", "isn't PEM"),
        ("key.pem", "cert.pem", "swapped"),
        ("cert.pem", "none.pem", "file not found"),
    ],
)
def test_unusable_files_are_reported_with_their_place(files: Path, cert: str, key: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tls_context(str(files / cert), str(files / key), ("SHERPA_BRIDGE_TLS_CERT", "sherpa.toml, [bridge] tls_key"))
    assert words in str(caught.value)
    assert "sherpa.toml, [bridge] tls_key" in str(caught.value)
