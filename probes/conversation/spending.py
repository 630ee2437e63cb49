"""What a session took: tokens and transcribed speech as the server told them, and money as far as prices are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.config.prices_file import known_prices
from bridge.core.spending.charges import make_charge
from bridge.core.spending.spend import Spend
from reports.model import ReportMetric

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from probes.conversation.facts import SessionFacts


def spending_metrics(facts: SessionFacts) -> Iterator[ReportMetric]:
    """Yield the tokens, the seconds of transcribed speech, and the cost if everything has a known price."""
    spend, prices = Spend(), known_prices()
    for of_response, usage in facts.usages:
        model = str(facts.session.get("model") or "") if of_response else _transcription_model(facts.session)
        spend.add(make_charge(usage, prices, model))
    if not spend.is_anything:
        return
    yield ReportMetric("events_input_tokens", float(spend.usage.input))
    yield ReportMetric("events_output_tokens", float(spend.usage.output))
    if spend.seconds:
        yield ReportMetric("events_transcribed_seconds", spend.seconds)
    if spend.cost_usd is not None:
        yield ReportMetric("events_cost_usd", spend.cost_usd)


def _transcription_model(session: Mapping[str, Any]) -> str:
    audio = session.get("audio")
    given = audio.get("input") if isinstance(audio, dict) else None
    nested = given.get("transcription") if isinstance(given, dict) else None
    settings = nested or session.get("input_audio_transcription")
    return str(settings.get("model") or "") if isinstance(settings, dict) else ""
