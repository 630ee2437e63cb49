"""The paths of the page: its files, its fault panel, and the reason why the page itself may not connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.server.admission.policy import Rejection
from bridge.server.http.responses import READ_ONLY, SAFE_HEADERS, problem_response
from bridge.server.page.files import find_page_file, page_response
from bridge.server.page.simulator_panel import PANEL_PATH, panel_response
from bridge.transport.http import json_response

if TYPE_CHECKING:
    from bridge.server.admission.policy import AdmissionPolicy
    from bridge.server.page.simulator_panel import SimulatorControl
    from bridge.transport.http import HttpRequest, HttpResponse

ACCESS_PATH: Final = "/page/access"


async def page_route(
    request: HttpRequest, simulator: SimulatorControl | None, admission: AdmissionPolicy
) -> HttpResponse | None:
    """Answer a request of the page; None for a path that it doesn't have."""
    if request.path == PANEL_PATH:
        return await panel_response(request, simulator, admission)
    if request.path == ACCESS_PATH:
        return _access(request, admission)
    file = find_page_file(request.path)
    if file is None:
        return None
    if request.method != "GET":
        return problem_response(READ_ONLY)
    return page_response(request, file)


def _access(request: HttpRequest, admission: AdmissionPolicy) -> HttpResponse:
    """Say why this page's WebSocket is refused: `code` and `detail`, `code` null if nothing is known to refuse it.

    A browser tells a page only that a WebSocket failed, never the status. POST, because browsers send no Origin with a
    GET of their own origin; always 200, because a page's console shows every other status as an error.
    """
    if request.method != "POST":
        rejection = Rejection(405, "METHOD_NOT_ALLOWED", "This path accepts only POST.")
        return problem_response(rejection)
    refused = admission.explain(request)
    body: dict[str, Any] = {"code": refused.code, "detail": refused.message} if refused else {"code": None}
    return json_response(200, body, SAFE_HEADERS)
