"""Where each dialect of the Realtime API is found and what it asks for: paths, headers, subprotocols, secrets.

Facts only, taken from the published OpenAPI description unless a line says otherwise. `dialects.py` is the module to
import: it offers these and what can be asked of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType


class Dialect(StrEnum):
    """Which names and shapes are on the wire."""

    BETA = "beta"
    GA = "ga"
    TRANSLATION = "ga_translation"


class SessionKind(StrEnum):
    """What a session is for. It is fixed when the socket opens."""

    CONVERSATION = "conversation"
    TRANSCRIPTION = "transcription"
    TRANSLATION = "translation"


BETA_HEADER = ("OpenAI-Beta", "realtime=v1")
"""Asks for the beta dialect; since 2026-05-12 it ends the session with close 4000."""

GA_SUBPROTOCOL = "realtime"
KEY_SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
AGENTS_SUBPROTOCOL_PREFIX = "openai-agents-sdk."

PUBLIC_BASE_URL = "https://api.openai.com/v1"
MAX_SESSION_SECONDS = 3600.0
"""How long the public service keeps a session (guide to Realtime conversations; `expires_at` as recorded 2026-09)."""
AZURE_MAX_SESSION_SECONDS = 1800.0
"""How long Azure keeps one (vendor's answer to a question, 2026-01)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKindFacts:
    """One kind of session in one dialect. Paths hang under the base URL, which ends in `/v1`."""

    socket_path: str
    intent: str | None
    """Value of the `intent` query parameter. Where it is set, `model` must not stand in the URL."""
    mint_path: str
    session_type: str | None
    """What `session.type` says; None where the dialect has no such field."""
    session_object: str | None
    """What `session.object` says; None where the recorded sessions show none."""
    first_event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureFacts:
    """Where Azure OpenAI keeps this dialect (its migration guide, 2026-02). Paths hang under the resource's host."""

    socket_path: str
    mint_path: str
    model_parameter: str
    """Query parameter that carries the deployment's name."""
    api_version: str | None
    """Value of `api-version`; None means it must be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretLifetime:
    """How long a minted client secret opens sessions, in seconds. A running session outlives it."""

    default_seconds: int
    min_seconds: int
    max_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectFacts:
    """All that tells one dialect from another, apart from its events and session fields."""

    title: str
    header: tuple[str, str] | None
    """Request header that the dialect needs. GA has none and must not send the beta's."""
    extra_subprotocols: tuple[str, ...]
    """What a browser offers after `realtime` and the key."""
    kinds: Mapping[SessionKind, SessionKindFacts]
    sdp_path: str | None
    """Where a WebRTC offer goes; None where there is no such exchange."""
    secret_path: tuple[str, ...]
    """Keys to follow in the mint's answer to reach the client secret."""
    expiry_path: tuple[str, ...]
    secret_lifetime: SecretLifetime
    azure: AzureFacts | None
    refused_since: date | None
    """Day since which the public service refuses it."""


_GA_LIFETIME = SecretLifetime(default_seconds=600, min_seconds=10, max_seconds=7200)
_TRANSLATION = SessionKindFacts(
    socket_path="/realtime/translations",
    intent=None,
    mint_path="/realtime/translations/client_secrets",
    session_type="translation",
    session_object=None,
    first_event="session.created",
)

DIALECTS: Mapping[Dialect, DialectFacts] = MappingProxyType(
    {
        Dialect.BETA: DialectFacts(
            title="beta",
            header=BETA_HEADER,
            extra_subprotocols=(BETA_SUBPROTOCOL,),
            kinds={
                SessionKind.CONVERSATION: SessionKindFacts(
                    socket_path="/realtime",
                    intent=None,
                    mint_path="/realtime/sessions",
                    session_type=None,
                    session_object="realtime.session",
                    first_event="session.created",
                ),
                SessionKind.TRANSCRIPTION: SessionKindFacts(
                    socket_path="/realtime",
                    intent="transcription",
                    mint_path="/realtime/transcription_sessions",
                    session_type=None,
                    session_object="realtime.transcription_session",
                    first_event="transcription_session.created",
                ),
            },
            sdp_path="/realtime",
            secret_path=("client_secret", "value"),
            expiry_path=("client_secret", "expires_at"),
            secret_lifetime=SecretLifetime(default_seconds=60, min_seconds=60, max_seconds=60),
            azure=AzureFacts(
                socket_path="/openai/realtime",
                mint_path="/openai/realtimeapi/sessions",
                model_parameter="deployment",
                api_version="2025-04-01-preview",
            ),
            refused_since=date(2026, 5, 12),
        ),
        Dialect.GA: DialectFacts(
            title="GA",
            header=None,
            extra_subprotocols=(),
            kinds={
                SessionKind.CONVERSATION: SessionKindFacts(
                    socket_path="/realtime",
                    intent=None,
                    mint_path="/realtime/client_secrets",
                    session_type="realtime",
                    session_object="realtime.session",
                    first_event="session.created",
                ),
                SessionKind.TRANSCRIPTION: SessionKindFacts(
                    socket_path="/realtime",
                    intent="transcription",
                    mint_path="/realtime/client_secrets",
                    session_type="transcription",
                    session_object="realtime.transcription_session",
                    first_event="session.created",
                ),
                SessionKind.TRANSLATION: _TRANSLATION,
            },
            sdp_path="/realtime/calls",
            secret_path=("value",),
            expiry_path=("expires_at",),
            secret_lifetime=_GA_LIFETIME,
            azure=AzureFacts(
                socket_path="/openai/v1/realtime",
                mint_path="/openai/v1/realtime/client_secrets",
                model_parameter="model",
                api_version=None,
            ),
            refused_since=None,
        ),
        Dialect.TRANSLATION: DialectFacts(
            title="GA translation",
            header=None,
            extra_subprotocols=(),
            kinds={SessionKind.TRANSLATION: _TRANSLATION},
            sdp_path=None,
            secret_path=("value",),
            expiry_path=("expires_at",),
            secret_lifetime=_GA_LIFETIME,
            azure=None,
            refused_since=None,
        ),
    }
)


def event_dialect(dialect: Dialect, kind: SessionKind) -> Dialect:
    """Name the event family that a session speaks: a translation session has its own, whatever dialect opened it."""
    return Dialect.TRANSLATION if kind is SessionKind.TRANSLATION else dialect


def socket_query(dialect: Dialect, kind: SessionKind, model: str) -> tuple[tuple[str, str], ...]:
    """Give the query of the socket's URL: `intent` or `model`, never both, as the service demands."""
    intent = DIALECTS[dialect].kinds[kind].intent
    return (("intent", intent),) if intent else (("model", model),)


def browser_subprotocols(dialect: Dialect, key: str) -> tuple[str, ...]:
    """Give what a client offers that cannot set headers. The second entry holds the key: never log it."""
    return (GA_SUBPROTOCOL, f"{KEY_SUBPROTOCOL_PREFIX}{key}", *DIALECTS[dialect].extra_subprotocols)


def _follow(answer: Mapping[str, object], path: tuple[str, ...]) -> object:
    found: object = answer
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def find_client_secret(answer: Mapping[str, object]) -> str | None:
    """Find the client secret in a mint's answer of either dialect (top level in GA, nested in beta), or None."""
    found = (_follow(answer, DIALECTS[dialect].secret_path) for dialect in (Dialect.GA, Dialect.BETA))
    return next((value for value in found if isinstance(value, str) and value), None)


def find_secret_expiry(answer: Mapping[str, object]) -> int | None:
    """Find when that secret expires, in unix seconds. The nested one wins: the other is then the session's."""
    found = (_follow(answer, DIALECTS[dialect].expiry_path) for dialect in (Dialect.BETA, Dialect.GA))
    return next((value for value in found if isinstance(value, int) and value > 0), None)
