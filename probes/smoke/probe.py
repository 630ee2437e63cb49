"""The probe `smoke`, the check before a deploy: runs access, models, events and, if one is named, bridge.

Without a bridge, the report says that it was not checked.

The probes run in parallel as far as their requirements allow. Each problem is reported once: probes and checks that
need a failed one are skipped with its name, and a problem that a second probe finds again becomes a note.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from probes.access.model_judge import WARN_DAYS
from probes.problems.service import MODEL_NOT_LISTED, NO_REALTIME_MODELS
from probes.runner.findings import CheckRow, evidence_of
from probes.runner.parallel import ParallelProbe, run_parallel
from probes.runner.registry import ALL_CHECKS, PROBES
from reports.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from probes.runner.findings import ProbeItem
    from probes.targets.bridge import BridgeTarget
    from probes.targets.service import ServiceTarget

#: How severe an outcome is; outcomes that aren't here aren't problems.
_WEIGHT: Mapping[Severity, int] = {Severity.WARNING: 1, Severity.ERROR: 2, Severity.FAIL: 2}
#: Probes of the same service: if two of them find a problem, it is the same one. Problems of a bridge are separate.
_OF_ONE_SERVICE = frozenset({"access", "models", "events"})
#: A model that isn't listed: `access` opens a session with it, and `models` only knows the list.
_SETTLED_BY_SESSION = frozenset({MODEL_NOT_LISTED.slug, NO_REALTIME_MODELS.slug})


async def smoke(
    target: ServiceTarget,
    *,
    bridge: BridgeTarget | None = None,
    require: Sequence[str] = (),
    warn_days: int = WARN_DAYS,
    script: str = "text",
) -> AsyncGenerator[ProbeItem, None]:
    """Run the probes and yield their items. Cancelling closes all connections.

    Iterate and close the generator as `run_parallel` describes. `require` and `warn_days` are for models, `script` is
    for events.
    """
    probes = [
        service_probe("access", target),
        service_probe("models", target, require=require, warn_days=warn_days),
        service_probe("events", target, script=script),
    ]
    if bridge is not None:
        from probes.bridge.probe import bridge as check_bridge  # noqa: PLC0415 - imports what only a bridge needs

        probes.append(ParallelProbe(name="bridge", run=partial(check_bridge, bridge)))
    async with aclosing(without_duplicates(run_parallel(probes))) as items:
        async for item in items:
            yield item
    if bridge is None:
        yield CheckRow("bridge", ALL_CHECKS).not_checked("your bridge", "sherpa-probe smoke --bridge URL")


def service_probe(
    name: str, target: ServiceTarget, *, alongside: Sequence[str] | None = None, **more: object
) -> ParallelProbe:
    """Make a parallel probe of the service, with the requirements that the registry has for it.

    `alongside` names the probes that run with it (None: all). Requirements on other probes are dropped. `more` goes to
    the probe's function.
    """
    function: Callable[..., AsyncGenerator[ProbeItem, None]] = PROBES[name].function
    needs = PROBES[name].needs
    met = needs if alongside is None else tuple(need for need in needs if need.partition(":")[0] in alongside)
    return ParallelProbe(name=name, run=partial(function, target, **more), needs=met)


async def without_duplicates(items: AsyncGenerator[ProbeItem, None]) -> AsyncGenerator[ProbeItem, None]:
    """Pass the items on; a problem that another probe has reported before, at least as severe, becomes a note."""
    first: dict[str, Finding] = {}
    async with aclosing(items) as in_order:
        async for item in in_order:
            yield _first_or_note(item, first) if isinstance(item, Finding) else item


def _first_or_note(finding: Finding, first: dict[str, Finding]) -> Finding:
    """Return the finding, or a note if `first` has its problem from another probe. Adds new problems to `first`."""
    slug = finding.code.removeprefix(f"{finding.probe.upper()}-")
    if finding.severity not in _WEIGHT or finding.probe not in _OF_ONE_SERVICE or slug == finding.code:
        return finding
    known = first.setdefault(slug, finding)
    settled = slug in _SETTLED_BY_SESSION and finding.check != "require"
    worse = _WEIGHT[finding.severity] > _WEIGHT[known.severity] and not settled
    return finding if known.probe == finding.probe or worse else _note(finding, known)


def _note(finding: Finding, known: Finding) -> Finding:
    """Make the note that this probe found the problem, too."""
    reported = evidence_of("reported by", f"{known.probe}: {known.check} ({known.code})")
    title = f"found here, too: {finding.title}"
    evidence = (*finding.evidence, reported)
    return replace(finding, severity=Severity.INFO, title=title, evidence=evidence, cause="", fix="", link="")
