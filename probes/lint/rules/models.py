"""Rules about names of models that are gone or about to go, made from the catalogue. Values only; see `rules.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.models import DEFAULT_MODEL, MODELS, ModelStatus, Socket
from probes.lint.rule import Rule, Shape, SwapWord
from probes.lint.rules.patterns import (
    PYTHON,
    SCRIPT,
    Grammar,
    all_of,
    both,
    child,
    given_to,
    kind,
    looks_like,
    method,
    no,
    one_of,
    quoted,
    speaks_realtime,
    text,
    words,
)
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names under which a program keeps the model that it uses, and such under which it keeps others.
_USED, _KEPT = (
    r"(?i)model(?:_?(?:name|id))?['\"]?\]?$",
    r"(?i)old|retired|deprecated|legacy|former|gone|removed|price|cost",
)


def _named(status: ModelStatus) -> Mapping[str, str]:
    """Every model of this status, with what replaces it."""
    gone = (model for model in MODELS.values() if model.status is status and model.socket is not Socket.NONE)
    return {model.id: model.replacement or DEFAULT_MODEL for model in gone}


RETIRED, RETIRING = _named(ModelStatus.RETIRED), _named(ModelStatus.DEPRECATED)


@dataclass(frozen=True, slots=True)
class _Uses:
    """Where one of some models is used: given to a name such as `model`, or written into an address."""

    models: Mapping[str, str]

    def __call__(self, g: Grammar) -> Shape:
        names = words(*self.models)
        kept = {"inside": {**kind("pair", *_DECLARATIONS[g.object]), "has": {"regex": _KEPT}}}
        # Transcribers are used for files as well, where other replacements hold.
        meant = all_of(
            text(g, quoted(names)), one_of(looks_like("realtime-"), looks_like("gpt-realtime"), speaks_realtime(g))
        )
        return one_of(
            all_of(meant, given_to(g, _USED), no(kept)),
            all_of(meant, _fallback(g)),
            text(g, rf"/realtime\?(?:[^\s'\"`]*&)?model=(?:{names})(?:[&'\"`]|$)"),
        )


_DECLARATIONS = {SCRIPT.object: ("variable_declarator", "assignment_expression"), PYTHON.object: ("assignment",)}


def _fallback(g: Grammar) -> Shape:
    """The second argument of what reads a setting: `os.getenv("MODEL", "...")`, `params.set("model", "...")`."""
    named = child(all_of(kind(*g.texts), looks_like(r"(?i)model['\"]$")))
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), named)
    call = {"inside": method(g, "get|getenv|set|append|get_env")}
    return {"inside": all_of(arguments, call)}


RETIRED_MODEL = Rule(
    id="retired-model",
    severity=Severity.FAIL,
    title="A model that was retired",
    why="It may still be minted for; the connection then ends with model_not_found and close 4004.",
    fix=f"Take its replacement, then prove it: sherpa-probe access --model {DEFAULT_MODEL}",
    looks=both(_Uses(RETIRED)),
    words=tuple(RETIRED),
    instead=RETIRED,
    edits=(SwapWord(),),
)
RETIRING_MODEL = Rule(
    id="retiring-model",
    severity=Severity.WARNING,
    title="A model whose last day is announced",
    why="From that day on connections with it are refused with model_not_found: sherpa-probe models tells the day.",
    fix="Try its replacement while both work, then change the name everywhere",
    looks=both(_Uses(RETIRING)),
    words=tuple(RETIRING),
    instead=RETIRING,
)
