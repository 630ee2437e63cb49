"""The probe `models`: which realtime models a key can use, which of them retire, and what replaces them.

It sends one request, `GET /models`, and opens no session. `rows.py` judges the list.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from probes.access.context import AccessContext
from probes.access.model import candidate_of
from probes.access.model_judge import WARN_DAYS
from probes.access.rest import check_key
from probes.models.rows import ModelRequirements, model_rows, skipped_rows
from probes.problems import models as own
from probes.runner.checks import Check, run_checks
from probes.runner.findings import CheckRow, evidence_of
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from probes.runner.findings import ProbeItem
    from probes.targets.service import ServiceTarget
    from reports.model import Finding

KEY = CheckRow("models", "key")


async def models(
    target: ServiceTarget, *, require: Sequence[str] = (), warn_days: int = WARN_DAYS, today: date | None = None
) -> AsyncGenerator[ProbeItem, None]:
    """Request the list of models and yield findings and metrics. Cancelling closes the connection.

    `require` names models that must be usable; `warn_days` is how many days before a shutdown to warn; `today` is the
    date to judge by, by default today's in UTC.
    """
    requirements = ModelRequirements(tuple(dict.fromkeys(require)), warn_days)
    context, answered = AccessContext(target), True
    try:
        async for finding in run_checks(
            "models", _CHECKS, context, timeout=target.timeout, on_progress=target.on_progress
        ):
            answered = finding.severity not in (Severity.FAIL, Severity.ERROR)
            yield finding
    finally:
        await context.aclose()
    candidate = candidate_of(context, today or datetime.now(UTC).date())
    for item in model_rows(candidate, requirements) if answered else skipped_rows(requirements):
        yield item


async def _list_models(context: AccessContext) -> Finding:
    return await check_key(context, KEY)


def _list_timed_out(context: AccessContext) -> Finding:
    no_response = evidence_of("GET /models", f"no response within {context.target.timeout:g} s")
    return KEY.problem(own.LIST_NO_ANSWER, no_response, *context.proxy_evidence())


_CHECKS = (Check(name="key", run=_list_models, on_timeout=_list_timed_out, skip_reason="no list of models"),)
