"""What callers saw, as evidence, and commands with the target's address and codes filled in. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from loadtests.results.resources import TARGET_PROCESS
from reports.model import Evidence, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.results.aggregator import RunAggregator
    from loadtests.scenarios.plan import RunPlan

#: How many failure messages are shown.
_MAX_SHOWN = 3
#: A code that can be looked up: the target chooses what it sends.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,60}")


def with_target_url(finding: Finding, plan: RunPlan) -> Finding:
    """Put the target's URL into the suggested command."""
    return replace(finding, fix=finding.fix.replace("--url URL", f"--url {plan.url.partition('?')[0]}"))


def filled_in(finding: Finding, aggregator: RunAggregator) -> Finding:
    """Put the target's URL and the code to look up into the suggested commands."""
    code = _code_to_explain(aggregator)
    fix = finding.fix.replace("explain CODE", f"explain {code}" if code else "explain CODE")
    return with_target_url(replace(finding, fix=fix), aggregator.plan)


def _code_to_explain(aggregator: RunAggregator) -> str:
    """Return the service's most frequent reason, else the bridge's most frequent code; empty without one."""
    shown = [name for names in (aggregator.error_codes, aggregator.failed_answers) for name, _ in names.most_common(1)]
    words = [part for name in shown for part in (name.partition(" (")[2].rstrip(")"), name.partition(" (")[0])]
    return next((word for word in words if _CODE.fullmatch(word)), "")


def end_evidence(aggregator: RunAggregator) -> Iterator[Evidence]:
    """Say when the target's process ended, as far as it is known."""
    at = aggregator.ended.get(TARGET_PROCESS)
    if at is not None:
        phases = {phase.name for phase in aggregator.plan.phases}
        begun = [moment for moment in aggregator.moments if moment.what in phases and moment.at <= at]
        phase = max(begun, key=lambda moment: moment.at).what if begun else ""
        yield Evidence("", f"the target process ended after {at:.0f} s{f', in the phase {phase}' if phase else ''}")
    if aggregator.is_gone:
        yield Evidence("", f"nothing listens at {aggregator.plan.url.partition('?')[0]} any more")


def failure_evidence(aggregator: RunAggregator) -> tuple[Evidence, ...]:
    """List why calls failed, most frequent first."""
    return tuple(Evidence("", f"{count} x {text}") for text, count in aggregator.failures.most_common(_MAX_SHOWN))


def error_evidence(aggregator: RunAggregator) -> tuple[Evidence, ...]:
    """List the errors that callers received, most frequent first."""
    return tuple(
        Evidence("", f"{count} x error {code}") for code, count in aggregator.error_codes.most_common(_MAX_SHOWN)
    )


def failed_answer_evidence(aggregator: RunAggregator) -> tuple[Evidence, ...]:
    """List the service's reasons for answers that failed, most frequent first."""
    return tuple(
        Evidence("", f"{count} x failed answer: {reason}")
        for reason, count in aggregator.failed_answers.most_common(_MAX_SHOWN)
    )
