"""Judges one model: whether it exists for this key, when it retires, and whether it is a realtime model.

Pure functions. They combine two sources: the server's list, which is current, and the catalogue, which knows where
models are used and what replaces them. The caller passes the row, which decides the codes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING

from bridge.protocol.models import DEFAULT_MODEL, Model, ModelKind, ModelStatus, find_model
from probes.access.model_names import best_first, closest_name, is_realtime, socket_of
from probes.problems import service
from probes.runner.findings import evidence_of, headline
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from probes.runner.findings import CheckRow
    from reports.model import Evidence, Finding

#: Warn if a model retires within this many days: a release may take that long.
WARN_DAYS = 60
#: Model names shown in a row.
_MAX_NAMES = 3

#: Purpose of models that can't be used in a conversation, and how to use them.
_PURPOSES: Mapping[ModelKind, tuple[str, str]] = {
    ModelKind.TRANSCRIPTION: (
        "only transcribes",
        "Name it in session.audio.input.transcription.model, and a realtime model in the URL",
    ),
    ModelKind.TRANSLATION: (
        "only translates",
        "Open wss://HOST/v1/realtime/translations?model=MODEL, or use a realtime model for conversations",
    ),
    ModelKind.LIVE: (
        "belongs to the Live API, a different protocol",
        "Connect to /v1/live/sessions with it, or use a realtime model here",
    ),
    ModelKind.NONE: ("can't be used over a WebSocket", "Use it over REST, and a realtime model here"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCandidate:
    """A model to judge, and everything known about it."""

    name: str
    today: date
    listed: Mapping[str, date | None] | None
    """The server's list of models with their shutdown dates; None if there is no list."""
    no_list_reason: str = ""
    """Why there is no list."""
    azure: bool = False
    beta: bool = False
    """The beta dialect is requested, which only servers other than the public one still speak."""
    public_api: bool = True
    """The server is OpenAI's own, which the catalogue describes."""
    warn_days: int = WARN_DAYS
    allowed_sockets: frozenset[ModelKind] = frozenset({ModelKind.REALTIME})
    """The kinds of session that the model may be for."""
    judge_by_name: bool = False
    """Judge models that the catalogue doesn't know by their names; if False, leave that to the session check."""
    list_models: bool = True
    """List the available realtime models as evidence, because no other row does."""
    command: str = "sherpa-probe access --model"
    """The command to suggest; another model's name is appended."""
    socket_decides: bool = False
    """A model that isn't listed is only a warning, because a session with it is tried next, or may be."""

    @property
    def shutdown_date(self) -> date | None:
        """The shutdown date by the server's list, else by the catalogue; None if there is none."""
        model = find_model(self.name)
        return (self.listed or {}).get(self.name) or (model.shutdown_date if model else None)

    @property
    def is_retired(self) -> bool:
        """Whether it is retired here. Elsewhere than at the public service a retired name may live on."""
        end, model = self.shutdown_date, find_model(self.name)
        by_date = end is not None and end <= self.today
        without_date = end is None and model is not None and model.status_on(self.today) is ModelStatus.RETIRED
        own_rules = (self.beta or not self.public_api) and self.name in (self.listed or {self.name: None})
        return (by_date or without_date) and not own_rules

    @property
    def days_left(self) -> int | None:
        """Days until shutdown, negative after it; None if no date is known."""
        return None if self.shutdown_date is None else (self.shutdown_date - self.today).days

    @property
    def replacement(self) -> str:
        """The model to use instead."""
        model = find_model(self.name)
        return (model.replacement if model else None) or DEFAULT_MODEL


def judge_model(candidate: ModelCandidate, row: CheckRow) -> Finding:
    """Return the finding for this model: passed, skipped if nothing is known, or the problem."""
    model = find_model(candidate.name)
    if candidate.azure:
        ends = model.azure_shutdown_date if model else None
        named = f"; Azure retires the model {candidate.name} on {ends}" if ends else ""
        return row.skipped(f"on Azure this is a deployment name; the upgrade shows whether it exists{named}")
    if model is not None and model.kind not in candidate.allowed_sockets:
        return _wrong_socket(candidate, model.kind, row)
    if candidate.is_retired:
        return _retired(candidate, row)
    if candidate.listed is not None and candidate.name not in candidate.listed:
        finding = _not_listed(candidate, model, row)
        return _as_warning(finding) if candidate.socket_decides else finding
    if model is None and candidate.listed is None:
        return row.skipped(
            f"{candidate.no_list_reason}, and {candidate.name} is not in the catalogue; the session check decides"
        )
    if (
        model is None
        and candidate.judge_by_name
        and candidate.public_api
        and socket_of(candidate.name) not in candidate.allowed_sockets
    ):
        return _wrong_socket(candidate, socket_of(candidate.name), row)
    return _standing(candidate, row)


