"""What refusals look like over HTTP: error objects that never stand in a frame, Azure's own words, a gateway's page.

The status that goes with each code of the socket is in `endings.REST_STATUS`. Codes and statuses are from the error
guide and from reports; where only the code is on record the sentence is ours.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from bridge.simulator.errors.service_errors import SERVICE_ERRORS
from bridge.simulator.session.behaviour import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.link import Headers

_INVALID = "invalid_request_error"
#: The word for an answer by something in between: a page of HTML, no error object.
GATEWAY_PAGE = "page"
#: Where a simulated redirect leads; the name is reserved and leads nowhere (RFC 2606).
_LOCATION = "https://login.example.com/"
_REDIRECTS = range(300, 400)


def _http(code: str | None, message: str, kind: str = _INVALID) -> ServiceError:
    return ServiceError(type=kind, code=code, message=message)


#: By code; `key_restricted` is the one that has none on the wire.
_HTTP_ENDINGS: Mapping[str, ServiceError] = {
    "unsupported_country_region_territory": _http(
        "unsupported_country_region_territory", "Country, region, or territory not supported", "request_forbidden"
    ),
    "key_restricted": _http(
        None, "You have insufficient permissions for this operation. Missing scopes: model.request."
    ),
    "server_is_overloaded": _http("server_is_overloaded", "The server is overloaded. Slow down.", "server_error"),
    "slow_down": _http("slow_down", "Your requests rise too fast. Slow down.", "server_error"),
    # One vendor's spelling, and the one that it may be mended to.
    "OpperationNotSupported": _http("OpperationNotSupported", "The operation does not work with this model."),
    "OperationNotSupported": _http("OperationNotSupported", "The operation does not work with this model."),
    "DeploymentNotFound": _http("DeploymentNotFound", "The API deployment for this resource does not exist."),
}
#: Every error object that a bare HTTP answer can be told to carry.
HTTP_ERRORS: Mapping[str, ServiceError] = {**SERVICE_ERRORS, **_HTTP_ENDINGS}

#: What stands in the body of a bare status when nothing else is asked for; the others get a gateway's page.
_USUAL: Mapping[int, ServiceError] = {
    401: SERVICE_ERRORS["invalid_api_key"],
    403: _http(None, "You do not have access to the Realtime API."),
    404: _http(None, "Not found."),
    429: SERVICE_ERRORS["rate_limit_exceeded"],
    500: SERVICE_ERRORS["server_error"],
    503: _HTTP_ENDINGS["server_is_overloaded"],
}

_AZURE_KEY = _http("401", "Access denied: the subscription key or the address is wrong.", "")
#: Azure's words by the code that the public service has for the same thing.
_AZURE_CODES: Mapping[str, ServiceError] = {
    "invalid_api_key": _AZURE_KEY,
    "invalid_model": _HTTP_ENDINGS["OpperationNotSupported"],
    "model_not_found": _HTTP_ENDINGS["DeploymentNotFound"],
    "rate_limit_exceeded": _http("429", "The deployment has used up its call rate. Try again later.", ""),
}
#: The same by status, where there is no code.
_AZURE_STATUSES: Mapping[int, ServiceError] = {401: _AZURE_KEY, 404: _HTTP_ENDINGS["DeploymentNotFound"]}


def error_for_status(status: int, saying: str, *, azure: bool = False) -> ServiceError | None:
    """Give the error object of an HTTP answer: by its word in SAYINGS, the usual one for ""; None is a page."""
    if saying == GATEWAY_PAGE:
        return None
    ending = HTTP_ERRORS[saying] if saying else _USUAL.get(status)
    return azure_error(status, ending) if azure and ending is not None and not saying else ending


def azure_error(status: int, ending: ServiceError) -> ServiceError:
    """Say the same as Azure does; what it has no words of its own for stays as it is."""
    if ending.code is not None:
        return _AZURE_CODES.get(ending.code, ending)
    return _AZURE_STATUSES.get(status, ending)


def gateway_page(status: int) -> tuple[Headers, bytes]:
    """Give headers and body of an answer that no API made."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown Error"
    location = (("location", _LOCATION),) if status in _REDIRECTS else ()
    headers = (("content-type", "text/html"), ("server", "simulated-gateway"), *location)
    return headers, f"<html><h1>{status} {phrase}</h1></html>\n".encode()
