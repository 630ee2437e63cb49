"""The rows of `models`: which listed models are usable by kind, which retire, and whether the required ones are there.

Pure functions. Only the configured model and the required ones can lead to a warning, because they are in use. Every
list has models that will retire, so a warning about those would always be shown; they are a note.
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

#: Every kind of model in the Realtime API. The first two always get a row, the others only if the list has any.
_KINDS = (ModelKind.REALTIME, ModelKind.TRANSCRIPTION, ModelKind.TRANSLATION, ModelKind.LIVE)
_ALWAYS = (ModelKind.REALTIME, ModelKind.TRANSCRIPTION)
#: Kinds that `--require` accepts: every kind that a Realtime API session can name.
_REQUIRABLE = frozenset({ModelKind.REALTIME, ModelKind.TRANSCRIPTION, ModelKind.TRANSLATION})
#: Names shown as evidence of a row; OpenAI's list has about twenty of a kind.
_MAX_NAMES = 40
#: Longer names are cut; ids of fine-tuned models are shorter.
_MAX_NAME_LENGTH = 100
_ON_AZURE = "Azure uses deployment names that you choose; the Azure portal lists them"


@dataclass(frozen=True, slots=True)
class ModelRequirements:
    """What `--require` and `--warn-days` ask for."""

    require: tuple[str, ...] = ()
    warn_days: int = 60


def model_rows(candidate: ModelCandidate, requirements: ModelRequirements) -> Iterator[ProbeItem]:
    """Yield a finding for each question about the list of models, and metrics. `candidate` is the configured model."""
    candidate = replace(
        candidate,
        warn_days=requirements.warn_days,
        judge_by_name=True,
        list_models=False,
        command="sherpa-probe models --model",
    )
    usable = {kind: _usable(candidate, kind) for kind in _KINDS}
    yield _realtime(candidate, usable[ModelKind.REALTIME])
    if candidate.listed is not None and _has_none(candidate):
        yield from _skip_rest(REALTIME.check, "no realtime model", requirements)
        return
    for kind in _KINDS[1:]:
        if kind in _ALWAYS or usable[kind]:
            yield _others(candidate, kind, usable[kind])
    if candidate.listed is not None:
        yield _retiring(candidate)
    by_list = candidate.public_api or candidate.name in requirements.require
    yield (model := judge_model(replace(candidate, socket_decides=not by_list), MODEL))
    reported = model.severity in (Severity.FAIL, Severity.WARNING)
    for name in requirements.require:
        if name != candidate.name or not reported:
            yield _required(replace(candidate, name=name))
    yield from _measured(candidate, usable)


def skipped_rows(requirements: ModelRequirements) -> Iterator[ProbeItem]:
    """Yield the skipped findings of a run that got no list of models."""
    yield from (CheckRow("models", kind).skipped("no list of models", _waits("key")) for kind in _ALWAYS)
    yield from _skip_rest("key", "no list of models", requirements)


def _skip_rest(check: str, reason: str, requirements: ModelRequirements) -> Iterator[Finding]:
    waiting = (MODEL, REQUIRE) if requirements.require else (MODEL,)
    yield from (row.skipped(reason, _waits(check)) for row in waiting)


def _waits(check: str) -> Evidence:
    return evidence_of("waits for", check)


def _usable(candidate: ModelCandidate, kind: ModelKind) -> tuple[str, ...]:
    """Return the listed models of a kind that aren't retired, best first."""
    names = (name for name in candidate.listed or () if socket_of(name) is kind)
    return best_first(name for name in names if not replace(candidate, name=name).is_retired)


def _has_none(candidate: ModelCandidate) -> bool:
    """Whether a realtime model is missing from a server whose model names the catalogue knows."""
    return not _usable(candidate, ModelKind.REALTIME) and (
        candidate.public_api or find_model(candidate.name) is not None
    )


def _realtime(candidate: ModelCandidate, names: tuple[str, ...]) -> Finding:
    if candidate.listed is None:
        return REALTIME.skipped(_ON_AZURE if candidate.azure else candidate.no_list_reason)
    if names:
        return _named(REALTIME, candidate, names)
    if _has_none(candidate):
        none_realtime = headline(f"{len(candidate.listed)} models listed, none of them realtime")
        return REALTIME.problem(service.NO_REALTIME_MODELS, none_realtime)
    return REALTIME.noted(own.NO_NAMES_KNOWN.slug, "the server's list has no known realtime model; continuing")


