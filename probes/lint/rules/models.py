"""Rules about names of models that are gone or about to go, made from the catalogue. Values only; see `rules.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.models import DEFAULT_MODEL, MODELS, ModelKind, ModelStatus
from probes.lint.rule import Pattern, ReplaceKeyword, Rule
from probes.lint.rules.patterns import (
    PYTHON,
    SCRIPT,
    Grammar,
    all_of,
    any_of,
    any_word,
    assigned_to,
    file_uses_realtime,
    for_all_languages,
    has_child,
    kind,
    matches_regex,
    method_call,
    none_of,
    quoted,
    string_matching,
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
    gone = (model for model in MODELS.values() if model.status is status and model.kind is not ModelKind.NONE)
    return {model.id: model.replacement or DEFAULT_MODEL for model in gone}


RETIRED_MODELS, RETIRING_MODELS = _named(ModelStatus.RETIRED), _named(ModelStatus.DEPRECATED)


@dataclass(frozen=True, slots=True)
class _Uses:
    """Where one of some models is used: given to a name such as `model`, or written into an address."""

    models: Mapping[str, str]

    def __call__(self, g: Grammar) -> Pattern:
        names = any_word(*self.models)
        kept = {"inside": {**kind("pair", *_DECLARATIONS[g.object]), "has": {"regex": _KEPT}}}
        # Transcribers are used for files as well, where other replacements hold.
        meant = all_of(
            string_matching(g, quoted(names)),
            any_of(matches_regex("realtime-"), matches_regex("gpt-realtime"), file_uses_realtime(g)),
        )
        return any_of(
            all_of(meant, assigned_to(g, _USED), none_of(kept)),
            all_of(meant, _fallback(g)),
            string_matching(g, rf"/realtime\?(?:[^\s'\"`]*&)?model=(?:{names})(?:[&'\"`]|$)"),
        )


_DECLARATIONS = {SCRIPT.object: ("variable_declarator", "assignment_expression"), PYTHON.object: ("assignment",)}


def _fallback(g: Grammar) -> Pattern:
    """The second argument of what reads a setting: `os.getenv("MODEL", "...")`, `params.set("model", "...")`."""
    named = has_child(all_of(kind(*g.string_kinds), matches_regex(r"(?i)model['\"]$")))
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), named)
    call = {"inside": method_call(g, "get|getenv|set|append|get_env")}
    return {"inside": all_of(arguments, call)}


RETIRED_MODEL = Rule(
    id="retired-model",
    severity=Severity.FAIL,
    title="A model that was retired",
    cause="It may still be minted for; the connection then ends with model_not_found and close 4004.",
    fix=f"Take its replacement, then prove it: sherpa-probe access --model {DEFAULT_MODEL}",
    patterns=for_all_languages(_Uses(RETIRED_MODELS)),
    keywords=tuple(RETIRED_MODELS),
    replacements=RETIRED_MODELS,
    autofix=(ReplaceKeyword(),),
)
RETIRING_MODEL = Rule(
    id="retiring-model",
    severity=Severity.WARNING,
    title="A model whose last day is announced",
    cause="From that day on connections with it are refused with model_not_found: sherpa-probe models tells the day.",
    fix="Try its replacement while both work, then change the name everywhere",
    patterns=for_all_languages(_Uses(RETIRING_MODELS)),
    keywords=tuple(RETIRING_MODELS),
    replacements=RETIRING_MODELS,
)
