"""The upstream's addresses and headers, in every form that the services take."""

from __future__ import annotations

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.upstream.service import UpstreamService, make_upstream
from reports.redaction import Secret

PUBLIC = "https://api.openai.com"
AZURE = "https://res.openai.azure.com"
KEY = Secret("sk-test-0123456789abcdef")


def at(base_url: str, dialect: Dialect = Dialect.GA, api_version: str | None = None) -> UpstreamService:
    return make_upstream(base_url, KEY, dialect=dialect, api_version=api_version)


@pytest.mark.parametrize(
    ("upstream", "kind", "url"),
    [
        (at(PUBLIC), SessionKind.CONVERSATION, "wss://api.openai.com/v1/realtime?model=a+b"),
        (at(PUBLIC), SessionKind.TRANSCRIPTION, "wss://api.openai.com/v1/realtime?intent=transcription"),
        (at(PUBLIC), SessionKind.TRANSLATION, "wss://api.openai.com/v1/realtime/translations?model=a+b"),
        (at("http://localhost:1", Dialect.BETA), SessionKind.CONVERSATION, "ws://localhost:1/v1/realtime?model=a+b"),
        (at(AZURE), SessionKind.CONVERSATION, "wss://res.openai.azure.com/openai/v1/realtime?model=a+b"),
        (at(AZURE), SessionKind.TRANSCRIPTION, "wss://res.openai.azure.com/openai/v1/realtime?intent=transcription"),
        (
            at(AZURE, Dialect.BETA),
            SessionKind.CONVERSATION,
            "wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=a+b",
        ),
        (
            at(AZURE, Dialect.BETA, "2024-10-01-preview"),
            SessionKind.TRANSCRIPTION,
            AZURE.replace("https", "wss")
            + "/openai/realtime?api-version=2024-10-01-preview&intent=transcription&deployment=a+b",
        ),
    ],
)
def test_the_sockets_url(upstream: UpstreamService, kind: SessionKind, url: str) -> None:
    assert upstream.socket_url("a b", kind) == url


@pytest.mark.parametrize(
    ("upstream", "kind", "url"),
    [
        (at(PUBLIC), SessionKind.CONVERSATION, "https://api.openai.com/v1/realtime/client_secrets"),
        (at(PUBLIC), SessionKind.TRANSCRIPTION, "https://api.openai.com/v1/realtime/client_secrets"),
        (at(PUBLIC), SessionKind.TRANSLATION, "https://api.openai.com/v1/realtime/translations/client_secrets"),
        (at(PUBLIC, Dialect.BETA), SessionKind.CONVERSATION, "https://api.openai.com/v1/realtime/sessions"),
        (
            at(PUBLIC, Dialect.BETA),
            SessionKind.TRANSCRIPTION,
            "https://api.openai.com/v1/realtime/transcription_sessions",
        ),
        (at(AZURE), SessionKind.CONVERSATION, "https://res.openai.azure.com/openai/v1/realtime/client_secrets"),
        (
            at(AZURE),
            SessionKind.TRANSLATION,
            "https://res.openai.azure.com/openai/v1/realtime/translations/client_secrets",
        ),
        (
            at(AZURE, Dialect.BETA),
            SessionKind.CONVERSATION,
            "https://res.openai.azure.com/openai/realtimeapi/sessions?api-version=2025-04-01-preview",
        ),
    ],
)
def test_the_mints_url(upstream: UpstreamService, kind: SessionKind, url: str) -> None:
    assert upstream.mint_url(kind) == url


def test_a_kind_that_the_dialect_lacks_is_reported() -> None:
    with pytest.raises(ValueError, match="beta dialect has no translation sessions"):
        at(PUBLIC, Dialect.BETA).mint_url(SessionKind.TRANSLATION)


def test_the_models_url() -> None:
    assert at(PUBLIC).models_url() == "https://api.openai.com/v1/models"
    assert at(AZURE, Dialect.BETA).models_url().endswith("/openai/models?api-version=2025-04-01-preview")


def test_headers_name_key_organization_project_and_what_was_added() -> None:
    upstream = make_upstream(PUBLIC, KEY, organization="org-1", project="proj_1", headers=(("X-Extra", "1"),))
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
