"""The probe `models`: which models a key can use in the Realtime API, which of them retire, what replaces those.

One call, `GET /models`; what it says is judged in `models_rows.py`. It opens no session: `access` does.
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
    """Ask for the list, within the target's time-out, and judge it. Cancelling closes the connection.

    `require` names models that must be usable; `today` is the day to judge by, UTC's own where None.
    """
    question = ModelRequirements(tuple(dict.fromkeys(require)), warn_days)
    visit, answered = AccessContext(target), True
    try:
        async for finding in run_checks(
            "models", _CHECKS, visit, timeout=target.timeout, on_progress=target.on_progress
        ):
            answered = finding.severity not in (Severity.FAIL, Severity.ERROR)
            yield finding
    finally:
        await visit.aclose()
    asked = candidate_of(visit, today or datetime.now(UTC).date())
    for told in model_rows(asked, question) if answered else skipped_rows(question):
        yield told


async def _ask(visit: AccessContext) -> Finding:
    return await check_key(visit, KEY)


def _late(visit: AccessContext) -> Finding:
    late = evidence_of("GET /models", f"no answer within {visit.target.timeout:g} s")
    return KEY.problem(own.LIST_NO_ANSWER, late, *visit.proxy_evidence())


_CHECKS = (Check(name="key", run=_ask, on_timeout=_late, skip_reason="no list of models"),)
