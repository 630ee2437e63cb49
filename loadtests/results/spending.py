"""What a run cost: per call, per caller and hour, and in all, as far as prices are known. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.protocol.prices import PRICES_DATE
from loadtests.results import problems
from loadtests.results.findings import brief_finding
from reports.model import Evidence, ReportMetric
from reports.render.numbers import format_number, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.results.aggregator import RunAggregator
    from reports.model import Finding

#: The metric that a capacity search and a plan of a fleet take on from a run.
CALLER_HOUR_COST: Final = "load_caller_hour_cost_usd"
_CALL_COST: Final = "load_call_cost_usd"
_SECONDS_PER_HOUR: Final = 3600
_CHECK: Final = "cost"


def spending_metrics(aggregator: RunAggregator) -> Iterator[ReportMetric]:
    """Yield the cost per call and per caller and hour; nothing if the cost of the run is not known."""
    cost = aggregator.measurements.total("cost_usd")
    if cost is None:
        return
    calls = aggregator.measurements.total("calls")
    if calls:
        yield ReportMetric(_CALL_COST, cost / calls)
    if aggregator.caller_seconds:
        yield ReportMetric(CALLER_HOUR_COST, cost / aggregator.caller_seconds * _SECONDS_PER_HOUR)


def spending_findings(aggregator: RunAggregator) -> Iterator[Finding]:
    """Say what the run cost, or which models have no known price. Nothing if no response told its usage."""
    if not aggregator.measurements.total("input_tokens") and not aggregator.measurements.total("transcribed_ms"):
        return
    cost = aggregator.measurements.total("cost_usd")
    if cost is None:
        unpriced = aggregator.measurements.total("unpriced") or 0
        models = ", ".join(aggregator.unpriced_models) or "unknown"
        title = f"no known price for {format_number(unpriced)} responses and transcripts; models: {models}"
        rest = f"at least {_usd(aggregator.priced_usd)}, which is everything with a known price"
        yield brief_finding(problems.COST_UNKNOWN, _CHECK, title, Evidence("", rest), _tokens(aggregator))
        return
    metrics = {metric.name: metric.value for metric in spending_metrics(aggregator)}
    shares = [f"{_usd(metrics[name])} per {what}" for name, what in _SHARES if name in metrics]
    title = "; ".join((_usd(cost), *shares, f"prices of {PRICES_DATE.isoformat()}"))
    yield brief_finding(problems.COST, _CHECK, title, _tokens(aggregator))


_SHARES: Final = ((_CALL_COST, "call"), (CALLER_HOUR_COST, "caller and hour"))


def _usd(cost: float) -> str:
    return format_value("usd", cost)


def _tokens(aggregator: RunAggregator) -> Evidence:
    taken, cached, given, speech = (
        aggregator.measurements.total(name) or 0.0
        for name in ("input_tokens", "cached_tokens", "output_tokens", "transcribed_ms")
    )
    text = f"{format_number(taken)} tokens in, {format_number(cached)} of them cached; {format_number(given)} out"
    return Evidence("", f"{text}; {format_value('ms', speech)} of speech transcribed" if speech else text)
