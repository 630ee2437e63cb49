"""`python -m bridge.client_protocol DIRECTORY`: write the documents of the protocol there, and their pages.

The documents are JSON: a JSON Schema, an AsyncAPI and an OpenAPI document. The pages are the last two as Markdown.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge.client_protocol.openapi import openapi
from bridge.client_protocol.reference import calls_page, messages_page
from bridge.client_protocol.schema import asyncapi, json_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _document(make: Callable[[], Mapping[str, Any]]) -> str:
    return json.dumps(make(), indent=2, ensure_ascii=False) + "\n"


DOCUMENTS: Final[Mapping[str, Callable[[], str]]] = {
    "client-protocol.schema.json": partial(_document, json_schema),
    "client-protocol.asyncapi.json": partial(_document, asyncapi),
    "client-protocol.openapi.json": partial(_document, openapi),
    "client-messages.md": lambda: messages_page(asyncapi(), "client-protocol.asyncapi.json"),
    "fallback-calls.md": lambda: calls_page(openapi(), "client-protocol.openapi.json"),
}
"""The text of each file, by its name."""


if __name__ == "__main__":
    for name, text in DOCUMENTS.items():
        (Path(sys.argv[1]) / name).write_text(text())
