"""Who may open which session: the checks that the service makes behind the 101, in its order.

Pure: a request's facts in, an opening or a refusal out. Scenarios and faults come on top of it, in `server.py`.
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
from bridge.simulator.errors.service_errors import SERVICE_ERRORS
from bridge.simulator.service.models import model_refusal
from bridge.simulator.session.behaviour import ServiceError
from bridge.simulator.session.state import SessionSetup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.simulator.service.secrets import SecretRecord
    from bridge.simulator.settings import DialectMode
    from bridge.transport.http import HttpRequest

SocketRoute = Literal["openai", "azure", "azure-preview", "translation"]

#: Socket paths, and whose they are.
SOCKET_ROUTES: Mapping[str, SocketRoute] = {
    "/v1/realtime": "openai",
    "/v1/realtime/translations": "translation",
    "/openai/v1/realtime": "azure",
    "/openai/realtime": "azure-preview",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRequest:
    """What a client asks for at the socket."""

    route: SocketRoute
    query: Mapping[str, str]
    credential: str | None
    wants_beta: bool
    """Whether it asks for the beta dialect, by header or subprotocol."""

    @property
    def is_azure(self) -> bool:
        """Whether it knocks at an Azure URL: refusals are HTTP there."""
        return self.route.startswith("azure")


def parse_upgrade(request: HttpRequest, subprotocols: tuple[str, ...] = ()) -> UpgradeRequest | None:
    """Read a wish from an upgrade request; None when the path is no socket."""
    where = SOCKET_ROUTES.get(request.path.rstrip("/"))
    if where is None:
        return None
    name, value = BETA_HEADER
    asked = [word.strip() for word in (request.header(name.lower()) or "").split(",")]
    return UpgradeRequest(
        route=where,
        query=request.query,
        credential=find_credential(request, subprotocols, azure=where.startswith("azure")),
        wants_beta=value in asked or BETA_SUBPROTOCOL in subprotocols,
    )


def find_credential(request: HttpRequest, subprotocols: tuple[str, ...] = (), *, azure: bool) -> str | None:
    """Find the key or secret: header, browser subprotocol, on Azure also `api-key` header or query."""
    scheme, _, bearer = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    carried = (name for name in subprotocols if name.startswith(KEY_SUBPROTOCOL_PREFIX))
    key = next((name.removeprefix(KEY_SUBPROTOCOL_PREFIX) for name in carried), None)
    if key is None and azure:
        key = request.header("api-key") or request.query.get("api-key")
    return key or None


def is_valid_key(credential: str, *, azure: bool) -> bool:
    """Whether a long-lived key is one: `sk-…`; Azure keys and Entra tokens have no form of their own."""
    return credential.startswith("sk-") or (azure and len(credential) >= 8)  # noqa: PLR2004 - shorter is a typo


def admit(
    wish: UpgradeRequest, mode: DialectMode, minted: SecretRecord | None, unix_time: float
) -> SessionSetup | ServiceError:
    """Decide as the service does: credential, dialect, then what was asked for."""
    refusal = _credential_refusal(wish, minted) or _dialect_refusal(wish, mode) or _call_refusal(wish)
    if refusal is not None:
        return refusal
    dialect = Dialect.BETA if mode == "beta" or (mode == "both" and wish.wants_beta) else Dialect.GA
    if wish.route == "azure-preview":
        dialect = Dialect.BETA
    asked = _translation(wish, minted) if wish.route == "translation" else _asked(wish, minted)
    if isinstance(asked, ServiceError):
        return asked
    kind, model = asked
    refusal = _bound_refusal(kind, model, minted) if minted is not None else None
    if refusal is not None:
        return refusal
    config = _bound_config(minted, dialect, kind)
    if kind is SessionKind.TRANSLATION:
        dialect = Dialect.TRANSLATION
    today = datetime.fromtimestamp(unix_time, UTC).date()
    if not wish.is_azure and kind is not SessionKind.TRANSCRIPTION:
        refusal = model_refusal(
            model, ModelKind.TRANSLATION if kind is SessionKind.TRANSLATION else ModelKind.REALTIME, today
        )
        if refusal is not None:
            return refusal
    return SessionSetup(dialect=dialect, kind=kind, model=model, unix_time=int(unix_time), config=config)


def _credential_refusal(wish: UpgradeRequest, minted: SecretRecord | None) -> ServiceError | None:
    if wish.credential is None:
        return SERVICE_ERRORS["no_credential"]
    if minted is None and not is_valid_key(wish.credential, azure=wish.is_azure):
        return SERVICE_ERRORS["invalid_api_key"]
    # On Azure a GA address with an `api-version` is answered 401 (reports, migration guide).
    return SERVICE_ERRORS["invalid_api_key"] if wish.route == "azure" and "api-version" in wish.query else None


def _dialect_refusal(wish: UpgradeRequest, mode: DialectMode) -> ServiceError | None:
    return SERVICE_ERRORS["beta_api_shape_disabled"] if mode == "ga" and wish.wants_beta and not wish.is_azure else None


def _call_refusal(wish: UpgradeRequest) -> ServiceError | None:
    """A call is joined by its id alone (SDK sources), and here there are none."""
    if not wish.query.get("call_id"):
        return None
    if wish.query.get("model") or wish.query.get("intent"):
        message = "You must provide exactly one of 'model', 'intent' and 'call_id'."
        return replace(_NO_CALL, code="invalid_parameter", message=message)
    return _NO_CALL


#: What the service says of a call that it does not know is not on record.
_NO_CALL = ServiceError(
    type="invalid_request_error",
    code="invalid_value",
    message="There is no such call: this simulator has no media.",
    close_code=4000,
    param="call_id",
)


def _bound_refusal(kind: SessionKind, model: str, minted: SecretRecord) -> ServiceError | None:
    """Refuse what a secret is not bound to. That it is refused, and how, is inferred.

    A secret for which no model was named takes every model of its kind.
    """
    if minted.kind != kind:
        message = f"This client secret is for a {minted.kind} session and opens no {kind} session."
        return _naming(
            SERVICE_ERRORS["invalid_intent" if SessionKind.TRANSLATION not in (kind, minted.kind) else "invalid_model"],
            message,
        )
    named = minted.config.get("model")
    if named and model != named:
        return _naming(
            SERVICE_ERRORS["invalid_model"], f'This client secret is for the model "{named}", not "{model}".'
        )
    return None


def _asked(wish: UpgradeRequest, minted: SecretRecord | None) -> tuple[SessionKind, str] | ServiceError:
    """What the query asks for. Exactly one of `model` and `intent=transcription` (SDK sources, reports)."""
    model = wish.query.get("deployment") if wish.route == "azure-preview" else wish.query.get("model")
    intent = wish.query.get("intent")
    if intent not in (None, "realtime", "transcription"):
        return SERVICE_ERRORS["invalid_intent"]
    bound = SessionKind.TRANSCRIPTION if minted is not None and minted.kind == SessionKind.TRANSCRIPTION else None
    if intent == "transcription" or (intent is None and bound):
        message = "You must not provide a model parameter for transcription sessions."
        return (
            _naming(SERVICE_ERRORS["invalid_model"], message)
            if model and not wish.is_azure
            else (SessionKind.TRANSCRIPTION, "")
        )
    model = model or (minted.model if minted is not None else None)
    if not model:
        return SERVICE_ERRORS["missing_model"]
    known = find_model(model)
    if known is not None and known.kind is ModelKind.TRANSCRIPTION:
        message = f'Model "{model}" is a transcription model and cannot be used as the realtime session model.'
        return _naming(SERVICE_ERRORS["invalid_model"], message)
    return (SessionKind.CONVERSATION, model)


def _translation(wish: UpgradeRequest, minted: SecretRecord | None) -> tuple[SessionKind, str] | ServiceError:
    model = wish.query.get("model") or (minted.model if minted is not None else None)
    return (SessionKind.TRANSLATION, model) if model else SERVICE_ERRORS["missing_model"]


def _bound_config(minted: SecretRecord | None, dialect: Dialect, kind: SessionKind) -> Mapping[str, Any] | None:
    """Give the session that a secret is bound to, in the shape of the dialect that is spoken here."""
    if minted is None:
        return None
    match minted.dialect, dialect:
        case Dialect.BETA, Dialect.GA:
            return session_to_nested(minted.config, kind).fields
        case Dialect.GA, Dialect.BETA:
            return session_to_flat(minted.config).fields
        case _:
            return minted.config


def _naming(ending: ServiceError, message: str) -> ServiceError:
    return replace(ending, message=message)
