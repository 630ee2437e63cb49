"""The pages that are made of the AsyncAPI and the OpenAPI document: complete, and without a link that leads nowhere."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bridge.client_protocol.messages import BRIDGE_MESSAGES, CLIENT_MESSAGES
from bridge.client_protocol.openapi import openapi
from bridge.client_protocol.reference import calls_page, messages_page
from bridge.client_protocol.schema import asyncapi

MESSAGES, CALLS = messages_page(asyncapi(), "a.json"), calls_page(openapi(), "o.json")


def section(page: str, title: str) -> str:
    """The part of a page below a heading."""
    _, _, rest = page.partition(f" {title}\n")
    assert rest, title
    return re.split(r"^#", rest, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", [*CLIENT_MESSAGES, *BRIDGE_MESSAGES])
def test_each_message_has_each_of_its_fields_with_what_it_means(name: str) -> None:
    message = {**CLIENT_MESSAGES, **BRIDGE_MESSAGES}[name]
    found = section(MESSAGES, f"`{name}`")
    assert message.description in found
    for field in message.fields.values():
        [row] = [line for line in found.splitlines() if line.startswith(f"| `{field.name}` |")]
        assert ("| yes |" in row) == field.required


def test_messages_stand_below_who_sends_them() -> None:
    client, bridge = MESSAGES.index("## What a client sends"), MESSAGES.index("## What the bridge sends")
    assert client < MESSAGES.index("### `interrupt`") < bridge < MESSAGES.index("### `session_ready`")
    assert "PCM16" in section(MESSAGES[client:], "Binary audio")


def test_each_call_has_its_parameters_bodies_and_answers() -> None:
    for path, item in openapi()["paths"].items():
        for method in {"get", "post", "delete"} & set(item):
            found = section(CALLS, f"`{method.upper()} {path}`")
            for one in (*item.get("parameters", []), *item[method].get("parameters", [])):
                assert f"| `{one['name']}` | {one['in']} |" in found
            for status in item[method]["responses"]:
                assert f"| {status} |" in found
            for kind in item[method].get("requestBody", {}).get("content", {}):
                assert f"| `{kind}` |" in found


@pytest.mark.parametrize("page", [MESSAGES, CALLS], ids=["messages", "calls"])
def test_no_link_leads_nowhere_and_every_table_is_one(page: str) -> None:
    titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    headings = {re.sub(r"[^a-z0-9_ -]", "", one.lower()).replace(" ", "-") for one in titles}
    assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= headings
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({}, "any value"),
        ({"type": "integer", "minimum": 0, "maximum": 25}, "integer from 0 to 25"),
        ({"type": "integer", "minimum": 0, "maximum": 10**15}, "integer from 0"),
        ({"type": "array", "items": {"type": "string"}}, "list of strings"),
        ({"anyOf": [{"type": "string"}, {"enum": ["a", "b"]}]}, "string or `a`, `b`"),
        ({"type": "string", "format": "binary"}, "bytes"),
    ],
)
def test_a_type_is_said_in_words(schema: dict[str, Any], said: str) -> None:
    field = {"type": "object", "properties": {"it": schema}}
    paths = {"/p": {"get": {"summary": "s", "security": [{}], "responses": {}}}}
    paths["/p"]["get"]["responses"] = {"200": {"description": "d", "content": {"j": {"schema": {"$ref": "#/x/It"}}}}}
    paths["/p"]["get"]["security"] = [{"c": []}]
    parts = {"schemas": {"It": field, "Unused": field}, "securitySchemes": {"c": {"description": "a token"}}}
    page = calls_page({"info": {"title": "t", "description": "d"}, "paths": paths, "components": parts}, "f")
    assert f"| `it` | {said} |  |  |" in page
    assert "Unused" not in page
