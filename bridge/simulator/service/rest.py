"""The REST side: models, minting, and the SDP endpoint. Error bodies and headers match those of the service."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.models import DEFAULT_MODEL, ModelKind
from bridge.protocol.schema.requests import MINT_SCHEMAS
from bridge.protocol.schema.sessions import default_session, find_conflict, merge_update
from bridge.protocol.schema.types import Const, Integer, Object
from bridge.protocol.schema.validators import InvalidField, validate
from bridge.simulator.errors.http_errors import HTTP_ERRORS, gateway_page
from bridge.simulator.errors.service_errors import REST_STATUS, SERVICE_ERRORS, ServiceError
from bridge.simulator.service.models import OTHER_MODELS, mint_refusal, offered_models
from bridge.simulator.service.secrets import SecretRecord, SecretStore
from bridge.transport.http import HttpRequest, HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from bridge.simulator.faults.base import HttpRefusal

#: Lifetime of a client secret in seconds (OpenAPI): 10 to 7200, by default 600; in the beta dialect 60.
_EXPIRES_AFTER = Object({"anchor": Const("created_at"), "seconds": Integer(10, 7200)})
_DEFAULT_LIFETIME, _BETA_LIFETIME = 600, 60
_KINDS = {"realtime": SessionKind.CONVERSATION, "transcription": SessionKind.TRANSCRIPTION}
#: What can be done to a running call, also below `/openai/v1` on Azure, but not at its classic paths (pydantic-ai).
_CALL_CONTROL = re.compile(r"/v1/realtime/calls/[^/]+/(?:accept|hangup|refer|reject)")
_CREATED = 1_756_339_200  # 2025-08-28, the day of general availability


@dataclass(frozen=True, slots=True)
class RestCall:
    """A REST request whose key was accepted: what the API needs to answer it."""

    request: HttpRequest
    key: str
    realtime_models: bool
    """Whether the project has realtime models."""


class RestApi:
    """The REST API of one simulator."""

    def __init__(self, store: SecretStore, unix_time: Callable[[], float], seed: int) -> None:
        self._store, self._unix_time = store, unix_time
        self._random = random.Random(seed)

    def handle(self, call: RestCall) -> HttpResponse:
        """Answer one call; 404 if there is nothing at its path."""
        request = call.request
        path = request.path.rstrip("/").removeprefix("/openai")
        handler = self._routes().get((request.method, path))
        if handler is not None:
            return handler(call)
        if request.method == "GET" and path.startswith("/v1/models/"):
            return self._model(call, path.removeprefix("/v1/models/"))
        if request.method == "POST" and _CALL_CONTROL.fullmatch(path):
            return self.error(404, HTTP_ERRORS["call_id_not_found"])
        message = f"Invalid URL ({request.method} {request.path[:200]})"
        return self.error(404, ServiceError(type="invalid_request_error", code=None, message=message))

    def _routes(self) -> Mapping[tuple[str, str], Callable[[RestCall], HttpResponse]]:
        return {
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/realtime/client_secrets"): self._client_secrets,
            ("POST", "/v1/realtime/translations/client_secrets"): self._translation_secrets,
            ("POST", "/v1/realtime/sessions"): lambda call: self._beta_session(call, SessionKind.CONVERSATION),
            ("POST", "/v1/realtime/transcription_sessions"): lambda call: self._beta_session(
                call, SessionKind.TRANSCRIPTION
            ),
            ("POST", "/realtimeapi/sessions"): lambda call: self._beta_session(call, SessionKind.CONVERSATION),
            ("POST", "/v1/realtime/calls"): self._sdp,
            ("POST", "/v1/realtime"): self._beta_sdp,
        }

    def common_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of every REST response."""
        request_id = f"req_{self._random.getrandbits(128):032x}"
        return (("x-request-id", request_id), ("openai-processing-ms", "12"), ("openai-version", "2020-10-01"))

    def error(self, status: int, error: ServiceError, headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
        """Answer with an error body; its inner object is that of the `error` event on a WebSocket."""
        body = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
        return json_response(status, {"error": body}, (*self.common_headers(), *headers))

    def refusal(self, refusal: HttpRefusal) -> HttpResponse:
        """Answer with the refusal of a fault."""
        if refusal.status in _WITHOUT_BODY:
            return HttpResponse(refusal.status, (*self.common_headers(), *refusal.headers))
        if refusal.error is not None:
            return self.error(refusal.status, refusal.error, refusal.headers)
        headers, body = gateway_page(refusal.status)
        return HttpResponse(refusal.status, (*headers, *refusal.headers), body)

    def unknown_call(self) -> HttpResponse:
        """Answer an upgrade for a call that does not exist: before the 101, without a body (user report)."""
        return HttpResponse(404, self.common_headers())

    def _invalid(self, field: InvalidField) -> HttpResponse:
        error = ServiceError(type="invalid_request_error", code=field.code, message=field.message, param=field.param)
        return self.error(400, error)

    def _ok(self, status: int, body: object) -> HttpResponse:
        return json_response(status, body, self.common_headers())

    # Models

    def _models(self, call: RestCall) -> HttpResponse:
        return self._ok(200, {"object": "list", "data": list(self._listed(call))})

    def _listed(self, call: RestCall) -> list[dict[str, Any]]:
        offered = offered_models(self._today()) if call.realtime_models else []
        listed = [
            _model_object(model.id, model.shutdown_date.isoformat() if model.shutdown_date else None)
            for model in offered
        ]
        return [*listed, *(_model_object(name, None) for name in OTHER_MODELS)]

    def _today(self) -> date:
        return datetime.fromtimestamp(self._unix_time(), UTC).date()

    def _model(self, call: RestCall, model_id: str) -> HttpResponse:
        found = next((model for model in self._listed(call) if model["id"] == model_id), None)
        if found is not None:
            return self._ok(200, found)
        message = f"The model '{model_id[:100]}' does not exist or you do not have access to it."
        error = ServiceError(type="invalid_request_error", code="model_not_found", message=message, param="model")
        return self.error(404, error)

    # Minting

    def _client_secrets(self, call: RestCall) -> HttpResponse:
        body = _json_object(call.request)
        if body is None:
            return self.error(400, _NOT_JSON)
        session = body.get("session", {"type": "realtime"})
        named = session.get("type") if isinstance(session, dict) else None
        return self._mint(call, Dialect.GA, _KINDS.get(str(named), SessionKind.CONVERSATION), body, session)

    def _translation_secrets(self, call: RestCall) -> HttpResponse:
        body = _json_object(call.request)
        if body is None:
            return self.error(400, _NOT_JSON)
        if body.get("session") is None:
            message = "Missing required parameter: 'session'."
            return self._invalid(InvalidField("missing_required_parameter", message, "session"))
        return self._mint(call, Dialect.TRANSLATION, SessionKind.TRANSLATION, body, body["session"])

    def _mint(
        self, call: RestCall, dialect: Dialect, kind: SessionKind, body: dict[str, Any], session: Any
    ) -> HttpResponse:
        expires_after = body.get("expires_after", {})
        invalid = validate(expires_after, _EXPIRES_AFTER, "expires_after")
        invalid = invalid or validate(session, MINT_SCHEMAS[dialect, kind], "session")
        if invalid is not None:
            return self._invalid(invalid)
        lifetime = expires_after.get("seconds", _DEFAULT_LIFETIME)
        refusal = self._model_refusal(call, kind, session, "session.model")
        if refusal is not None:
            return refusal
        model = str(session.get("model") or DEFAULT_MODEL)
        defaults = default_session(dialect, kind, model)
        invalid = find_conflict(defaults, session)
        if invalid is not None:
            return self._invalid(invalid)
        value, expires_at = self._store_secret(call.key, dialect, kind, session, model, lifetime)
        shown = {**merge_update(defaults, session), "id": self._session_id(), "expires_at": 0}
        return self._ok(200, {"value": value, "expires_at": expires_at, "session": shown})

    def _beta_session(self, call: RestCall, kind: SessionKind) -> HttpResponse:
        """Mint at the beta endpoint. OpenAPI still lists it; what the service answers there today is not recorded."""
        session = _json_object(call.request)
        if session is None:
            return self.error(400, _NOT_JSON)
        invalid = validate(session, MINT_SCHEMAS[Dialect.BETA, kind], "")
        if invalid is not None:
            return self._invalid(invalid)
        refusal = self._model_refusal(call, kind, session, "model")
        if refusal is not None:
            return refusal
        model = str(session.get("model") or DEFAULT_MODEL)
        value, expires_at = self._store_secret(call.key, Dialect.BETA, kind, session, model, _BETA_LIFETIME)
        shown = {**merge_update(default_session(Dialect.BETA, kind, model), session), "id": self._session_id()}
        return self._ok(200, {**shown, "client_secret": {"value": value, "expires_at": expires_at}})

    def _model_refusal(
        self, call: RestCall, kind: SessionKind, session: dict[str, Any], param: str
    ) -> HttpResponse | None:
        """Refuse a model that this kind of session cannot have. On Azure, customers choose the names: any will do."""
        if not session.get("model") or call.request.path.startswith("/openai/"):
            return None
        socket = ModelKind.TRANSLATION if kind is SessionKind.TRANSLATION else ModelKind.REALTIME
        refusal = mint_refusal(str(session["model"]), socket, self._today())
        return self.error(REST_STATUS[str(refusal.code)], replace(refusal, param=param)) if refusal else None

    def _store_secret(
        self, key: str, dialect: Dialect, kind: SessionKind, session: dict[str, Any], model: str, lifetime: int
    ) -> tuple[str, int]:
        expires_at = int(self._unix_time()) + lifetime
        bound = None if kind is SessionKind.TRANSCRIPTION else model
        record = SecretRecord(key=key, dialect=dialect, kind=kind, model=bound, config=session, expires_at=expires_at)
        return self._store.add(record), expires_at

    def _session_id(self) -> str:
        return f"sess_{self._random.getrandbits(96):024x}"

    # WebRTC: the endpoint exists, but there is no media behind it.

    def _sdp(self, call: RestCall) -> HttpResponse:
        """Answer an SDP offer with an answer that rejects its media: this simulator supports WebSockets only."""
        body = call.request.body
        if b"v=0" not in body:
            error = ServiceError(
                type="invalid_request_error", code="invalid_offer", message="The SDP offer is missing."
            )
            return self.error(400, error)
        call_id = f"rtc_{self._random.getrandbits(96):024x}"
        lines = ("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=no media here", "t=0 0", "m=audio 0 UDP/TLS/RTP/SAVPF 0", "")
        headers = (("content-type", "application/sdp"), ("location", f"/v1/realtime/calls/{call_id}"))
        return HttpResponse(201, (*headers, *self.common_headers()), "\r\n".join(lines).encode())

    def _beta_sdp(self, _call: RestCall) -> HttpResponse:
        return self.error(400, SERVICE_ERRORS["beta_api_shape_disabled"])


#: Statuses of responses without a body (RFC 9110 6.4.1).
_WITHOUT_BODY = frozenset({204, 205, 304})
_NOT_JSON = ServiceError(
    type="invalid_request_error",
    code=None,
    message="We could not parse the JSON body of your request. It must be one JSON object.",
)


def _json_object(request: HttpRequest) -> dict[str, Any] | None:
    """Decode the body; None if it is not a JSON object. Like the service, it takes an empty body for `{}`."""
    try:
        body = msgspec.json.decode(request.body or b"{}")
    except (msgspec.DecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _model_object(model_id: str, shutdown_date: str | None) -> dict[str, Any]:
    return {
        "id": model_id,
        "object": "model",
        "created": _CREATED,
        "owned_by": "system",
        "shutdown_date": shutdown_date,
    }