def _others(candidate: ModelCandidate, kind: ModelKind, names: tuple[str, ...]) -> Finding:
    row = CheckRow("models", kind)
    if candidate.listed is None:
        return row.skipped(_ON_AZURE if candidate.azure else candidate.no_list_reason)
    if names:
        return _named(row, candidate, names)
    return row.noted(own.NO_TRANSCRIPTION_MODELS.slug, "none listed: sessions can't transcribe what the user says")


def _named(row: CheckRow, candidate: ModelCandidate, names: tuple[str, ...]) -> Finding:
    return row.passed(f"{len(names)} usable: {first_names(_cut(names))}", *_each(candidate, names))


def _cut(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(shorten(name, _MAX_NAME_LENGTH) for name in names)


def _each(candidate: ModelCandidate, names: tuple[str, ...]) -> tuple[Evidence, ...]:
    """Return each model's retirement as evidence, at most 40 models."""
    evidence = [
        headline(f"{shorten(name, _MAX_NAME_LENGTH)}: {_retirement(candidate, name)}") for name in names[:_MAX_NAMES]
    ]
    more = len(names) - _MAX_NAMES
    return (*evidence, *((headline(f"and {more} more"),) if more > 0 else ()))


def _retirement(candidate: ModelCandidate, name: str) -> str:
    """Say when a model retires and what replaces it."""
    one = replace(candidate, name=name)
    days = one.days_left
    if one.is_retired:
        return f"retired{f' {one.shutdown_date}' if one.shutdown_date else ''}; replaced by {one.replacement}"
    if days is None or days <= 0:
        return "no shutdown announced"
    return f"retires {one.shutdown_date} (in {days} {'day' if days == 1 else 'days'}); replaced by {one.replacement}"


def _first_shutdown(ones: list[ModelCandidate], going: tuple[str, ...]) -> str:
    """Return the date on which the first of these retires."""
    return min(str(one.shutdown_date) for one in ones if one.name in going)


def _retiring(candidate: ModelCandidate) -> Finding:
    """List the models that are retired or retire soon, whether they are in use or not."""
    ones = [replace(candidate, name=name) for name in candidate.listed or () if socket_of(name) in _KINDS]
    retired = best_first(one.name for one in ones if one.is_retired)
    retiring = best_first(
        one.name for one in ones if not one.is_retired and 0 < (one.days_left or 0) <= candidate.warn_days
    )
    days = f"{candidate.warn_days} {'day' if candidate.warn_days == 1 else 'days'}"
    if not retired and not retiring:
        return RETIRING.passed(f"none within {days}")
    parts = [f"retired but still listed: {first_names(_cut(retired))}"] if retired else []
    parts += (
        [f"within {days}, first on {_first_shutdown(ones, retiring)}: {first_names(_cut(retiring))}"]
        if retiring
        else []
    )
    return RETIRING.noted(own.RETIRING.slug, "; ".join(parts), *_each(candidate, (*retired, *retiring)))


def _required(candidate: ModelCandidate) -> Finding:
    """Judge a required model. If the list can't show whether it is usable, that is a problem, not a pass."""
    candidate = replace(candidate, allowed_sockets=_REQUIRABLE, command="sherpa-probe models --require")
    finding = judge_model(candidate, REQUIRE)
    match finding.severity:
        case Severity.SKIPPED:
            why = _ON_AZURE if candidate.azure else candidate.no_list_reason
            fix = f"sherpa-probe access {'--azure ' if candidate.azure else ''}--model {quote(candidate.name)}"
            return REQUIRE.problem(own.REQUIRED_UNTOLD, headline(f"{candidate.name}: {why}"), fix=fix)
        case Severity.INFO:
            unlisted = headline(f"{candidate.name}: not among the {len(candidate.listed or ())} listed models")
            return REQUIRE.problem(
                service.MODEL_NOT_LISTED, unlisted, title=f"{candidate.name} is not in the server's list of models"
            )
        case Severity.PASS:
            use = f" ({socket_of(candidate.name)})" if socket_of(candidate.name) in _REQUIRABLE else ""
            return replace(finding, title=f"{candidate.name}{use}: {finding.title}")
    first, *others = finding.evidence
    named = first if candidate.name in first.value else replace(first, value=f"{candidate.name}: {first.value}")
    return replace(finding, evidence=(named, *others))


def _measured(candidate: ModelCandidate, usable: dict[ModelKind, tuple[str, ...]]) -> Iterator[ReportMetric]:
    if candidate.listed is not None:
        yield from (ReportMetric(f"models_{kind}_total", len(usable[kind])) for kind in _KINDS)
    if candidate.days_left is not None and not candidate.azure:
        yield ReportMetric("models_configured_left_days", candidate.days_left)
