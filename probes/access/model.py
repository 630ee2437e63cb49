"""The model's layer of access: whether it is there, for how long, and whether it holds conversations.

How one model stands is judged in `models_judge.py`; here it is asked for the model of this visit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect
from bridge.upstream.dial.url import parse_url
from probes.access.advice import PUBLIC_HOST
from probes.access.model_judge import ModelCandidate, judge_model
from probes.access.model_names import best_first, is_realtime
from probes.runner.findings import CheckRow

if TYPE_CHECKING:
    from datetime import date

    from probes.access.context import AccessContext
    from reports.model import Finding

MODEL = CheckRow("access", "model")


async def check_model(visit: AccessContext) -> Finding:
    """Judge the model by the list that came with the key's layer; costs nothing."""
    visit.realtime_models = best_first(filter(is_realtime, visit.models.ids if visit.models else ()))
    return judge_model(candidate_of(visit, datetime.now(UTC).date()), MODEL)


def candidate_of(visit: AccessContext, day: date) -> ModelCandidate:
    """Put together what is known about the model of this visit."""
    target = visit.target
    return ModelCandidate(
        name=target.model,
        today=day,
        listed=visit.models.ids if visit.models else None,
        no_list_reason=visit.no_list_reason,
        azure=target.upstream.azure,
        beta=target.dialect is Dialect.BETA,
        public_api=bool(target.scenario) or parse_url(target.upstream.base_url).host == PUBLIC_HOST,
    )


def model_timed_out(_: AccessContext) -> Finding:
    """Nothing is waited for here."""
    raise AssertionError("judging a model takes no time")
