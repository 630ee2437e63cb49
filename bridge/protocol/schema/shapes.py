"""The flat (beta) and the nested (GA) shape of sessions, responses and items, and conversion in both directions.

Conversion follows a table and never fails: what has no counterpart is omitted and listed in `untranslated`. It does
not validate values (see `requests.py`). Source: OpenAPI of 2025-04 and 2026-08, Azure's migration guide of 2026-02.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from bridge.protocol.dialects.detection import SessionKind

Path: TypeAlias = tuple[str, ...]

#: The path of each flat field in the nested shape.
FLAT_TO_NESTED: Mapping[str, Path] = {
    "object": ("object",),
    "id": ("id",),
    "expires_at": ("expires_at",),
    "model": ("model",),
    "instructions": ("instructions",),
    "modalities": ("output_modalities",),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "max_response_output_tokens": ("max_output_tokens",),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "tracing": ("tracing",),
    "prompt": ("prompt",),
    "include": ("include",),
    # Of `response.create` only:
    "conversation": ("conversation",),
    "metadata": ("metadata",),
    "input": ("input",),
}
_NESTED_TO_FLAT: Mapping[Path, str] = {path: name for name, path in FLAT_TO_NESTED.items()}

#: Top-level names that only a flat session has, and those that only a nested one has. GA has no `temperature`.
FLAT_ONLY_FIELDS: frozenset[str] = frozenset(
    {name for name, path in FLAT_TO_NESTED.items() if path != (name,)} | {"temperature"}
)
NESTED_ONLY_FIELDS: frozenset[str] = frozenset(
    {path[0] for name, path in FLAT_TO_NESTED.items() if path != (name,)} | {"type"}
)

#: Nested objects that only group other fields.
_GROUPS: frozenset[Path] = frozenset({("audio",), ("audio", "input"), ("audio", "output")})

#: Fields inside a flat field that only GA has. They are omitted in the flat shape.
_GA_ONLY_INSIDE: Mapping[Path, frozenset[str]] = {
    ("audio", "input", "turn_detection"): frozenset({"idle_timeout_ms"}),
    ("audio", "input", "noise_reduction"): frozenset({"strength"}),
    ("audio", "input", "transcription"): frozenset({"delay", "keywords", "languages"}),
}

AUDIO_FORMATS: Mapping[str, Mapping[str, Any]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_FORMAT_NAMES: Mapping[str, str] = {str(nested["type"]): flat for flat, nested in AUDIO_FORMATS.items()}

#: Beta to GA names of an assistant's content parts. Other roles' parts and `response.content_part.*` do not change.
GA_ASSISTANT_PARTS: Mapping[str, str] = {"text": "output_text", "audio": "output_audio"}
_FLAT_PARTS: Mapping[str, str] = {nested: flat for flat, nested in GA_ASSISTANT_PARTS.items()}

#: The value of `session.type` in GA. The flat shape has no such field.
SESSION_TYPES: Mapping[SessionKind, str] = {
    SessionKind.CONVERSATION: "realtime",
    SessionKind.TRANSCRIPTION: "transcription",
}


@dataclass(frozen=True, slots=True)
class TranslatedShape:
    """A session, response or item in the other shape."""

    fields: dict[str, Any]
    untranslated: tuple[str, ...]
    """Paths in the original that have no counterpart: `temperature`, `tools[1]`."""


def session_to_nested(flat: Mapping[str, Any], kind: SessionKind = SessionKind.CONVERSATION) -> TranslatedShape:
    """Convert a beta session to the GA shape, with its `type`. `["audio", "text"]` becomes `["audio"]`."""
    fields, lost = _flat_to_nested(flat)
    return TranslatedShape({"type": SESSION_TYPES[kind], **fields}, lost)


def session_to_flat(nested: Mapping[str, Any]) -> TranslatedShape:
    """Convert a GA session to the beta shape, without its `type`: in the beta, the name of the event says it."""
    fields, lost = _nested_to_flat({name: value for name, value in nested.items() if name != "type"})
    return TranslatedShape(fields, lost)


def response_to_nested(flat: Mapping[str, Any]) -> TranslatedShape:
    """Convert the `response` of a beta `response.create` to the GA shape."""
    return TranslatedShape(*_flat_to_nested(flat))


def response_to_flat(nested: Mapping[str, Any]) -> TranslatedShape:
    """Convert the `response` of a GA `response.create` to the beta shape."""
    return TranslatedShape(*_nested_to_flat(nested))


def item_to_nested(item: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a conversation item to the GA shape, where an assistant's `text` is `output_text`."""
    return _with_parts(item, GA_ASSISTANT_PARTS)


