"""Every fault by its name, and reading one from text: `NAME:key=value,...`, as `sherpa-sim --fault` takes it."""

from __future__ import annotations

import difflib
import math
from dataclasses import fields
from typing import TYPE_CHECKING

from bridge.simulator.errors.http_errors import GATEWAY_PAGE, HTTP_ERRORS
from bridge.simulator.errors.service_errors import SERVICE_ERRORS
from bridge.simulator.faults.base import ApiEndpoint, BadHandshake, Fault
from bridge.simulator.faults.pipeline import MOMENTS
from bridge.simulator.faults.session_faults import (
    ConfirmFault,
    CreateFault,
    DescribedFault,
    ExpireFault,
    HandshakeFault,
    HttpFault,
    PaceFault,
    RefuseFault,
    ReplyFault,
    SayFault,
    StormFault,
    TranscriptionFault,
)
from bridge.simulator.faults.wire_faults import (
    BandwidthFault,
    CloseFault,
    DropFault,
    DuplicateFault,
    GarbageFault,
    HalfOpenFault,
    InvalidUtf8Fault,
    LatencyFault,
    ResetFault,
    StallFault,
    TruncateFault,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ALL: tuple[type[Fault], ...] = (
    RefuseFault, HttpFault, HandshakeFault, CreateFault, ConfirmFault, ReplyFault, SayFault, PaceFault,
    DescribedFault, TranscriptionFault, StormFault, ExpireFault, CloseFault, DropFault, ResetFault, HalfOpenFault,
    GarbageFault, InvalidUtf8Fault, LatencyFault, BandwidthFault, StallFault, DuplicateFault, TruncateFault,
)  # fmt: skip
FAULTS: Mapping[str, type[Fault]] = {fault.name: fault for fault in _ALL}

#: The words that a text setting may have, where not every text will do: (fault, setting) or setting -> words.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "at": MOMENTS,
    "refuse.code": tuple(SERVICE_ERRORS),
    "reply.code": ("", *SERVICE_ERRORS),
    "http.says": ("", GATEWAY_PAGE, *HTTP_ERRORS),
    "handshake.how": tuple(BadHandshake),
    "confirm.how": ("never", "refuse"),
    "reply.how": ("fail", "silence", "echo", "function"),
    "transcription.how": ("fail", "never"),
    "described.rate-limits": ("before", "after", "never"),
    "described.conversation": ("yes", "no"),
    "described.padding": ("yes", "no"),
}
#: What a number may be, least and most, where not every number will do: (fault, setting) or setting -> bounds.
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "http.status": (200, 599),
    "close.code": (1000, 4999),
    "bytes-per-second": (1, math.inf),
    "per-second": (0.01, 1000),
    "rate": (0, 1),
    "nth": (0, math.inf),
    "pace.times": (0.01, 1000),
    "times": (0, math.inf),
    "after": (0, math.inf),
    # Eleven days; the time of a session and of a test ends long before.
    "seconds": (0, 1_000_000),
    "create.seconds": (-math.inf, 1_000_000),
    "ms": (0, math.inf),
    "jitter": (0, math.inf),
    "retry-after": (0, 1_000_000),
}


#: Close codes that stand for what no frame said (RFC 6455 7.4.1). 1005 is sent as a close frame without a code.
_NOT_ON_THE_WIRE = frozenset({1004, 1006, 1015})


class FaultError(ValueError):
    """The text names no fault, or gives it a setting that it cannot take. The message says which would do."""


def parse_fault(text: str) -> Fault:
    """Read `PROGRAM` or `NAME:key=value,key=value`. Raises FaultError."""
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
    words = tuple(ApiEndpoint) if key == "on" else _WORDS.get(f"{name}.{key}", _WORDS.get(key, ()))
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
    least, most = _BOUNDS.get(f"{name}.{key}", _BOUNDS.get(key, (-math.inf, math.inf)))
    # Compared, not asked `isfinite`: a whole number may be larger than any float.
    if not least <= number <= most or abs(number) == math.inf:
        raise FaultError(f"fault '{name}': {key} takes {wanted}{_between(least, most)}, not '{text}'")
    if (name, key) == ("close", "code") and number in _NOT_ON_THE_WIRE:
        raise FaultError(f"no close frame can carry {text}: for an end without one take drop or reset")
    return number


def _between(least: float, most: float) -> str:
    if math.isinf(least):
        return "" if math.isinf(most) else f" up to {most:.0f}"
    return f" from {least:g} up" if math.isinf(most) else f" from {least:g} to {most:.0f}"


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean '{close[0]}'?" if close else "; `sherpa-sim list` shows them all"


def describe_fault(fault: type[Fault] | Fault) -> str:
    """Show a fault as it is written, a kind of fault with its defaults: `close:at=ready,nth=1,code=1011,reason=`."""
    values = {
        field.name: field.default if isinstance(fault, type) else getattr(fault, field.name) for field in fields(fault)
    }
    settings = ",".join(f"{name.replace('_', '-')}={_shown(value)}" for name, value in values.items())
    return f"{fault.name}:{settings}" if settings else fault.name


def _shown(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)
