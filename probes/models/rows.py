"""What a list of models says to whoever uses the Realtime API: a row a question, the names in it.

Pure. Warned is only of models that are known to be in use, the configured one and the required ones: every list holds
some that will go, and a warning that everybody always gets is none. Those are told without alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING

from bridge.protocol.models import ModelKind, find_model
from probes.access.model_judge import ModelCandidate, first_names, judge_model
from probes.access.model_names import best_first, socket_of
from probes.problems import models as own
from probes.problems import service
from probes.runner.findings import CheckRow, evidence_of, headline
from reports.model import Evidence, Finding, ReportMetric, Severity
from reports.render.terminal_text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.runner.findings import ProbeItem

REALTIME, MODEL, REQUIRE, RETIRING = (CheckRow("models", name) for name in ("realtime", "model", "require", "retiring"))

#: Every kind of model that the Realtime API knows; the first two always have a row, the others where there are some.
_KINDS = (ModelKind.REALTIME, ModelKind.TRANSCRIPTION, ModelKind.TRANSLATION, ModelKind.LIVE)
_ALWAYS = (ModelKind.REALTIME, ModelKind.TRANSCRIPTION)
#: What may be required: whatever a session of the Realtime API can name.
_REQUIRABLE = frozenset({ModelKind.REALTIME, ModelKind.TRANSCRIPTION, ModelKind.TRANSLATION})
#: So many names are evidence of one row; the longest honest list has some twenty of a kind.
_MOST_NAMES = 40
#: Longer names are cut; ids of fine-tuned models stay below.
_LONGEST_NAME = 100
_ON_AZURE = "on Azure models are deployments with names of your own; the resource's portal lists them"


@dataclass(frozen=True, slots=True)
class ModelRequirements:
    """What is wanted to know beside the list itself."""

    require: tuple[str, ...] = ()
    warn_days: int = 60


def model_rows(asked: ModelCandidate, question: ModelRequirements) -> Iterator[ProbeItem]:
    """Judge the list that `asked` holds. `asked` is about the configured model."""
    asked = replace(
        asked,
        warn_days=question.warn_days,
        judge_by_name=True,
        list_models=False,
        command="sherpa-probe models --model",
    )
    usable = {kind: _usable(asked, kind) for kind in _KINDS}
    yield _realtime(asked, usable[ModelKind.REALTIME])
    if asked.listed is not None and _has_none(asked):
        yield from _behind(REALTIME.check, "no realtime model", question)
        return
    for kind in _KINDS[1:]:
        if kind in _ALWAYS or usable[kind]:
            yield _others(asked, kind, usable[kind])
    if asked.listed is not None:
        yield _retiring(asked)
    yield (model := judge_model(asked, MODEL))
    told_already = model.severity in (Severity.FAIL, Severity.WARNING)
    for name in question.require:
        if name != asked.name or not told_already:
            yield _required(replace(asked, name=name))
    yield from _measured(asked, usable)


def skipped_rows(question: ModelRequirements) -> Iterator[ProbeItem]:
    """Say that nothing could be looked at."""
    yield from (CheckRow("models", kind).skipped("no list of models", _waits("key")) for kind in _ALWAYS)
    yield from _behind("key", "no list of models", question)


def _behind(check: str, without: str, question: ModelRequirements) -> Iterator[Finding]:
    waiting = (MODEL, REQUIRE) if question.require else (MODEL,)
    yield from (row.skipped(without, _waits(check)) for row in waiting)


def _waits(check: str) -> Evidence:
    return evidence_of("waits for", check)


def _usable(asked: ModelCandidate, kind: ModelKind) -> tuple[str, ...]:
    """Give the listed models of a kind that are not over, the best first."""
    names = (name for name in asked.listed or () if socket_of(name) is kind)
    return best_first(name for name in names if not replace(asked, name=name).is_retired)


def _has_none(asked: ModelCandidate) -> bool:
    """Whether there is no realtime model where there must be one: the names are those that the catalogue knows."""
    return not _usable(asked, ModelKind.REALTIME) and (asked.public_api or find_model(asked.name) is not None)


def _realtime(asked: ModelCandidate, names: tuple[str, ...]) -> Finding:
    if asked.listed is None:
        return REALTIME.skipped(_ON_AZURE if asked.azure else asked.no_list_reason)
    if names:
        return _named(REALTIME, asked, names)
    if _has_none(asked):
        told = headline(f"{len(asked.listed)} models listed, none of them realtime")
        return REALTIME.problem(service.NO_REALTIME_MODELS, told)
    return REALTIME.noted(own.NO_NAMES_KNOWN.slug, "the server's list holds no name of a realtime model; going on")


def _others(asked: ModelCandidate, kind: ModelKind, names: tuple[str, ...]) -> Finding:
    row = CheckRow("models", kind)
    if asked.listed is None:
        return row.skipped(_ON_AZURE if asked.azure else asked.no_list_reason)
    if names:
        return _named(row, asked, names)
    return row.noted(own.NO_TRANSCRIPTION_MODELS.slug, "none listed: a session cannot write down what the user said")


def _named(row: CheckRow, asked: ModelCandidate, names: tuple[str, ...]) -> Finding:
    return row.passed(f"{len(names)} usable: {first_names(_cut(names))}", *_each(asked, names))


def _cut(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(shorten(name, _LONGEST_NAME) for name in names)


def _each(asked: ModelCandidate, names: tuple[str, ...]) -> tuple[Evidence, ...]:
    """Tell of each model when it goes; of a list that is far too long only the first ones."""
    told = [headline(f"{shorten(name, _LONGEST_NAME)}: {_fate(asked, name)}") for name in names[:_MOST_NAMES]]
    more = len(names) - _MOST_NAMES
    return (*told, *((headline(f"and {more} more"),) if more > 0 else ()))


def _fate(asked: ModelCandidate, name: str) -> str:
    """Say when a model goes and what comes after it."""
    one = replace(asked, name=name)
    days = one.days_left
    if one.is_retired:
        return f"retired{f' {one.shutdown_date}' if one.shutdown_date else ''}; replaced by {one.replacement}"
    if days is None or days <= 0:
        return "no end announced"
    return f"retires {one.shutdown_date} (in {days} {'day' if days == 1 else 'days'}); replaced by {one.replacement}"


def _first_end(ones: list[ModelCandidate], going: tuple[str, ...]) -> str:
    """Give the day on which the first of these goes."""
    return min(str(one.shutdown_date) for one in ones if one.name in going)


def _retiring(asked: ModelCandidate) -> Finding:
    """Name the listed models that are over or go soon, whether anybody uses them or not."""
    ones = [replace(asked, name=name) for name in asked.listed or () if socket_of(name) in _KINDS]
    gone = best_first(one.name for one in ones if one.is_retired)
    going = best_first(one.name for one in ones if not one.is_retired and 0 < (one.days_left or 0) <= asked.warn_days)
    days = f"{asked.warn_days} {'day' if asked.warn_days == 1 else 'days'}"
    if not gone and not going:
        return RETIRING.passed(f"none of these within {days}")
    parts = [f"retired, though listed: {first_names(_cut(gone))}"] if gone else []
    parts += [f"within {days}, first on {_first_end(ones, going)}: {first_names(_cut(going))}"] if going else []
    return RETIRING.noted(own.RETIRING.slug, "; ".join(parts), *_each(asked, (*gone, *going)))


def _required(asked: ModelCandidate) -> Finding:
    """Judge a model that must be there. What cannot be told is no pass."""
    asked = replace(asked, allowed_sockets=_REQUIRABLE, command="sherpa-probe models --require")
    finding = judge_model(asked, REQUIRE)
    match finding.severity:
        case Severity.SKIPPED:
            why = _ON_AZURE if asked.azure else asked.no_list_reason
            fix = f"sherpa-probe access {'--azure ' if asked.azure else ''}--model {quote(asked.name)}"
            return REQUIRE.problem(own.REQUIRED_UNTOLD, headline(f"{asked.name}: {why}"), fix=fix)
        case Severity.INFO:
            told = headline(f"{asked.name}: not among the {len(asked.listed or ())} names that the server lists")
            return REQUIRE.problem(
                service.MODEL_NOT_LISTED, told, title=f"{asked.name} is not among the server's models"
            )
        case Severity.PASS:
            use = f" ({socket_of(asked.name)})" if socket_of(asked.name) in _REQUIRABLE else ""
            return replace(finding, title=f"{asked.name}{use}: {finding.title}")
    first, *others = finding.evidence
    named = first if asked.name in first.value else replace(first, value=f"{asked.name}: {first.value}")
    return replace(finding, evidence=(named, *others))


def _measured(asked: ModelCandidate, usable: dict[ModelKind, tuple[str, ...]]) -> Iterator[ReportMetric]:
    if asked.listed is not None:
        yield from (ReportMetric(f"models_{kind}_total", len(usable[kind])) for kind in _KINDS)
    if asked.days_left is not None and not asked.azure:
        yield ReportMetric("models_configured_left_days", asked.days_left)
