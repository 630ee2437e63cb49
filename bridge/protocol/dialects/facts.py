"""The facts about each dialect of the Realtime API: paths, headers, subprotocols, client secrets.

The source is the published OpenAPI specification unless a line says otherwise. `detection.py` exports everything here
too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType


class Dialect(StrEnum):
    """Which event names and session shapes a connection uses."""

    BETA = "beta"
    GA = "ga"
    TRANSLATION = "ga_translation"


class SessionKind(StrEnum):
    """What a session is for. It is fixed when the WebSocket opens."""

    CONVERSATION = "conversation"
    TRANSCRIPTION = "transcription"
    TRANSLATION = "translation"


BETA_HEADER = ("OpenAI-Beta", "realtime=v1")
"""Requests the beta dialect. Since 2026-05-12, the public service answers it with close 4000."""

GA_SUBPROTOCOL = "realtime"
KEY_SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
AGENTS_SUBPROTOCOL_PREFIX = "openai-agents-sdk."

PUBLIC_BASE_URL = "https://api.openai.com/v1"
MAX_SESSION_SECONDS = 3600.0
"""The maximum duration of a session, public service (Realtime conversations guide; `expires_at` recorded 2026-09)."""
AZURE_MAX_SESSION_SECONDS = 1800.0
"""The maximum duration of a session on Azure (the vendor's answer to a question, 2026-01)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKindFacts:
    """One kind of session in one dialect. Paths are relative to the base URL, which ends in `/v1`."""

    socket_path: str
    intent: str | None
    """Value of the `intent` query parameter. If there is one, the URL must not have `model`."""
    mint_path: str
    session_type: str | None
    """Value of `session.type`; None if the dialect has no such field."""
    session_object: str | None
    """Value of `session.object`; None if recorded sessions have none."""
    first_event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureFacts:
    """This dialect on Azure OpenAI (its migration guide, 2026-02). Paths are relative to the resource's host."""

    socket_path: str
    mint_path: str
    model_parameter: str
    """Query parameter with the name of the deployment."""
    api_version: str | None
    """Value of `api-version`; None means that it must be omitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretLifetime:
    """How long a client secret can open sessions, in seconds. A running session continues after that."""

    default_seconds: int
    min_seconds: int
    max_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectFacts:
    """Everything that differs between dialects, except events and session fields."""

    title: str
    header: tuple[str, str] | None
    """Request header that the dialect requires. GA has none and must not send the beta's."""
    extra_subprotocols: tuple[str, ...]
    """Subprotocols that a browser offers after `realtime` and the key."""
    kinds: Mapping[SessionKind, SessionKindFacts]
    sdp_path: str | None
    """Where to post a WebRTC offer; None if the dialect has no WebRTC."""
    secret_path: tuple[str, ...]
    """JSON keys that lead to the client secret in the response to minting."""
    expiry_path: tuple[str, ...]
    secret_lifetime: SecretLifetime
    azure: AzureFacts | None
    refused_since: date | None
    """Since when the public service refuses it; None if it does not."""


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
    """Return the dialect of a session's events: a translation session has its own, whatever dialect opened it."""
    return Dialect.TRANSLATION if kind is SessionKind.TRANSLATION else dialect


def socket_query(dialect: Dialect, kind: SessionKind, model: str) -> tuple[tuple[str, str], ...]:
    """Return the query of the WebSocket URL: `intent` or `model`. The service refuses both together."""
    intent = DIALECTS[dialect].kinds[kind].intent
    return (("intent", intent),) if intent else (("model", model),)


def browser_subprotocols(dialect: Dialect, key: str) -> tuple[str, ...]:
    """Return the subprotocols of a client that cannot set headers. The second one contains the key: never log it."""
    return (GA_SUBPROTOCOL, f"{KEY_SUBPROTOCOL_PREFIX}{key}", *DIALECTS[dialect].extra_subprotocols)


def _follow(answer: Mapping[str, object], path: tuple[str, ...]) -> object:
    found: object = answer
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def find_client_secret(answer: Mapping[str, object]) -> str | None:
    """Return the client secret in a response to minting, in either dialect (GA: top level, beta: nested), or None."""
    found = (_follow(answer, DIALECTS[dialect].secret_path) for dialect in (Dialect.GA, Dialect.BETA))
    return next((value for value in found if isinstance(value, str) and value), None)


def find_secret_expiry(answer: Mapping[str, object]) -> int | None:
    """Return when that secret expires, in Unix seconds. A nested value wins: then the other one is the session's."""
    found = (_follow(answer, DIALECTS[dialect].expiry_path) for dialect in (Dialect.BETA, Dialect.GA))
    return next((value for value in found if isinstance(value, int) and value > 0), None)