def _retired(candidate: ModelCandidate, row: CheckRow) -> Finding:
    on = f" {candidate.shutdown_date}" if candidate.shutdown_date else ""
    return row.problem(
        service.MODEL_RETIRED,
        headline(f"{candidate.name} retired{on}; replaced by {candidate.replacement}"),
        *_usable(candidate),
        title=f"{candidate.name} was retired{f' on{on}' if on else ''}",
        fix=f"Change the name everywhere, then: {candidate.command} {candidate.replacement}",
    )


def _wrong_socket(candidate: ModelCandidate, socket: ModelKind, row: CheckRow) -> Finding:
    purpose, fix = _PURPOSES[socket]
    return row.problem(
        service.MODEL_WRONG_SOCKET,
        headline(f"{candidate.name} {purpose}; it can't hold a conversation"),
        *_usable(candidate),
        title=f"{candidate.name} {purpose}",
        fix=f"{fix.replace('MODEL', candidate.name)}\n{candidate.command} {DEFAULT_MODEL}",
    )


def _not_listed(candidate: ModelCandidate, model: Model | None, row: CheckRow) -> Finding:
    listed = candidate.listed or {}
    others = best_first(filter(is_realtime, listed))
    if not others and model is None:
        return row.noted(
            service.MODEL_UNKNOWN.slug, "not in the server's list, which has no known realtime model; continuing"
        )
    if not others:
        none_realtime = headline(f"{len(listed)} models listed, none of them realtime")
        return row.problem(service.NO_REALTIME_MODELS, none_realtime)
    other = f"{candidate.command} {quote(closest_name(candidate.name, others))}"
    return row.problem(
        service.MODEL_NOT_LISTED,
        headline(f"not listed; available: {first_names(others)}"),
        *_usable(candidate),
        title=f"{candidate.name} is not in this project's list of models",
        cause="" if model is None else "The name is correct, but the key's project isn't allowed to use this model.",
        fix=other
        if model is None
        else f"Allow it under Limits in the project's settings, or use another model\n{other}",
    )


def _as_warning(finding: Finding) -> Finding:
    """Return what is a failure for the list as a warning: gateways often list only a part of their models."""
    if finding.severity is not Severity.FAIL:
        return finding
    cause = f"The list may be incomplete: only a session with the model shows whether it works. {finding.cause}"
    fix = f"If a session opens, there is nothing to do; if not:\n{finding.fix}"
    return replace(finding, severity=Severity.WARNING, cause=cause, fix=fix)


def first_names(names: tuple[str, ...]) -> str:
    """Join the first three names; an ellipsis shows that there are more."""
    return f"{', '.join(names[:_MAX_NAMES])}{', …' if len(names) > _MAX_NAMES else ''}"


def _usable(candidate: ModelCandidate) -> tuple[Evidence, ...]:
    """Return the realtime models that the key can use as evidence, if `list_models` asks for it."""
    names = best_first(filter(is_realtime, candidate.listed or ())) if candidate.list_models else ()
    return (evidence_of("realtime models", ", ".join(names)),) if names else ()


def _standing(candidate: ModelCandidate, row: CheckRow) -> Finding:
    """Judge a model that exists by its shutdown date."""
    days = candidate.days_left or 0
    retires = f"; retires {candidate.shutdown_date} (in {days} {'day' if days == 1 else 'days'})" if days > 0 else ""
    if 0 < days <= candidate.warn_days:
        return _retires_soon(candidate, retires, row)
    if candidate.listed is None:  # this server hasn't confirmed that it exists; the catalogue describes another server
        return row.skipped(f"{candidate.no_list_reason}; sherpa-probe knows the name{retires}")
    return row.passed(f"listed for this project{retires}", *_usable(candidate))


def _retires_soon(candidate: ModelCandidate, retires: str, row: CheckRow) -> Finding:
    where = "listed for this project" if candidate.listed is not None else f"not listed: {candidate.no_list_reason}"
    return row.problem(
        service.MODEL_RETIRES_SOON,
        headline(f"{where}{retires}"),
        *_usable(candidate),
        title=f"{candidate.name} retires on {candidate.shutdown_date}",
        fix=f"Test its replacement now: {candidate.command} {candidate.replacement}",
    )
