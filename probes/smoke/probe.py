"""The probe `smoke`, the gate before a deploy: access, models, events and, where one is named, the bridge.

They run side by side as far as they can, and nothing is reported beside its cause: what hangs behind a failed check is
skipped with its name, and what two of them see of one thing is told by the first. It looks at nothing itself.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from probes.access.model_judge import WARN_DAYS
from probes.runner.findings import evidence_of
from probes.runner.parallel import ParallelProbe, run_parallel
from probes.runner.registry import PROBES
from reports.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from probes.runner.findings import ProbeItem
    from probes.targets.bridge import BridgeTarget
    from probes.targets.service import ServiceTarget

#: How bad an outcome is; what is not here is no trouble.
_WEIGHT: Mapping[Severity, int] = {Severity.WARNING: 1, Severity.ERROR: 2, Severity.FAIL: 2}
#: Probes of one and the same service: what two of these see is one thing. A bridge's own troubles are its own.
_OF_ONE_SERVICE = frozenset({"access", "models", "events"})


async def smoke(
    target: ServiceTarget,
    *,
    bridge: BridgeTarget | None = None,
    require: Sequence[str] = (),
    warn_days: int = WARN_DAYS,
    script: str = "text",
) -> AsyncGenerator[ProbeItem, None]:
    """Look at all of it. Cancelling closes whatever is open; take its items as `together` wants it."""
    parts = [
        service_probe("access", target),
        service_probe("models", target, require=require, warn_days=warn_days),
        service_probe("events", target, script=script),
    ]
    if bridge is not None:
        from probes.bridge.probe import bridge as look_at_bridge  # noqa: PLC0415 - costs what only a bridge needs

        parts.append(ParallelProbe(name="bridge", run=partial(look_at_bridge, bridge)))
    async with aclosing(without_duplicates(run_parallel(parts))) as all_told:
        async for told in all_told:
            yield told


def service_probe(
    name: str, target: ServiceTarget, *, alongside: Sequence[str] | None = None, **more: object
) -> ParallelProbe:
    """Make a part of a probe of the service, with the needs that the table gives it.

    `alongside` names the probes that run beside it, all of them where None: needs that none of these could meet are
    void.
    """
    look: Callable[..., AsyncGenerator[ProbeItem, None]] = PROBES[name].function
    needs = PROBES[name].needs
    met = needs if alongside is None else tuple(need for need in needs if need.partition(":")[0] in alongside)
    return ParallelProbe(name=name, run=partial(look, target, **more), needs=met)


async def without_duplicates(all_told: AsyncGenerator[ProbeItem, None]) -> AsyncGenerator[ProbeItem, None]:
    """Pass on what is told; what another probe has told before, at least as badly, becomes a remark."""
    first: dict[str, Finding] = {}
    async with aclosing(all_told) as told_in_order:
        async for told in told_in_order:
            yield _heard(told, first) if isinstance(told, Finding) else told


def _heard(finding: Finding, first: dict[str, Finding]) -> Finding:
    """Give the finding, or a remark in its place where `first`, which it adds to, holds the same from another probe."""
    slug = finding.code.removeprefix(f"{finding.probe.upper()}-")
    if finding.severity not in _WEIGHT or finding.probe not in _OF_ONE_SERVICE or slug == finding.code:
        return finding
    known = first.setdefault(slug, finding)
    worse = _WEIGHT[finding.severity] > _WEIGHT[known.severity]
    return finding if known.probe == finding.probe or worse else _remark(finding, known)


def _remark(told: Finding, known: Finding) -> Finding:
    """Say that this was seen here too."""
    said = evidence_of("told by", f"{known.probe}: {known.check} ({known.code})")
    title = f"seen here too: {told.title}"
    return replace(
        told, severity=Severity.INFO, title=title, evidence=(*told.evidence, said), cause="", fix="", link=""
    )
