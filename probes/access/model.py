"""The model layer of `access`: whether the model exists, when it retires, and whether it is a realtime model.

`model_judge.py` has the rules; this module applies them to the configured model.
"""

from __future__ import annotations

from dataclasses import replace
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


async def check_model(context: AccessContext) -> Finding:
    """Judge the configured model by the list that `check_key` stored. Sends nothing.

    A model that isn't listed is a warning, since the session shows whether it exists.
    """
    context.realtime_models = best_first(filter(is_realtime, context.models.ids if context.models else ()))
    candidate = candidate_of(context, datetime.now(UTC).date())
    return judge_model(replace(candidate, socket_decides=True), MODEL)


def candidate_of(context: AccessContext, day: date) -> ModelCandidate:
    """Collect what is known about the configured model on this date."""
    target = context.target
    return ModelCandidate(
        name=target.model,
        today=day,
        listed=context.models.ids if context.models else None,
        no_list_reason=context.no_list_reason,
        azure=target.upstream.azure,
        beta=target.dialect is Dialect.BETA,
        public_api=bool(target.scenario) or parse_url(target.upstream.base_url).host == PUBLIC_HOST,
    )


def model_timed_out(_: AccessContext) -> Finding:
    """Never called: this check doesn't wait for anything."""
    raise AssertionError("judging a model doesn't wait")
