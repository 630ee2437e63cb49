"""The OpenAPI document of the REST fallback says what the bridge's routes do."""

from __future__ import annotations

import re

import pytest

from bridge.client_protocol.endpoints import FALLBACK_PATH
from bridge.client_protocol.openapi import openapi
from bridge.server.fallback.routes import FallbackRoutes

METHODS = {"get", "post", "delete", "put", "patch"}


def operations() -> dict[tuple[str, str], dict[str, object]]:
    return {
        (method, path.removeprefix(FALLBACK_PATH)): operation
        for path, item in openapi()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_it_has_every_route_and_no_other() -> None:
    routes = {
        (method.lower(), ("/{id}" if with_id else "") + (f"/{tail}" if tail else ""))
        for (with_id, tail), actions in FallbackRoutes._routes.items()
        for method in actions
    }
    assert set(operations()) == routes


def test_every_reference_leads_somewhere() -> None:
    document = openapi()
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert names
    assert names <= set(document["components"]["schemas"])


@pytest.mark.parametrize("operation", operations().values(), ids=lambda operation: str(operation["operationId"]))
def test_every_operation_says_how_it_is_refused(operation: dict[str, dict[str, object]]) -> None:
    assert {"400", "401", "403", "405"} <= operation["responses"].keys()


def test_options_are_those_of_create_session() -> None:
    options = openapi()["components"]["schemas"]["SessionOptions"]["properties"]
    assert {"model", "voice", "instructions", "turnDetection", "tools"} <= options.keys()
    assert "type" not in options
