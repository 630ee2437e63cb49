"""The errors of the Realtime API: what an error is, and every refusal and failure that the simulator can send.

The wording is that of recordings where there are any. `bridge.protocol.refusals` knows what each code means to a
client; this module knows what the service puts on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_INVALID = "invalid_request_error"
_QUOTA = "insufficient_quota"
_BILLING = "You exceeded your current quota, please check your plan and billing details."


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceError:
    """The body of an `error` event or of an HTTP error and, if `close_code` is set, the close that follows at once."""

    type: str
    code: str | None
    message: str
    close_code: int | None = None
    param: str | None = None

    @property
    def close_reason(self) -> str:
        """`type.code`, as the service writes it, or `type` alone if there is no code."""
        return f"{self.type}.{self.code}" if self.code else self.type


def _error(
    code: str | None, message: str, close: int | None, kind: str = _INVALID, param: str | None = None
) -> ServiceError:
    return ServiceError(type=kind, code=code, message=message, close_code=close, param=param)


#: By code. `no_credential` and `server_error` are names of ours: on the wire these two have no code.
SERVICE_ERRORS: Mapping[str, ServiceError] = {
    "invalid_api_key": _error(
        "invalid_api_key",
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
        3000,
    ),
    "no_credential": _error(None, "Missing bearer or basic authentication in header", 3000),
    "beta_api_shape_disabled": _error(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
        4000,
    ),
    "missing_model": _error(
        "missing_model", "You must provide a model parameter. Example: ?model=gpt-realtime-1.5", 4000
    ),
    "invalid_model": _error("invalid_model", "The model is not a realtime model.", 4000, param="model"),
    "invalid_intent": _error("invalid_intent", "The intent parameter is invalid.", 4000, param="intent"),
    "model_not_found": _error(
        "model_not_found", "The model does not exist or you do not have access to it.", 4004, param="model"
    ),
    "insufficient_quota": _error("insufficient_quota", _BILLING, 1013, _QUOTA),
    "credit_balance_exhausted": _error("credit_balance_exhausted", "Your credit balance is exhausted.", 1013, _QUOTA),
    "project_spend_limit_exceeded": _error(
        "project_spend_limit_exceeded", "This project has reached its spend limit.", 1013, _QUOTA
    ),
    "organization_spend_limit_exceeded": _error(
        "organization_spend_limit_exceeded", "Your organization has reached its spend limit.", 1013, _QUOTA
    ),
    "organization_usage_limit_exceeded": _error(
        "organization_usage_limit_exceeded", "Your organization has reached its usage limit.", 1013, _QUOTA
    ),
    "session_expired": _error("session_expired", "Your session hit the maximum duration of 60 minutes.", 1001),
    "rate_limit_exceeded": _error(
        "rate_limit_exceeded",
        "Rate limit reached for gpt-realtime on requests per day (RPD): Limit 1000, Used 1000, Requested 1.",
        1013,
        "requests",
    ),
    "server_error": _error(None, "The server had an error while processing your request.", 1011, "server_error"),
}

#: Errors that come only in a failed `response.done` (LiveKit).
RESPONSE_ERRORS: Mapping[str, ServiceError] = {
    "inference_rate_limit_exceeded": _error(
        "inference_rate_limit_exceeded", "The rate limit for inference was exceeded. Please try again later.", None
    ),
}

#: The HTTP status of the same error over REST, and in an Azure handshake.
REST_STATUS: Mapping[str, int] = {
    "invalid_api_key": 401,
    "no_credential": 401,
    "beta_api_shape_disabled": 400,
    "missing_model": 400,
    "invalid_model": 400,
    "invalid_intent": 400,
    "model_not_found": 404,
    "insufficient_quota": 429,
    "credit_balance_exhausted": 429,
    "project_spend_limit_exceeded": 429,
    "organization_spend_limit_exceeded": 429,
    "organization_usage_limit_exceeded": 429,
    "session_expired": 401,
    "rate_limit_exceeded": 429,
    "server_error": 500,
}
