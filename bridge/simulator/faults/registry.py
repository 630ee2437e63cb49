"""All faults by name, and the parser for the text form of a fault: `NAME:key=value,...`, as in `sherpa-sim --fault`."""

from __future__ import annotations

import difflib
import math
from dataclasses import fields
from typing import TYPE_CHECKING

from bridge.simulator.errors.http_errors import GATEWAY_PAGE, HTTP_ERRORS
from bridge.simulator.errors.service_errors import RESPONSE_ERRORS, SERVICE_ERRORS
from bridge.simulator.faults.actions import MOMENTS
from bridge.simulator.faults.base import ApiEndpoint, BadHandshake, Fault
from bridge.simulator.faults.session_faults import (
    CommentaryFault,
    ConfirmFault,
    CreateFault,
    DescribedFault,
    ExpireFault,
    HandshakeFault,
    HesitateFault,
    HttpFault,
    McpFault,
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
    CommentaryFault, McpFault, DescribedFault, TranscriptionFault, HesitateFault, StormFault, ExpireFault,
    CloseFault, DropFault, ResetFault, HalfOpenFault, GarbageFault, InvalidUtf8Fault, LatencyFault, BandwidthFault,
    StallFault, DuplicateFault, TruncateFault,
)  # fmt: skip
FAULTS: Mapping[str, type[Fault]] = {fault.name: fault for fault in _ALL}

#: The values that a text setting accepts, if not any text: by `fault.setting` or by `setting`.
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "at": MOMENTS,
    "refuse.code": tuple(SERVICE_ERRORS),
    "reply.code": ("", *RESPONSE_ERRORS, *SERVICE_ERRORS),
    "http.says": ("", GATEWAY_PAGE, *HTTP_ERRORS),
    "handshake.how": tuple(BadHandshake),
    "confirm.how": ("never", "refuse"),
    "reply.how": ("fail", "silence", "echo", "function"),
    "mcp.how": ("unlisted", "protocol", "http", "execution"),
    "transcription.how": ("fail", "never"),
    "described.rate-limits": ("before", "after", "never"),
    "described.conversation": ("yes", "no"),
    "described.padding": ("yes", "no"),
}
#: The smallest and the largest number that a setting accepts, if not any number: by `fault.setting` or by `setting`.
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
    # 1,000,000 s is 11 days, longer than any session or test.
    "seconds": (0, 1_000_000),
    "create.seconds": (-math.inf, 1_000_000),
    "ms": (0, math.inf),
    "jitter": (0, math.inf),
    "retry-after": (0, 1_000_000),
}


#: Close codes that must not appear in a close frame (RFC 6455 7.4.1). 1005 is sent as a close frame without a code.
_NOT_ON_THE_WIRE = frozenset({1004, 1006, 1015})


class FaultError(ValueError):
    """The text names no known fault, or gives it an invalid setting. The message lists what is valid."""


def parse_fault(text: str) -> Fault:
    """Parse `NAME` or `NAME:key=value,key=value`. Raises FaultError."""
    name, _, rest = text.strip().partition(":")
    fault_class = FAULTS.get(name)
    if fault_class is None:
        raise FaultError(f"unknown fault '{name}'{_suggestion(name, FAULTS)}")
    known = {field.name.replace("_", "-"): field for field in fields(fault_class)}
    given: dict[str, object] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if key not in known or not equals:
            raise FaultError(f"fault '{name}' takes {', '.join(f'{word}=…' for word in known)}, not '{pair}'")
        field = known[key]
        given[field.name] = _value(name, key, value, type(field.default))
    return fault_class(**given)


def _value(name: str, key: str, text: str, kind: type) -> object:
    if kind is not str:
        return _number(name, key, text, kind)
    choices = tuple(ApiEndpoint) if key == "on" else _CHOICES.get(f"{name}.{key}", _CHOICES.get(key, ()))
    wrong = [part for part in (text.split("+") if key == "on" else [text]) if choices and part not in choices]
    if wrong and not (key == "on" and text == "all"):
        raise FaultError(f"fault '{name}': {key} takes one of {', '.join(filter(None, choices))}, not '{wrong[0]}'")
    return text


def _number(name: str, key: str, text: str, kind: type) -> float:
    expected = "a whole number" if kind is int else "a number"
    try:
        number: float = kind(text)
    except ValueError:
        raise FaultError(f"fault '{name}': {key} takes {expected}, not '{text}'") from None
    least, most = _BOUNDS.get(f"{name}.{key}", _BOUNDS.get(key, (-math.inf, math.inf)))
    # Compare instead of calling `math.isfinite`, which fails for an integer larger than any float.
    if not least <= number <= most or abs(number) == math.inf:
        raise FaultError(f"fault '{name}': {key} takes {expected}{_range_text(least, most)}, not '{text}'")
    if (name, key) == ("close", "code") and number in _NOT_ON_THE_WIRE:
        raise FaultError(
            f"a close frame cannot carry {text}; to end the connection without a close frame, use drop or reset"
        )
    return number


def _range_text(least: float, most: float) -> str:
    if math.isinf(least):
        return "" if math.isinf(most) else f" up to {most:.0f}"
    return f" from {least:g} up" if math.isinf(most) else f" from {least:g} to {most:.0f}"


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean '{close[0]}'?" if close else "; `sherpa-sim list` lists the faults"


def describe_fault(fault: type[Fault] | Fault) -> str:
    """Write a fault in its text form, a fault class with its defaults: `close:at=ready,nth=1,code=1011,reason=`."""
    values = {
        field.name: field.default if isinstance(fault, type) else getattr(fault, field.name) for field in fields(fault)
    }
    settings = ",".join(f"{name.replace('_', '-')}={_format(value)}" for name, value in values.items())
    return f"{fault.name}:{settings}" if settings else fault.name


def _format(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)
