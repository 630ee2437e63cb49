"""The model's layer of access: whether it is there, for how long, and whether it holds conversations.

Two witnesses: the list that the server gave, which is newer, and the catalogue, which knows sockets and replacements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from bridge.protocol.dialects import Dialect
from bridge.protocol.models import DEFAULT_MODEL, MODELS, Model, ModelStatus, Socket, lookup
from bridge.upstream.endpoint import parse_url
from probes import problems_service as service
from probes.findings import Row, seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from probes.visit import Visit
    from reports.model import Evidence, Finding

ROW = Row("access", "model")

#: A model that goes within this many days is worth a warning: a release may take that long.
WARN_DAYS = 60
#: So many models fit into a row.
_TOLD = 3
_PUBLIC_HOST = "api.openai.com"
#: Names whose likeness to a mistyped one differs by no more than this are equally near.
_EQUALLY_NEAR = 0.06

#: What a model is for that can't hold a conversation.
_PURPOSES: Mapping[Socket, tuple[str, str]] = {
    Socket.TRANSCRIPTION: (
        "transcribes only",
        "Put it into session.audio.input.transcription.model, and a realtime model into the URL",
    ),
    Socket.TRANSLATION: (
        "translates only",
        "Open wss://HOST/v1/realtime/translations?model=MODEL, or take a realtime model for conversations",
    ),
    Socket.LIVE: (
        "belongs to the Live API, which is another protocol",
        "Connect to /v1/live/sessions with it, or take a realtime model here",
    ),
    Socket.NONE: ("is not for sockets at all", "Use it over REST, and take a realtime model here"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be judged, and all that is known about it."""

    name: str
    day: date
    listed: Mapping[str, date | None] | None
    """The server's list, with the days of their end; None where there is none."""
    unlisted: str = ""
    """Why there is no list."""
    azure: bool = False
    beta: bool = False
    """The beta dialect was asked for, which only servers other than the public one still speak."""
    public: bool = True
    """It is OpenAI's own service, for which the catalogue speaks."""


async def check_model(visit: Visit) -> Finding:
    """Judge the model by the list that came with the key's layer; costs nothing."""
    target = visit.target
    visit.realtime_models = best_first(filter(_is_realtime, visit.models.ids if visit.models else ()))
    return judge(
        Asked(
            name=target.model,
            day=datetime.now(UTC).date(),
            listed=visit.models.ids if visit.models else None,
            unlisted=visit.unlisted,
            azure=target.upstream.azure,
            beta=target.dialect is Dialect.BETA,
            public=bool(target.scenario) or parse_url(target.upstream.base_url).host == _PUBLIC_HOST,
        )
    )


def model_late(_: Visit) -> Finding:
    """Nothing is waited for here."""
    raise AssertionError("judging a model takes no time")


def judge(asked: Asked) -> Finding:
    """Say how it stands with this model."""
    if asked.azure:
        return ROW.skipped("on Azure this is the name of a deployment; the socket tells whether it exists")
    model = lookup(asked.name)
    if model is not None and model.socket is not Socket.REALTIME:
        return _wrong_socket(asked, model)
    if asked.listed is not None and asked.name not in asked.listed:
        return _retired(asked, model) if _is_over(asked, model) else _not_listed(asked, model)
    if _is_over(asked, model):
        return _retired(asked, model)
    if model is None and asked.listed is None:
        return ROW.skipped(f"{asked.unlisted}, and {asked.name} is in no catalogue; the socket has the last word")
    return _standing(asked, model)


def _end(asked: Asked, model: Model | None) -> date | None:
    """Tell the last word about its end: the list's, or else the catalogue's."""
    told = (asked.listed or {}).get(asked.name)
    return told or (model.shutdown if model else None)


def _is_over(asked: Asked, model: Model | None) -> bool:
    end = _end(asked, model)
    by_date = end is not None and end <= asked.day
    without_date = end is None and model is not None and model.status_on(asked.day) is ModelStatus.RETIRED
    own_rules = (asked.beta or not asked.public) and asked.name in (asked.listed or {asked.name: None})
    return (by_date or without_date) and not own_rules


