"""The model's layer of access: whether it is there, for how long, and whether it holds conversations.

Two witnesses: the list that the server gave, which is newer, and the catalogue, which knows sockets and replacements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from bridge.protocol.dialects import Dialect
from bridge.protocol.models import DEFAULT_MODEL, MODELS, Model, ModelStatus, Socket, lookup, nearest
from bridge.upstream.endpoint import parse_url
from probes.findings import Row, seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.visit import Visit
    from reports.model import Finding

ROW = Row("access", "model")

#: A model that goes within this many days is worth a warning: a release may take that long.
WARN_DAYS = 60
#: So many models fit into a row.
_TOLD = 3
_PUBLIC_HOST = "api.openai.com"

#: What a model is for that can't hold a conversation.
_PURPOSES: Mapping[Socket, tuple[str, str]] = {
    Socket.TRANSCRIPTION: (
        "transcribes only",
        "put it into session.audio.input.transcription.model, and a realtime model into the URL",
    ),
    Socket.TRANSLATION: (
        "translates only",
        "open wss://HOST/v1/realtime/translations?model=MODEL, or take a realtime model for conversations",
    ),
    Socket.LIVE: (
        "belongs to the Live API, which is another protocol",
        "connect to /v1/live/sessions with it, or take a realtime model here",
    ),
    Socket.NONE: ("is not for sockets at all", "use it over REST, and take a realtime model here"),
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
        "MODEL-RETIRED",
        f"{asked.name} was retired{f' on {end}' if end else ''}",
        seen("", f"{asked.name} retired{f' {end}' if end else ''}; replaced by {replacement}"),
        cause="It may still be minted for; the connection then dies with model_not_found and close 4004.",
        fix=f"change the name everywhere, then: sherpa-probe access --model {replacement}",
    )


def _wrong_socket(asked: Asked, model: Model) -> Finding:
    purpose, fix = _PURPOSES[model.socket]
    return ROW.problem(
        "MODEL-WRONG-SOCKET",
        f"{asked.name} {purpose}",
        seen("", f"{asked.name} {purpose}: no model for a conversation"),
        cause="The service refuses it on this socket with invalid_model and close 4000.",
        fix=f"{fix.replace('MODEL', asked.name)}\nsherpa-probe access --model {DEFAULT_MODEL}",
    )


def _not_listed(asked: Asked, model: Model | None) -> Finding:
    listed = asked.listed or {}
    others = [name for name in listed if _is_realtime(name)]
    if not others and model is None:
        return ROW.noted("MODEL-UNKNOWN", "not in the server's list, which names no realtime model; going on")
    if not others:
        return ROW.problem(
            "NO-REALTIME-MODELS",
            "This project has no realtime model at all",
            seen("", f"{len(listed)} models listed, none of them realtime"),
            cause="The key's project or organization may not use the Realtime API, or the project's limits exclude it.",
            fix="allow realtime models under Limits in the project's settings, or use another project's key",
        )
    near = nearest(asked.name, others) or others[0]
    return ROW.problem(
        "MODEL-NOT-LISTED",
        f"{asked.name} is not among this project's models",
        seen("", f"not listed; there are {', '.join(sorted(others)[:_TOLD])}{', …' if len(others) > _TOLD else ''}"),
        seen("realtime models", ", ".join(sorted(others))),
        cause="The name is mistyped, or the key's project may not use this model.",
        fix=f"sherpa-probe access --model {near}",
    )


def _standing(asked: Asked, model: Model | None) -> Finding:
    """It is there: say for how long."""
    where = "listed for this project" if asked.listed is not None else f"known; not asked: {asked.unlisted}"
    end = _end(asked, model)
    if end is None or end <= asked.day:
        return ROW.passed(where)
    days = (end - asked.day).days
    told = f"{where}; retires {end} (in {days} {'day' if days == 1 else 'days'})"
    if days >= WARN_DAYS:
        return ROW.passed(told)
    replacement = (model.replacement if model else None) or DEFAULT_MODEL
    return ROW.warned(
        "MODEL-RETIRES-SOON",
        f"{asked.name} retires on {end}",
        seen("", told),
        cause="From that day on connections with it are refused with model_not_found.",
        fix=f"try its successor now: sherpa-probe access --model {replacement}",
    )


def _is_realtime(name: str) -> bool:
    model = MODELS.get(name)
    if model is not None:
        return model.socket is Socket.REALTIME
    return "realtime" in name and "whisper" not in name and "translate" not in name
