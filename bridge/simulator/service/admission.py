"""Which session an upgrade may open: the checks that the service makes after the 101, in the same order.

Pure functions: the facts of a request in, a session's setup or an error out. `server.py` applies scenarios and faults.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from bridge.protocol.dialects.detection import (
    BETA_HEADER,
    BETA_SUBPROTOCOL,
    KEY_SUBPROTOCOL_PREFIX,
    Dialect,
    SessionKind,
)
from bridge.protocol.models import ModelKind, find_model
from bridge.protocol.schema.shapes import session_to_flat, session_to_nested
from bridge.simulator.errors.service_errors import SERVICE_ERRORS, ServiceError
from bridge.simulator.service.models import model_refusal
from bridge.simulator.session.state import SessionSetup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.simulator.service.secrets import SecretRecord
    from bridge.simulator.settings import DialectMode
    from bridge.transport.http import HttpRequest

SocketRoute = Literal["openai", "azure", "azure-preview", "translation"]

#: WebSocket paths, and the kind of endpoint behind each.
SOCKET_ROUTES: Mapping[str, SocketRoute] = {
    "/v1/realtime": "openai",
    "/v1/realtime/translations": "translation",
    "/openai/v1/realtime": "azure",
    "/openai/realtime": "azure-preview",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRequest:
    """What a client asks for when it opens a WebSocket."""

    route: SocketRoute
    query: Mapping[str, str]
    credential: str | None
    """An API key or a client secret."""
    wants_beta: bool
    """Whether it asks for the beta dialect, by header or by subprotocol."""

    @property
    def joins_call(self) -> bool:
        """Whether it asks for an existing WebRTC or SIP call. The simulator has none."""
        return bool(self.query.get("call_id"))

    @property
    def is_azure(self) -> bool:
        """Whether it came to an Azure URL, where refusals are sent over HTTP."""
        return self.route.startswith("azure")


def parse_upgrade(request: HttpRequest, subprotocols: tuple[str, ...] = ()) -> UpgradeRequest | None:
    """Read what an upgrade request asks for; None if nothing accepts WebSockets at its path."""
    route = SOCKET_ROUTES.get(request.path.rstrip("/"))
    if route is None:
        return None
    name, value = BETA_HEADER
    values = [word.strip() for word in (request.header(name.lower()) or "").split(",")]
    return UpgradeRequest(
        route=route,
        query=request.query,
        credential=find_credential(request, subprotocols, azure=route.startswith("azure")),
        wants_beta=value in values or BETA_SUBPROTOCOL in subprotocols,
    )


def find_credential(request: HttpRequest, subprotocols: tuple[str, ...] = (), *, azure: bool) -> str | None:
    """Find the API key or client secret of a request.

    It is a bearer token or, for browsers, part of a subprotocol; on Azure it can also be an `api-key` header or query
    parameter. None if there is none.
    """
    scheme, _, bearer = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    carried = (name for name in subprotocols if name.startswith(KEY_SUBPROTOCOL_PREFIX))
    key = next((name.removeprefix(KEY_SUBPROTOCOL_PREFIX) for name in carried), None)
    if key is None and azure:
        key = request.header("api-key") or request.query.get("api-key")
    return key or None


def is_valid_key(credential: str, *, azure: bool) -> bool:
    """Whether this can be an API key: it begins with `sk-`. Azure keys and Entra tokens have no fixed prefix."""
    return credential.startswith("sk-") or (azure and len(credential) >= 8)  # noqa: PLR2004 - shorter is a typo


def admit(
    request: UpgradeRequest, mode: DialectMode, secret: SecretRecord | None, unix_time: float
) -> SessionSetup | ServiceError:
    """Check credential, dialect and the kind of session, in the order of the service.

    `secret` is the record of the client secret, if the credential is one. Returns the setup of the session, or the
    first error found.
    """
    refusal = _credential_refusal(request, secret) or _dialect_refusal(request, mode)
    if refusal is not None:
        return refusal
    dialect = Dialect.BETA if mode == "beta" or (mode == "both" and request.wants_beta) else Dialect.GA
    if request.route == "azure-preview":
        dialect = Dialect.BETA
    requested = (
        _requested_translation(request, secret) if request.route == "translation" else _requested(request, secret)
    )
    if isinstance(requested, ServiceError):
        return requested
    kind, model = requested
    refusal = _bound_refusal(kind, model, secret) if secret is not None else None
    if refusal is not None:
        return refusal
    config = _bound_config(secret, dialect, kind)
    if kind is SessionKind.TRANSLATION:
        dialect = Dialect.TRANSLATION
    today = datetime.fromtimestamp(unix_time, UTC).date()
    if not request.is_azure and kind is not SessionKind.TRANSCRIPTION:
        model_kind = ModelKind.TRANSLATION if kind is SessionKind.TRANSLATION else ModelKind.REALTIME
        refusal = model_refusal(model, model_kind, today)
        if refusal is not None:
            return refusal
    return SessionSetup(dialect=dialect, kind=kind, model=model, unix_time=int(unix_time), config=config)


def _credential_refusal(request: UpgradeRequest, secret: SecretRecord | None) -> ServiceError | None:
    if request.credential is None:
        return SERVICE_ERRORS["no_credential"]
    if secret is None and not is_valid_key(request.credential, azure=request.is_azure):
        return SERVICE_ERRORS["invalid_api_key"]
    # Azure answers 401 at a GA URL with an `api-version` (reports, migration guide).
    return SERVICE_ERRORS["invalid_api_key"] if request.route == "azure" and "api-version" in request.query else None


def _dialect_refusal(request: UpgradeRequest, mode: DialectMode) -> ServiceError | None:
    return (
        SERVICE_ERRORS["beta_api_shape_disabled"]
        if mode == "ga" and request.wants_beta and not request.is_azure
        else None
    )


def _bound_refusal(kind: SessionKind, model: str, secret: SecretRecord) -> ServiceError | None:
    """Refuse a session that a client secret is not bound to. Both the refusal and its codes are inferred.

    A secret minted without a model opens a session with any model of its kind.
    """
    if secret.kind != kind:
        message = f"This client secret is for a {secret.kind} session and cannot open a {kind} session."
        code = "invalid_intent" if SessionKind.TRANSLATION not in (kind, secret.kind) else "invalid_model"
        return _worded(SERVICE_ERRORS[code], message)
    named = secret.config.get("model")
    if named and model != named:
        return _worded(
            SERVICE_ERRORS["invalid_model"], f'This client secret is for the model "{named}", not "{model}".'
        )
    return None


def _requested(request: UpgradeRequest, secret: SecretRecord | None) -> tuple[SessionKind, str] | ServiceError:
    """Read kind and model from the query: exactly one of `model` and `intent=transcription` (SDK sources, reports)."""
    model = request.query.get("deployment") if request.route == "azure-preview" else request.query.get("model")
    intent = request.query.get("intent")
    if intent not in (None, "realtime", "transcription"):
        return SERVICE_ERRORS["invalid_intent"]
    bound = SessionKind.TRANSCRIPTION if secret is not None and secret.kind == SessionKind.TRANSCRIPTION else None
    if intent == "transcription" or (intent is None and bound):
        message = "You must not provide a model parameter for transcription sessions."
        if model and not request.is_azure:
            return _worded(SERVICE_ERRORS["invalid_model"], message)
        return (SessionKind.TRANSCRIPTION, "")
    model = model or (secret.model if secret is not None else None)
    if not model:
        return SERVICE_ERRORS["missing_model"]
    known = find_model(model)
    if known is not None and known.kind is ModelKind.TRANSCRIPTION:
        message = f'Model "{model}" is a transcription model and cannot be used as the realtime session model.'
        return _worded(SERVICE_ERRORS["invalid_model"], message)
    return (SessionKind.CONVERSATION, model)


def _requested_translation(
    request: UpgradeRequest, secret: SecretRecord | None
) -> tuple[SessionKind, str] | ServiceError:
    model = request.query.get("model") or (secret.model if secret is not None else None)
    return (SessionKind.TRANSLATION, model) if model else SERVICE_ERRORS["missing_model"]


def _bound_config(secret: SecretRecord | None, dialect: Dialect, kind: SessionKind) -> Mapping[str, Any] | None:
    """Return the session configuration that a client secret is bound to, converted to the dialect of the session."""
    if secret is None:
        return None
    match secret.dialect, dialect:
        case Dialect.BETA, Dialect.GA:
            return session_to_nested(secret.config, kind).fields
        case Dialect.GA, Dialect.BETA:
            return session_to_flat(secret.config).fields
        case _:
            return secret.config


def _worded(error: ServiceError, message: str) -> ServiceError:
    return replace(error, message=message)