def _retired(asked: Asked, model: Model | None) -> Finding:
    replacement = (model.replacement if model else None) or DEFAULT_MODEL
    end = _end(asked, model)
    return ROW.problem(
        service.MODEL_RETIRED,
        seen("", f"{asked.name} retired{f' {end}' if end else ''}; replaced by {replacement}"),
        *_usable(asked),
        title=f"{asked.name} was retired{f' on {end}' if end else ''}",
        fix=f"Change the name everywhere, then: sherpa-probe access --model {replacement}",
    )


def _wrong_socket(asked: Asked, model: Model) -> Finding:
    purpose, fix = _PURPOSES[model.socket]
    return ROW.problem(
        service.MODEL_WRONG_SOCKET,
        seen("", f"{asked.name} {purpose}: no model for a conversation"),
        *_usable(asked),
        title=f"{asked.name} {purpose}",
        fix=f"{fix.replace('MODEL', asked.name)}\nsherpa-probe access --model {DEFAULT_MODEL}",
    )


def _not_listed(asked: Asked, model: Model | None) -> Finding:
    listed = asked.listed or {}
    others = best_first(filter(_is_realtime, listed))
    if not others and model is None:
        return ROW.noted(
            service.MODEL_UNKNOWN.slug, "not in the server's list, which names no realtime model; going on"
        )
    if not others:
        told = seen("", f"{len(listed)} models listed, none of them realtime")
        return ROW.problem(service.NO_REALTIME_MODELS, told)
    return ROW.problem(
        service.MODEL_NOT_LISTED,
        seen("", f"not listed; there are {', '.join(others[:_TOLD])}{', …' if len(others) > _TOLD else ''}"),
        *_usable(asked),
        title=f"{asked.name} is not among this project's models",
        fix=f"sherpa-probe access --model {closest(asked.name, others)}",
    )


def _usable(asked: Asked) -> tuple[Evidence, ...]:
    """List the realtime models that the key may use, where there is a list."""
    names = best_first(filter(_is_realtime, asked.listed or ()))
    return (seen("realtime models", ", ".join(names)),) if names else ()


def best_first(names: Iterable[str]) -> tuple[str, ...]:
    """Order models as one would recommend them: the catalogue's order, current ones first, strangers last."""
    known = list(MODELS)
    return tuple(sorted(names, key=lambda name: (_age(name), known.index(name) if name in MODELS else 0, name)))


def _age(name: str) -> int:
    model = MODELS.get(name)
    return 1 if model is None else 0 if model.status is ModelStatus.CURRENT else 2


def closest(name: str, among: tuple[str, ...]) -> str:
    """Guess which one was meant; of equally near ones the best. `among` is not empty and stands best first."""
    like = {one: SequenceMatcher(None, name.strip().casefold(), one.casefold()).ratio() for one in among}
    return next(one for one in among if like[one] >= max(like.values()) - _EQUALLY_NEAR)


def _standing(asked: Asked, model: Model | None) -> Finding:
    """It is there: say for how long."""
    end = _end(asked, model)
    days = (end - asked.day).days if end is not None else 0
    leaves = f"; retires {end} (in {days} {'day' if days == 1 else 'days'})" if days > 0 else ""
    if 0 < days < WARN_DAYS:
        return _retires_soon(asked, model, leaves)
    if asked.listed is None:  # nobody here said that it exists: the catalogue speaks for another server
        return ROW.skipped(f"{asked.unlisted}; the catalogue knows the name{leaves}")
    return ROW.passed(f"listed for this project{leaves}", *_usable(asked))


def _retires_soon(asked: Asked, model: Model | None, leaves: str) -> Finding:
    replacement = (model.replacement if model else None) or DEFAULT_MODEL
    where = "listed for this project" if asked.listed is not None else f"not asked: {asked.unlisted}"
    return ROW.problem(
        service.MODEL_RETIRES_SOON,
        seen("", f"{where}{leaves}"),
        *_usable(asked),
        title=f"{asked.name} retires on {_end(asked, model)}",
        fix=f"Try its successor now: sherpa-probe access --model {replacement}",
    )


def _is_realtime(name: str) -> bool:
    model = MODELS.get(name)
    if model is not None:
        return model.socket is Socket.REALTIME
    return "realtime" in name and "whisper" not in name and "translate" not in name
