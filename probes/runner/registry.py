"""The table of probes, and the names of their checks.

A probe is an async generator function: it takes a target and yields findings, timelines, metrics and series. It has the
probe's name and is in the module `probes.<name>.probe`, which is imported only when the probe runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from probes.runner.findings import ProbeItem


class ProbeFunction(Protocol):
    """The type of a probe: an async generator function that yields items as it makes them.

    An exception becomes the finding `PROBE-CRASHED`. Cancelling a probe closes its connections.
    """

    def __call__(self, target: Any, /) -> AsyncGenerator[ProbeItem, None]:
        """Check the target, which has the type that the command's opener makes."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe's name, and the question that it answers."""

    name: str
    question: str
    needs: tuple[str, ...] = ()
    """What must not fail before this probe starts, if several run: a probe, or one row of it such as `access:key`."""

    @property
    def function(self) -> ProbeFunction:
        """The probe's function, imported on first use."""
        return cast("ProbeFunction", getattr(import_module(f"probes.{self.name}.probe"), self.name))


PROBES: Mapping[str, Probe] = {
    probe.name: probe
    for probe in (
        Probe("access", "can this key open a session?"),
        Probe("models", "which realtime models can this key use, and which of them retire?", needs=("access:model",)),
        Probe("events", "does a session emit the right events in the right order?", needs=("access",)),
        Probe("bridge", "does a running bridge work, end to end?"),
        Probe("smoke", "is this ready to deploy?"),
    )
}  # fmt: skip

#: The rows of each probe, from which the codes of passed and skipped checks are made.
CHECK_NAMES: Mapping[str, tuple[str, ...]] = {
    "access": ("name", "tcp, tls", "key", "model", "mint", "upgrade", "session", "confirm", "auth"),
    "models": ("key", "realtime", "transcription", "translation", "live", "require", "model"),
    "events": (
        *("connect", "session", "ready", "events", "order", "answer", "transcript", "audio", "function", "end"),
    ),
    "bridge": (
        *("name", "tcp, tls", "health", "upgrade", "connected", "ping", "session", "speech in", "speech out"),
        *("early speech", "tracer", "events", "errors", "end", "again", "timestamps", "fields", "close"),
        *("reconnection", "late events", "service errors", "retries", "leaks"),
    ),
    "replay": ("connect", "played", "order", "end"),
}
#: The row of a probe that was skipped as a whole because another probe failed.
ALL_CHECKS = "all"
