"""The pages of `sherpa-load list`: all scenarios, one in detail, or the measurements that budgets can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from loadtests.metrics.measures import MEASURES, MeasureKind
from loadtests.scenarios.availability import required
from loadtests.scenarios.plan import find_scenario
from loadtests.scenarios.table import SCENARIOS
from reports.render.terminal.page import draw_page, page_width
from reports.render.terminal_text import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadtests.scenarios.table import LoadScenario

#: What a budget can ask of each kind of measurement.
_FORMS = {
    MeasureKind.DURATION: "durations: p50(NAME) to p99.9, max, mean, min, count, rate",
    MeasureKind.COUNT: "counts: NAME, rate(NAME)",
}


def scenarios_page(width: int, *, colour: bool, names: Sequence[str] = ()) -> str:
    """Return the page of all scenarios, or the details of `names`. Raises PlanError."""
    wide = page_width(width)
    chosen = [find_scenario(name) for name in names]
    parts = [list(_details(scenario, wide)) for scenario in chosen] or [
        list(_summary(scenario, wide)) for scenario in SCENARIOS.values()
    ]
    return draw_page(parts, wide, colour=colour)


def measures_page(width: int, *, colour: bool) -> str:
    """Return the page of all measurements."""
    wide = page_width(width)
    return draw_page([list(_measures_section(kind, wide)) for kind in _FORMS], wide, colour=colour)


def _summary(scenario: LoadScenario, width: int) -> Iterator[Text]:
    size = f"{scenario.users} callers, {scenario.seconds:g} s"
    requirements = ", ".join(sorted(required(scenario)))
    yield Text.assemble((scenario.name, "bold"), f"   {size}", f"   requires {requirements}" if requirements else "")
    for text in (scenario.summary, f"tests {scenario.measures}"):
        yield from map(Text, wrap(text, width, "  "))


def _details(scenario: LoadScenario, width: int) -> Iterator[Text]:
    yield from _summary(scenario, width)
    for phase in scenario.phases:
        yield Text(f"  at {phase.at * scenario.seconds:4.1f} s  @{phase.name}: {phase.description}")
    yield Text(f"  budgets for {scenario.users} callers", style="bold")
    yield from (Text(f"    {text}") for text in scenario.budgets_for(scenario.users))


def _measures_section(kind: MeasureKind, width: int) -> Iterator[Text]:
    measures_of_kind = [measure for measure in MEASURES.values() if measure.kind is kind]
    indent = " " * (max(len(measure.name) for measure in measures_of_kind) + 4)
    yield Text(_FORMS[kind], style="bold")
    for measure in measures_of_kind:
        yield from map(Text, wrap(measure.meaning, width, f"  {measure.name:<{len(indent) - 2}}", indent))
