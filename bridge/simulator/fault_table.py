"""Every fault by its name, and reading one from text: `NAME:key=value,...`, as `sherpa-sim --fault` takes it."""

from __future__ import annotations

import difflib
import math
from dataclasses import fields
from typing import TYPE_CHECKING

from bridge.simulator.endings import ENDINGS
from bridge.simulator.fault import BadHandshake, Fault, Place
from bridge.simulator.http_errors import PAGE, SAYINGS
from bridge.simulator.session_faults import (
    Confirm,
    Create,
    Expire,
    Handshake,
    Http,
    Refuse,
    Reply,
    Storm,
    Transcription,
)
from bridge.simulator.wire import MOMENTS
from bridge.simulator.wire_faults import (
    Bandwidth,
    CloseAt,
    DropAt,
    Duplicate,
    Garbage,
    HalfOpen,
    InvalidUtf8,
    Latency,
    ResetAt,
    Stall,
    Truncate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ALL: tuple[type[Fault], ...] = (
    Refuse, Http, Handshake, Create, Confirm, Reply, Transcription, Storm, Expire, CloseAt, DropAt, ResetAt, HalfOpen,
    Garbage, InvalidUtf8, Latency, Bandwidth, Stall, Duplicate, Truncate,
)  # fmt: skip
FAULTS: Mapping[str, type[Fault]] = {fault.name: fault for fault in _ALL}

#: The words that a text setting may have, where not every text will do: (fault, setting) or setting -> words.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "at": MOMENTS,
    "refuse.code": tuple(ENDINGS),
    "reply.code": ("", *ENDINGS),
    "http.says": ("", PAGE, *SAYINGS),
    "handshake.how": tuple(BadHandshake),
    "confirm.how": ("never", "refuse"),
    "reply.how": ("fail", "silence", "echo", "function"),
    "transcription.how": ("fail", "never"),
}
#: Settings that something is divided by.
_ABOVE_ZERO = frozenset({"bytes-per-second"})


class FaultError(ValueError):
    """The text names no fault, or gives it a setting that it cannot take. The message says which would do."""


def parse_fault(text: str) -> Fault:
    """Read `NAME` or `NAME:key=value,key=value`. Raises FaultError."""
    name, _, rest = text.strip().partition(":")
    kind = FAULTS.get(name)
    if kind is None:
        raise FaultError(f"unknown fault '{name}'{_near(name, FAULTS)}")
    known = {field.name.replace("_", "-"): field for field in fields(kind)}
    given: dict[str, object] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if key not in known or not equals:
            raise FaultError(f"fault '{name}' takes {', '.join(f'{word}=…' for word in known)}: not '{pair}'")
        field = known[key]
        given[field.name] = _value(name, key, value, type(field.default))
    return kind(**given)


def _value(name: str, key: str, text: str, kind: type) -> object:
    if kind is not str:
        return _number(name, key, text, kind)
    words = tuple(Place) if key == "on" else _WORDS.get(f"{name}.{key}", _WORDS.get(key, ()))
    wrong = [part for part in (text.split("+") if key == "on" else [text]) if words and part not in words]
    if wrong and not (key == "on" and text == "all"):
        raise FaultError(f"fault '{name}': {key} takes one of {', '.join(filter(None, words))}: not '{wrong[0]}'")
    return text


def _number(name: str, key: str, text: str, kind: type) -> float:
    wanted = "a whole number" if kind is int else "a number"
    try:
        number: float = kind(text)
    except ValueError:
        raise FaultError(f"fault '{name}': {key} takes {wanted}, not '{text}'") from None
    if not math.isfinite(number) or (key in _ABOVE_ZERO and number <= 0):
        above = " above 0" if key in _ABOVE_ZERO else ""
        raise FaultError(f"fault '{name}': {key} takes {wanted}{above}, not '{text}'")
    return number


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean '{close[0]}'?" if close else "; `sherpa-sim list` shows them all"


def describe(fault: type[Fault]) -> str:
    """Show a fault's settings with their defaults: `close:at=ready,nth=1,code=1011,reason=`."""
    settings = ",".join(f"{field.name.replace('_', '-')}={_shown(field.default)}" for field in fields(fault))
    return f"{fault.name}:{settings}" if settings else fault.name


def _shown(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)
