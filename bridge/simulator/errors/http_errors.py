"""Errors over HTTP: error objects that exist only there, Azure's wording, and the HTML page of a gateway.

`service_errors.REST_STATUS` has the HTTP status for each WebSocket error code. Codes and statuses come from OpenAI's
error guide and from user reports; if only a code is known, the message is ours.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from bridge.simulator.errors.service_errors import SERVICE_ERRORS, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.link import Headers

_INVALID = "invalid_request_error"
#: Selects an HTML page instead of an error object, as a gateway in front of the service would send.
GATEWAY_PAGE = "page"
#: The target of simulated redirects; the domain is reserved, so nothing is there (RFC 2606).
_LOCATION = "https://login.example.com/"
_REDIRECTS = range(300, 400)


def _http_error(code: str | None, message: str, kind: str = _INVALID) -> ServiceError:
    return ServiceError(type=kind, code=code, message=message)


#: By code. `key_restricted` is a name of ours: on the wire it has no code.
_HTTP_ONLY: Mapping[str, ServiceError] = {
    "unsupported_country_region_territory": _http_error(
        "unsupported_country_region_territory", "Country, region, or territory not supported", "request_forbidden"
    ),
    "call_id_not_found": _http_error("call_id_not_found", "No call was found with this id."),
    "key_restricted": _http_error(
        None, "You have insufficient permissions for this operation. Missing scopes: model.request."
    ),
    "server_is_overloaded": _http_error("server_is_overloaded", "The server is overloaded. Slow down.", "server_error"),
    "slow_down": _http_error("slow_down", "Your requests rise too fast. Slow down.", "server_error"),
    # Azure's spelling of the code, and the corrected one, should Azure ever fix it.
    "OpperationNotSupported": _http_error("OpperationNotSupported", "The operation does not work with this model."),
    "OperationNotSupported": _http_error("OperationNotSupported", "The operation does not work with this model."),
    "DeploymentNotFound": _http_error("DeploymentNotFound", "The API deployment for this resource does not exist."),
}
#: Every error object that an HTTP fault can select.
HTTP_ERRORS: Mapping[str, ServiceError] = {**SERVICE_ERRORS, **_HTTP_ONLY}

#: The default error object for a status. Any other status gets the page of a gateway.
_DEFAULT_ERRORS: Mapping[int, ServiceError] = {
    401: SERVICE_ERRORS["invalid_api_key"],
    403: _http_error(None, "You do not have access to the Realtime API."),
    404: _http_error(None, "Not found."),
    429: SERVICE_ERRORS["rate_limit_exceeded"],
    500: SERVICE_ERRORS["server_error"],
    503: _HTTP_ONLY["server_is_overloaded"],
}

_AZURE_KEY = _http_error("401", "Access denied: the subscription key or the address is wrong.", "")
#: Azure's errors, by the code that OpenAI uses for the same condition.
_AZURE_CODES: Mapping[str, ServiceError] = {
    "invalid_api_key": _AZURE_KEY,
    "invalid_model": _HTTP_ONLY["OpperationNotSupported"],
    "model_not_found": _HTTP_ONLY["DeploymentNotFound"],
    "rate_limit_exceeded": _http_error("429", "The deployment has used up its call rate. Try again later.", ""),
}
#: Azure's errors by status, for errors without a code.
_AZURE_STATUSES: Mapping[int, ServiceError] = {401: _AZURE_KEY, 404: _HTTP_ONLY["DeploymentNotFound"]}


def error_for_status(status: int, selected: str, *, azure: bool = False) -> ServiceError | None:
    """Return the error object of an HTTP refusal; None selects the page of a gateway.

    `selected` is a key of `HTTP_ERRORS`, `GATEWAY_PAGE`, or empty for the default error of the status. With `azure`,
    default errors are worded as on Azure.
    """
    if selected == GATEWAY_PAGE:
        return None
    if selected:
        return HTTP_ERRORS[selected]
    error = _DEFAULT_ERRORS.get(status)
    return azure_error(status, error) if azure and error is not None else error


def azure_error(status: int, error: ServiceError) -> ServiceError:
    """Return Azure's version of an error, or the error itself if Azure has none of its own."""
    if error.code is not None:
        return _AZURE_CODES.get(error.code, error)
    return _AZURE_STATUSES.get(status, error)


def gateway_page(status: int) -> tuple[Headers, bytes]:
    """Return the headers and the HTML body of a gateway's answer."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown Error"
    location = (("location", _LOCATION),) if status in _REDIRECTS else ()
    headers = (("content-type", "text/html"), ("server", "simulated-gateway"), *location)
    return headers, f"<html><h1>{status} {phrase}</h1></html>\n".encode()