def item_to_flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a conversation item to the beta shape."""
    return _with_parts(item, _FLAT_PARTS)


def _flat_to_nested(flat: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    nested: dict[str, Any] = {}
    lost = []
    for name, value in flat.items():
        path = FLAT_TO_NESTED.get(name)
        if path is None:
            lost.append(name)
        else:
            _put(nested, path, _TO_NESTED.get(name, _unchanged)(value))
    return nested, tuple(lost)


def _nested_to_flat(nested: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    flat: dict[str, Any] = {}
    lost: list[str] = []
    for path, value in _fields(nested):
        name = _NESTED_TO_FLAT.get(path)
        if name is None or not _fits_flat(name, value):
            lost.append(".".join(path))
            continue
        kept, lost_inside = _stripped(path, value)
        lost += lost_inside
        flat[name] = _TO_FLAT.get(name, _unchanged)(kept)
    return flat, tuple(lost)


def _fields(node: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for name, value in node.items():
        here = (*path, name)
        if here in _GROUPS and isinstance(value, Mapping):
            yield from _fields(value, here)
        else:
            yield here, value


def _put(nested: dict[str, Any], path: Path, value: object) -> None:
    *groups, name = path
    for group in groups:
        nested = nested.setdefault(group, {})
    nested[name] = value


def _fits_flat(name: str, value: object) -> bool:
    """Whether the flat shape can express a value: not a custom voice (an object with an id) or an unknown format."""
    match name, value:
        case "voice", Mapping():
            return False
        case (("input_audio_format" | "output_audio_format"), {"type": str(kind)}):
            return kind in _FORMAT_NAMES
        case _:
            return True


def _stripped(path: Path, value: object) -> tuple[object, list[str]]:
    """Remove from a field what only GA has inside it. Return the rest, and the paths of what was removed."""
    if path == ("tools",) and isinstance(value, list):
        foreign = [index for index, tool in enumerate(value) if tool.get("type") == "mcp"]
        return [tool for tool in value if tool.get("type") != "mcp"], [f"tools[{index}]" for index in foreign]
    inside = _GA_ONLY_INSIDE.get(path)
    if inside is None or not isinstance(value, Mapping):
        return value, []
    kept = {name: held for name, held in value.items() if name not in inside}
    return kept, [".".join((*path, name)) for name in value if name in inside]


def _unchanged(value: Any) -> Any:
    return value


def _format_to_nested(name: Any) -> Any:
    return dict(AUDIO_FORMATS[name]) if name in AUDIO_FORMATS else name


def _format_to_flat(audio_format: Any) -> Any:
    return _FORMAT_NAMES[audio_format["type"]] if isinstance(audio_format, Mapping) else audio_format


def _modalities_to_nested(modalities: Any) -> Any:
    return ["audio"] if isinstance(modalities, list) and "audio" in modalities else modalities


def _modalities_to_flat(modalities: Any) -> Any:
    return ["audio", "text"] if isinstance(modalities, list) and "audio" in modalities else modalities


def _with_parts(item: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if item.get("role") != "assistant" or not isinstance(item.get("content"), list):
        return dict(item)
    parts = [{**part, "type": names.get(part.get("type"), part.get("type"))} for part in item["content"]]
    return {**item, "content": parts}


def _items_to_nested(items: Any) -> Any:
    return [item_to_nested(item) for item in items] if isinstance(items, list) else items


def _items_to_flat(items: Any) -> Any:
    return [item_to_flat(item) for item in items] if isinstance(items, list) else items


#: Fields whose values differ between the shapes, not only their paths.
_TO_NESTED: Mapping[str, Callable[[Any], Any]] = {
    "modalities": _modalities_to_nested,
    "input_audio_format": _format_to_nested,
    "output_audio_format": _format_to_nested,
    "input": _items_to_nested,
}
_TO_FLAT: Mapping[str, Callable[[Any], Any]] = {
    "modalities": _modalities_to_flat,
    "input_audio_format": _format_to_flat,
    "output_audio_format": _format_to_flat,
    "input": _items_to_flat,
}
