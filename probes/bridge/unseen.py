"""What one client can't see of a bridge, with the command that checks it. Reports list it as not checked.

A bridge can pass every check of this probe and still lose speech in a reconnection: the probe doesn't control the
service behind the bridge. The load scenarios below do: start the bridge on `sherpa-sim serve --control`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.runner.findings import CheckRow
from probes.targets.bridge import EndpointKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.targets.bridge import BridgeTarget
    from reports.model import Finding


@dataclass(frozen=True, slots=True)
class UnseenQuality:
    """One quality of a bridge that its clients can't check alone."""

    check: str
    what: str
    scenario: str
    """The load scenario that checks it."""
    needs_control: bool = True
    """Whether that scenario makes the service fail, through the control API of a simulator behind the bridge."""


#: One row each. The only place that names these commands.
UNSEEN = (
    UnseenQuality("reconnection", "a lost upstream session is restored", "reconnect-storm"),
    UnseenQuality("late events", "no event of a lost session arrives late", "flapping"),
    UnseenQuality("service errors", "the service's errors reach the client", "error-flood"),
    UnseenQuality("retries", "attempts back off, and end", "thundering-herd"),
    UnseenQuality("leaks", "ended calls leave nothing behind", "soak", needs_control=False),
)


def unseen_rows(target: BridgeTarget) -> Iterator[Finding]:
    """Yield a row for everything that a run against this bridge doesn't check."""
    for quality in UNSEEN:
        yield CheckRow("bridge", quality.check).not_checked(quality.what, command_for(target, quality))


def command_for(target: BridgeTarget, quality: UnseenQuality) -> str:
    """Return the command that checks a quality of this bridge. The URL's query, which may hold a token, is left out."""
    if target.scenario:
        return f"sherpa-load run {quality.scenario} --simulate"
    endpoint = " --endpoint native" if target.endpoint_kind is EndpointKind.NATIVE else ""
    control = " --control http://SIMULATOR" if quality.needs_control else ""
    address = f"{target.endpoint.scheme}://{target.endpoint.authority}"
    return f"sherpa-load run {quality.scenario} --target {address}{endpoint}{control}"
