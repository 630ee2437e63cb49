"""`python -m bridge.client_protocol DIRECTORY`: write the JSON Schema, the AsyncAPI and the OpenAPI document there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge.client_protocol.openapi import openapi
from bridge.client_protocol.schema import asyncapi, json_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOCUMENTS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "client-protocol.schema.json": json_schema,
    "client-protocol.asyncapi.json": asyncapi,
    "client-protocol.openapi.json": openapi,
}
"""The documents by file name."""


def document_text(document: Mapping[str, Any]) -> str:
    """Write a document as its file has it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, make in DOCUMENTS.items():
        (Path(sys.argv[1]) / name).write_text(document_text(make()))
