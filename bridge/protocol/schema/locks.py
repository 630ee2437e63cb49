"""What a gateway must refuse when a field of the session is its own to set: every way to the same effect.

A prompt that a client may not change is changed by `session.instructions`, and also by a stored prompt, by a system
message, by the input of one response, or by the prompt of the transcription. The table lists them all, for every
dialect; its tests generate them again from the schemas. Pure data, and a look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Items that only the side that configures the session may add: they hold tools, and approvals of their use.
_MCP_ITEMS = ("mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools")

#: What no client may set as soon as any field is locked. A stored prompt brings instructions, tools and a voice; the
#: other two write into traces and answers of the owner of the key.
_ALWAYS = "session.prompt response.prompt session.tracing session.include"

#: The paths of an event that have the effect of each lockable field. `item{type=x}` is an item with that value.
_PATHS: Mapping[str, str] = {
    "model": (
        "session.model response.model session.audio.input.transcription.model session.input_audio_transcription.model"
    ),
    "voice": "session.voice session.audio.output.voice response.voice response.audio.output.voice",
    "instructions": (
        "session.instructions response.instructions response.input"
        " session.audio.input.transcription.prompt session.input_audio_transcription.prompt"
        " item{role=system} item{role=developer}"
    ),
    "tools": (
        "session.tools session.tool_choice response.tools response.tool_choice response.input "
        + " ".join(f"item{{type={name}}}" for name in _MCP_ITEMS)
    ),
    "turnDetection": "session.turn_detection session.audio.input.turn_detection",
}

#: Objects that hold locked fields and others, and may not be set to `null`. A transcription may: that turns it off.
_HOLDERS = frozenset({"audio", "input", "output"})

#: The names of `create_session` fields that can be locked.
LOCKABLE_FIELDS: tuple[str, ...] = tuple(_PATHS)


@dataclass(frozen=True, slots=True)
class _Path:
    """One path of the table, read once: clients send events all the time."""

    text: str
    names: tuple[str, ...]
    condition: tuple[str, str] | None
    """A field of the object at the path, and the value that it must have."""


def _read(paths: str) -> tuple[_Path, ...]:
    read = []
    for text in paths.split():
        path, _, condition = text.partition("{")
        key, _, wanted = condition.rstrip("}").partition("=")
        read.append(_Path(text, tuple(path.split(".")), (key, wanted) if condition else None))
    return tuple(read)


_BY_NAME: Mapping[str, tuple[_Path, ...]] = {name: _read(paths) for name, paths in _PATHS.items()}
_WITH_ANY_LOCK = _read(_ALWAYS)


def find_locked_paths(event: Mapping[str, Any], locked: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of a locked field and the path by which the event sets it, such as `voice`, `session.voice`.

    A path counts as set if it is there, whatever its value: `null` sets too. `null` in place of an object that holds
    the field counts as well: nobody knows whether the service takes it for all that is in there.
    """
    for name, paths in _BY_NAME.items():
        if name in locked:
            yield from ((name, path.text) for path in paths if _has(event, path))
    if locked:
        yield from ((path.names[-1], path.text) for path in _WITH_ANY_LOCK if _has(event, path))


def _has(event: Mapping[str, Any], path: _Path) -> bool:
    value: object = event
    for name in path.names:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
        if value is None and name in _HOLDERS:
            return True
    if path.condition is None:
        return True
    key, wanted = path.condition
    return isinstance(value, dict) and value.get(key) == wanted
