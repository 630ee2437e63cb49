"""Text frames of clients, at both endpoints, with every set of locks: what goes up never means more than was judged.

The oracle shares nothing with the bridge's table of locks. It looks for any name, anywhere in the event that would go
up, that could set what is locked, whatever its case and punctuation, so it is stricter than the service can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.core.events import BadMessage, ClientAudio, ClientNative, CreateSession
from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.schema.known_fields import is_client_event
from bridge.server.clients.json_messages import parse_client_frame
from bridge.server.clients.native_messages import parse_native_frame
from bridge.upstream.session_config import SessionConfig
from tests.fuzz.strict_json import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bridge.core.events import Event

#: What sets each lockable field, with everything but letters removed.
_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "model": frozenset({"model"}),
    "voice": frozenset({"voice"}),
    "instructions": frozenset({"instructions"}),
    "tools": frozenset({"tools", "toolchoice"}),
    "turnDetection": frozenset({"turndetection"}),
}
_ALWAYS: Final = frozenset({"prompt", "tracing", "include"})
#: The order of the bits in a frame's first byte.
LOCKS: Final = tuple(_NAMES)
#: Free text and data, whose members mean nothing to the service.
_DATA: Final = frozenset({"metadata", "variables", "parameters", "arguments", "output"})
#: What the configuration of a session becomes of a client's options, each with all locks.
_ENFORCED: Final = SessionConfig(
    enforced={"model": "ours", "voice": "cedar", "instructions": "Ours.", "tools": [], "turnDetection": "none"}
)


def check_client_frame(data: bytes) -> None:
    """Check a frame of the client endpoint. The first byte chooses the locks."""
    _check(data, parse_client_frame)


def check_native_frame(data: bytes) -> None:
    """Check a frame of the native endpoint. The first byte chooses the locks."""
    _check(data, parse_native_frame)


def _check(data: bytes, parse: Callable[[bytes, frozenset[str]], Event]) -> None:
    locked = _locks(data[0] if data else 0)
    event = parse(data[1:], locked)
    match event:
        case ClientNative(kind, frame, body):
            sent = read(frame)
            assert sent == body, "what goes up is not what was judged"
            assert sent["type"] == kind
            if locked:
                assert is_client_event(kind), f"{kind!r} is no event of the API"
                assert not (found := list(_lifted(sent, locked))), f"{found} went up with {sorted(locked)} locked"
        case ClientAudio(pcm):
            assert len(pcm) % 2 == 0
        case CreateSession(options):
            _check_options(options, locked)
        case BadMessage(code, message):
            assert code == "INVALID_MESSAGE"
            assert message
            assert len(message) < 600, "the answer to rubbish is long"
        case _:
            pass


def _check_options(options: Mapping[str, Any], locked: frozenset[str]) -> None:
    assert not locked & options.keys()
    for dialect in (Dialect.GA, Dialect.BETA):
        SessionConfig().build_update(dialect, options, {})
        session = _ENFORCED.build_update(dialect, options, {})["session"]
        instructions = str(session.get("instructions", "Ours."))
        assert instructions.startswith("Ours.")
        assert instructions.count('"') <= 2, "a name ends its quote"
        assert "model" not in session


def _locks(bits: int) -> frozenset[str]:
    return frozenset(name for number, name in enumerate(LOCKS) if bits >> number & 1)


def _lifted(event: Mapping[str, Any], locked: frozenset[str]) -> Iterator[str]:
    """Yield what could set a locked field."""
    wanted = _ALWAYS.union(*(_NAMES[name] for name in locked))
    yield from _named(event, wanted)
    if "instructions" in locked or "tools" in locked:
        yield from (name for name in _letters_of(event.get("response")) if name == "input")
    item = event.get("item")
    if not isinstance(item, dict):
        return
    if "instructions" in locked and str(item.get("role")).strip().casefold() not in {"user", "assistant", "none"}:
        yield f"role {item.get('role')!r}"
    if "tools" in locked and str(item.get("type")).strip().casefold().startswith("mcp"):
        yield f"item {item.get('type')!r}"


def _named(value: object, wanted: frozenset[str]) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            plain = _letters(name)
            if plain in wanted:
                yield name
            if plain not in _DATA or (isinstance(inner, dict) and plain == "output"):
                yield from _named(inner, wanted)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, wanted)


def _letters_of(value: object) -> list[str]:
    return [_letters(name) for name in value] if isinstance(value, dict) else []


def _letters(name: str) -> str:
    return "".join(mark for mark in name.casefold() if mark.isalpha())
