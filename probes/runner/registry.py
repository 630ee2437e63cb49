"""The probes, by name: one line each. A probe is an async function of a Target that yields what it has to tell.

The function has the probe's name and stands in `probes.<name>.probe`; it is imported when it is wanted, so that
naming the probes costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from probes.runner.findings import ProbeItem


class ProbeFunction(Protocol):
    """What a probe is: it yields what it has to tell as it comes, and never more than one task's worth of surprise.

    Whatever it raises becomes a finding `PROBE-CRASHED`. Cancelling it closes what it holds open.
    """

    def __call__(self, target: Any, /) -> AsyncGenerator[ProbeItem, None]:
        """Look at the target."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe by name, with the question it answers."""

    name: str
    question: str
    needs: tuple[str, ...] = ()
    """What must hold before it is worth asking, where several probes run: a probe, or one row of it, `access:key`."""

    @property
    def function(self) -> ProbeFunction:
        """Import the probe's function."""
        return cast("ProbeFunction", getattr(import_module(f"probes.{self.name}.probe"), self.name))


PROBES: Mapping[str, Probe] = {
    probe.name: probe
    for probe in (
        Probe("access", "can this key open a session here?"),
        Probe("models", "which realtime models can this key use, and which of them retire?", needs=("access:model",)),
        Probe("events", "does a session emit the right events in the right order?", needs=("access",)),
        Probe("bridge", "does a running bridge work, end to end?"),
        Probe("smoke", "may this be deployed?"),
    )
}  # fmt: skip
