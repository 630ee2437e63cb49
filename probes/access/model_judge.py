"""How it stands with one model that somebody wants to use: there, for how long, and in the right place.

Pure: two witnesses are heard, the list that the server gave, which is newer, and the catalogue, which knows where
models are used and what replaces them. The caller names the row, and so the codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from bridge.protocol.models import DEFAULT_MODEL, Model, ModelKind, ModelStatus, find_model
from probes.access.model_names import best_first, closest_name, is_realtime, socket_of
from probes.problems import service
from probes.runner.findings import evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from probes.runner.findings import CheckRow
    from reports.model import Evidence, Finding

#: A model that goes within this many days is worth a warning: a release may take that long.
WARN_DAYS = 60
#: So many models fit into a row.
_TOLD = 3

#: What a model is for that can't hold a conversation.
_PURPOSES: Mapping[ModelKind, tuple[str, str]] = {
    ModelKind.TRANSCRIPTION: (
        "transcribes only",
        "Put it into session.audio.input.transcription.model, and a realtime model into the URL",
    ),
    ModelKind.TRANSLATION: (
        "translates only",
        "Open wss://HOST/v1/realtime/translations?model=MODEL, or take a realtime model for conversations",
    ),
    ModelKind.LIVE: (
        "belongs to the Live API, which is another protocol",
        "Connect to /v1/live/sessions with it, or take a realtime model here",
    ),
    ModelKind.NONE: ("is not for sockets at all", "Use it over REST, and take a realtime model here"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCandidate:
    """What is to be judged, and all that is known about it."""

    name: str
    today: date
    listed: Mapping[str, date | None] | None
    """The server's list, with the days of their end; None where there is none."""
    no_list_reason: str = ""
    """Why there is no list."""
    azure: bool = False
    beta: bool = False
    """The beta dialect was asked for, which only servers other than the public one still speak."""
    public_api: bool = True
    """It is OpenAI's own service, for which the catalogue speaks."""
    warn_days: int = WARN_DAYS
    allowed_sockets: frozenset[ModelKind] = frozenset({ModelKind.REALTIME})
    """Where it may belong."""
    judge_by_name: bool = False
    """Take a listed model's name for what it is where the catalogue lacks it; False leaves that to the socket."""
    list_models: bool = True
    """No other row names the realtime models that there are."""
    command: str = "sherpa-probe access --model"
    """What to run with another model's name behind it."""

    @property
    def shutdown_date(self) -> date | None:
        """The last word about its end: the list's, or else the catalogue's."""
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
        """Days until its end; None where no end is known."""
        return None if self.shutdown_date is None else (self.shutdown_date - self.today).days

    @property
    def replacement(self) -> str:
        """What to use in its place."""
        model = find_model(self.name)
        return (model.replacement if model else None) or DEFAULT_MODEL


def judge_model(asked: ModelCandidate, row: CheckRow) -> Finding:
    """Say how it stands with this model."""
    if asked.azure:
        return row.skipped("on Azure this is the name of a deployment; the socket tells whether it exists")
    model = find_model(asked.name)
    if model is not None and model.kind not in asked.allowed_sockets:
        return _wrong_socket(asked, model.kind, row)
    if asked.is_retired:
        return _retired(asked, row)
    if asked.listed is not None and asked.name not in asked.listed:
        return _not_listed(asked, model, row)
    if model is None and asked.listed is None:
        return row.skipped(f"{asked.no_list_reason}, and {asked.name} is in no catalogue; the socket has the last word")
    if (
        model is None
        and asked.judge_by_name
        and asked.public_api
        and socket_of(asked.name) not in asked.allowed_sockets
    ):
        return _wrong_socket(asked, socket_of(asked.name), row)
    return _standing(asked, row)


def _retired(asked: ModelCandidate, row: CheckRow) -> Finding:
    on = f" {asked.shutdown_date}" if asked.shutdown_date else ""
    return row.problem(
        service.MODEL_RETIRED,
        headline(f"{asked.name} retired{on}; replaced by {asked.replacement}"),
        *_usable(asked),
        title=f"{asked.name} was retired{f' on{on}' if on else ''}",
        fix=f"Change the name everywhere, then: {asked.command} {asked.replacement}",
    )


def _wrong_socket(asked: ModelCandidate, socket: ModelKind, row: CheckRow) -> Finding:
    purpose, fix = _PURPOSES[socket]
    return row.problem(
        service.MODEL_WRONG_SOCKET,
        headline(f"{asked.name} {purpose}: no model for a conversation"),
        *_usable(asked),
        title=f"{asked.name} {purpose}",
        fix=f"{fix.replace('MODEL', asked.name)}\n{asked.command} {DEFAULT_MODEL}",
    )


def _not_listed(asked: ModelCandidate, model: Model | None, row: CheckRow) -> Finding:
    listed = asked.listed or {}
    others = best_first(filter(is_realtime, listed))
    if not others and model is None:
        return row.noted(
            service.MODEL_UNKNOWN.slug, "not in the server's list, which names no realtime model; going on"
        )
    if not others:
        told = headline(f"{len(listed)} models listed, none of them realtime")
        return row.problem(service.NO_REALTIME_MODELS, told)
    other = f"{asked.command} {quote(closest_name(asked.name, others))}"
    return row.problem(
        service.MODEL_NOT_LISTED,
        headline(f"not listed; there are {first_names(others)}"),
        *_usable(asked),
        title=f"{asked.name} is not among this project's models",
        cause="" if model is None else "The name is right; the key's project may not use this model.",
        fix=other if model is None else f"Allow it under Limits in the project's settings, or take another\n{other}",
    )


def first_names(names: tuple[str, ...]) -> str:
    """Name the first few, and show by an ellipsis that there are more."""
    return f"{', '.join(names[:_TOLD])}{', …' if len(names) > _TOLD else ''}"


def _usable(asked: ModelCandidate) -> tuple[Evidence, ...]:
    """List the realtime models that the key may use, where there is a list and no row of its own for it."""
    names = best_first(filter(is_realtime, asked.listed or ())) if asked.list_models else ()
    return (evidence_of("realtime models", ", ".join(names)),) if names else ()


def _standing(asked: ModelCandidate, row: CheckRow) -> Finding:
    """It is there: say for how long."""
    days = asked.days_left or 0
    leaves = f"; retires {asked.shutdown_date} (in {days} {'day' if days == 1 else 'days'})" if days > 0 else ""
    if 0 < days <= asked.warn_days:
        return _retires_soon(asked, leaves, row)
    if asked.listed is None:  # nobody here said that it exists: the catalogue speaks for another server
        return row.skipped(f"{asked.no_list_reason}; the catalogue knows the name{leaves}")
    return row.passed(f"listed for this project{leaves}", *_usable(asked))


def _retires_soon(asked: ModelCandidate, leaves: str, row: CheckRow) -> Finding:
    where = "listed for this project" if asked.listed is not None else f"not asked: {asked.no_list_reason}"
    return row.problem(
        service.MODEL_RETIRES_SOON,
        headline(f"{where}{leaves}"),
        *_usable(asked),
        title=f"{asked.name} retires on {asked.shutdown_date}",
        fix=f"Try its successor now: {asked.command} {asked.replacement}",
    )
