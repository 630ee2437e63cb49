"""The upstream's addresses and headers, in every form that the services take."""

from __future__ import annotations

import pytest

from bridge.protocol.dialects.detection import Dialect, Kind
from bridge.upstream.service import Upstream, upstream_at
from reports.redaction import Secret

PUBLIC = "https://api.openai.com"
AZURE = "https://res.openai.azure.com"
KEY = Secret("sk-test-0123456789abcdef")


def at(base_url: str, dialect: Dialect = Dialect.GA, api_version: str | None = None) -> Upstream:
    return upstream_at(base_url, KEY, dialect=dialect, api_version=api_version)


@pytest.mark.parametrize(
    ("upstream", "kind", "url"),
    [
        (at(PUBLIC), Kind.CONVERSATION, "wss://api.openai.com/v1/realtime?model=a+b"),
        (at(PUBLIC), Kind.TRANSCRIPTION, "wss://api.openai.com/v1/realtime?intent=transcription"),
        (at(PUBLIC), Kind.TRANSLATION, "wss://api.openai.com/v1/realtime/translations?model=a+b"),
        (at("http://localhost:1", Dialect.BETA), Kind.CONVERSATION, "ws://localhost:1/v1/realtime?model=a+b"),
        (at(AZURE), Kind.CONVERSATION, "wss://res.openai.azure.com/openai/v1/realtime?model=a+b"),
        (at(AZURE), Kind.TRANSCRIPTION, "wss://res.openai.azure.com/openai/v1/realtime?intent=transcription"),
        (
            at(AZURE, Dialect.BETA),
            Kind.CONVERSATION,
            "wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=a+b",
        ),
        (
            at(AZURE, Dialect.BETA, "2024-10-01-preview"),
            Kind.TRANSCRIPTION,
            AZURE.replace("https", "wss")
            + "/openai/realtime?api-version=2024-10-01-preview&intent=transcription&deployment=a+b",
        ),
    ],
)
def test_the_sockets_url(upstream: Upstream, kind: Kind, url: str) -> None:
    assert upstream.socket_url("a b", kind) == url


@pytest.mark.parametrize(
    ("upstream", "kind", "url"),
    [
        (at(PUBLIC), Kind.CONVERSATION, "https://api.openai.com/v1/realtime/client_secrets"),
        (at(PUBLIC), Kind.TRANSCRIPTION, "https://api.openai.com/v1/realtime/client_secrets"),
        (at(PUBLIC), Kind.TRANSLATION, "https://api.openai.com/v1/realtime/translations/client_secrets"),
        (at(PUBLIC, Dialect.BETA), Kind.CONVERSATION, "https://api.openai.com/v1/realtime/sessions"),
        (at(PUBLIC, Dialect.BETA), Kind.TRANSCRIPTION, "https://api.openai.com/v1/realtime/transcription_sessions"),
        (at(AZURE), Kind.CONVERSATION, "https://res.openai.azure.com/openai/v1/realtime/client_secrets"),
        (at(AZURE), Kind.TRANSLATION, "https://res.openai.azure.com/openai/v1/realtime/translations/client_secrets"),
        (
            at(AZURE, Dialect.BETA),
            Kind.CONVERSATION,
            "https://res.openai.azure.com/openai/realtimeapi/sessions?api-version=2025-04-01-preview",
        ),
    ],
)
def test_the_mints_url(upstream: Upstream, kind: Kind, url: str) -> None:
    assert upstream.mint_url(kind) == url


def test_a_kind_that_the_dialect_lacks_is_told() -> None:
    with pytest.raises(ValueError, match="beta dialect has no translation sessions"):
        at(PUBLIC, Dialect.BETA).mint_url(Kind.TRANSLATION)


def test_the_models_url() -> None:
    assert at(PUBLIC).models_url() == "https://api.openai.com/v1/models"
    assert at(AZURE, Dialect.BETA).models_url().endswith("/openai/models?api-version=2025-04-01-preview")


def test_headers_name_key_organization_project_and_what_was_added() -> None:
    upstream = upstream_at(PUBLIC, KEY, organization="org-1", project="proj_1", headers=(("X-Extra", "1"),))
    expected = (
        ("Authorization", f"Bearer {KEY.reveal()}"),
        ("OpenAI-Organization", "org-1"),
        ("OpenAI-Project", "proj_1"),
        ("X-Extra", "1"),
    )
    assert upstream.rest_headers() == upstream.socket_headers() == expected


def test_only_the_beta_socket_sends_the_beta_header() -> None:
    beta = at(PUBLIC, Dialect.BETA)
    assert ("OpenAI-Beta", "realtime=v1") in beta.socket_headers()
    assert ("OpenAI-Beta", "realtime=v1") not in beta.rest_headers()


def test_azure_takes_keys_and_tokens_in_different_headers() -> None:
    assert at(AZURE).auth_headers() == (("api-key", KEY.reveal()),)
    for bearer in (Secret("eyJhbGciOi.payload.signature"), Secret("ek_abcdefghijklmnop")):  # of Entra ID, minted
        assert at(AZURE).with_key(bearer).auth_headers() == (("Authorization", f"Bearer {bearer.reveal()}"),)
    assert at(PUBLIC).with_key(Secret("")).auth_headers() == ()


def test_an_upstream_shows_no_key() -> None:
    assert KEY.reveal() not in repr(at(PUBLIC))
