"""The AsyncAPI and the OpenAPI document as pages for people, in Markdown. Pure: a document in, text out.

Everything on the pages is in the documents, so the pages are never ahead of them. It renders what these two documents
use, and is no general tool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The columns of a table of fields, behind their names.
_FIELD_HEADS: Final = ("type", "required", "meaning")
#: More kinds of body than this are all that there are.
_MANY: Final = 4
_METHODS: Final = ("get", "post", "delete")
_NOTE: Final = "Made from [{file}]({file}) by `python -m bridge.client_protocol docs`; don't edit it."


def messages_page(document: Mapping[str, Any], file: str) -> str:
    """Render the AsyncAPI document: each message with its fields, by who sends it."""
    parts = [f"# Reference: {document['info']['title']}", _NOTE.format(file=file), document["info"]["description"]]
    for operation in document["operations"].values():
        parts.append(f"## {operation['summary'].rstrip('.')}")
        for reference in operation["messages"]:
            message = document["components"]["messages"][_name(reference)]
            title = f"`{message['name']}`" if "name" in message else _spaced(_name(reference))
            parts += [f"### {title}", message["summary"]]
            parts += _table(_fields(document, message["payload"], skip="type"), "field", *_FIELD_HEADS)
    return "\n\n".join(parts) + "\n"


def calls_page(document: Mapping[str, Any], file: str) -> str:
    """Render the OpenAPI document: each call with its parameters, bodies and answers."""
    parts = [f"# Reference: {document['info']['title']}", _NOTE.format(file=file), document["info"]["description"]]
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                parts += _call(document, f"{method.upper()} {path}", item[method], item.get("parameters", []))
    parts.append("## What the bodies hold")
    for name, schema in document["components"]["schemas"].items():
        if any(one.endswith(f"/{name}") for one in _references(document["paths"])) and "properties" in schema:
            parts += [f"### {name}", *_table(_fields(document, schema), "field", *_FIELD_HEADS)]
    return "\n\n".join(parts) + "\n"


def _call(
    document: Mapping[str, Any], title: str, call: Mapping[str, Any], shared: list[Mapping[str, Any]]
) -> Iterator[str]:
    yield f"## `{title}`"
    yield call["summary"]
    credentials = [next(iter(one), "") for one in call["security"]]
    needed = [document["components"]["securitySchemes"][one]["description"] for one in credentials if one]
    optional = " It can be left out where the bridge asks for none." if "" in credentials else ""
    yield f"`Authorization: Bearer`: {needed[0]}{optional}"
    rows = [
        (f"`{one['name']}`", one["in"], _type(one["schema"]), _needed(one.get("required", False)), one["description"])
        for one in (*shared, *call.get("parameters", []))
    ]
    yield from _table(rows, "parameter", "in", *_FIELD_HEADS)
    bodies = call.get("requestBody", {}).get("content", {})
    kinds = [(f"`{kind}`", _body(content["schema"])) for kind, content in bodies.items()]
    yield from _table(kinds, "body", "what it holds")
    answers = [(status, *_answer(answer)) for status, answer in sorted(call["responses"].items())]
    yield from _table(answers, "status", "meaning", "body")


def _answer(answer: Mapping[str, Any]) -> tuple[str, str]:
    kinds = [f"`{kind}`: {_body(content['schema'])}" for kind, content in answer.get("content", {}).items()]
    return answer["description"], "; ".join(kinds)


def _body(schema: Mapping[str, Any]) -> str:
    if "description" in schema:
        return str(schema["description"])
    if "anyOf" in schema and len(schema["anyOf"]) > _MANY:
        return "any message of a client"
    return _type(schema)


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any], skip: str = "") -> list[tuple[str, str, str, str]]:
    """Return name, type, whether it is required, and description of each field."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][_name(schema)]
    required = schema.get("required", ())
    return [
        (f"`{name}`", _type(field), _needed(name in required), field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
        if name != skip
    ]


def _type(schema: Mapping[str, Any]) -> str:
    """Say what a value may be."""
    if "$ref" in schema:
        return f"[{_name(schema)}](#{_name(schema).lower()})" if not _name(schema).endswith("Code") else "error code"
    if "anyOf" in schema:
        kinds = dict.fromkeys(_type(one) for one in schema["anyOf"])
        return " or ".join(kinds)
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    kind = str(schema.get("type", "any value"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}s"
    if schema.get("format") == "binary":
        return "bytes"
    bounds = (f"from {schema['minimum']}" if schema.get("minimum", -1) >= 0 else "", _most(schema.get("maximum")))
    return " ".join((kind, *filter(None, bounds)))


def _most(maximum: float | None) -> str:
    return f"to {maximum}" if maximum is not None and maximum < 10**6 else ""


def _needed(required: object) -> str:
    return "yes" if required else ""


def _table(rows: Sequence[Sequence[str]], *heads: str) -> Iterator[str]:
    """Render a table; nothing for none."""
    if not rows:
        return
    lines = [heads, ("---",) * len(heads), *rows]
    yield "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _references(value: object) -> Iterator[str]:
    """Yield every reference in a part of a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _spaced(name: str) -> str:
    """Write `binaryAudio` as `Binary audio`."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[:1].upper() + words[1:]
