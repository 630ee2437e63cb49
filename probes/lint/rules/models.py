"""Rules about retired and retiring models, made from `bridge/protocol/models.py`. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.models import DEFAULT_MODEL, MODELS, ModelKind, ModelStatus
from probes.lint.languages import PYTHON, SCRIPT, Grammar, Pattern
from probes.lint.rule import ReplaceKeyword, Rule, Scope
from probes.lint.rules.patterns import (
    all_of,
    any_of,
    any_word,
    assigned_to,
    file_uses_realtime,
    for_all_languages,
    has_child,
    has_parent,
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

#: Names of variables and fields for the model in use, and of those for other models, such as price lists.
_CURRENT_NAMES, _OTHER_NAMES = (
    r"(?i)model(?:_?(?:name|id))?['\"]?\]?$",
    r"(?i)old|retired|deprecated|legacy|former|gone|removed|price|cost",
)


def _models_with(status: ModelStatus) -> Mapping[str, str]:
    """Return the models with this status, with their replacements."""
    gone = (model for model in MODELS.values() if model.status is status and model.kind is not ModelKind.NONE)
    return {model.id: model.replacement or DEFAULT_MODEL for model in gone}


RETIRED_MODELS, RETIRING_MODELS = _models_with(ModelStatus.RETIRED), _models_with(ModelStatus.DEPRECATED)


@dataclass(frozen=True, slots=True)
class _ModelUse:
    """Matches the use of one of the models: assigned to a name such as `model`, or written into a URL."""

    models: Mapping[str, str]

    def __call__(self, g: Grammar) -> Pattern:
        names = any_word(*self.models)
        other = {"inside": {**kind("pair", *_DECLARATIONS[g.object]), "has": {"regex": _OTHER_NAMES}}}
        # Transcription models are also used for files, where other replacements apply.
        meant = all_of(
            string_matching(g, quoted(names)),
            any_of(matches_regex("realtime-"), matches_regex("gpt-realtime"), file_uses_realtime(g)),
        )
        return any_of(
            all_of(meant, assigned_to(g, _CURRENT_NAMES), none_of(other)),
            all_of(meant, _default_value(g)),
            all_of(string_matching(g, quoted(names)), matches_regex("realtime-"), _fallback_in_template(g)),
            string_matching(g, rf"/realtime\?(?:[^\s'\"`]*&)?model=(?:{names})(?:[&'\"`]|$)"),
        )


def _fallback_in_template(g: Grammar) -> Pattern:
    """Match a fallback within an address: `...?model=${process.env.MODEL || "..."}`."""
    place, whole = ("template_substitution", "template_string") if g is SCRIPT else ("interpolation", "string")
    address = has_parent(all_of(kind(whole), matches_regex(r"realtime\?\S*model=")))
    return {"inside": {**all_of(kind(place), address), "stopBy": none_of(g.transparent)}}


_DECLARATIONS = {SCRIPT.object: ("variable_declarator", "assignment_expression"), PYTHON.object: ("assignment",)}


def _default_value(g: Grammar) -> Pattern:
    """Match the second argument of `os.getenv("MODEL", "...")`, `params.set("model", "...")` and the like."""
    named = has_child(all_of(kind(*g.string_kinds), matches_regex(r"(?i)model['\"]$")))
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), named)
    call = {"inside": method_call(g, "get|getenv|set|append|get_env")}
    return {"inside": all_of(arguments, call)}


RETIRED_MODEL = Rule(
    id="retired-model",
    severity=Severity.FAIL,
    scope=Scope.MODEL,
    title="A retired model is used",
    cause="A client secret may still be issued for it, but the connection ends with model_not_found and close 4004.",
    fix=f"Use its replacement, then test it: sherpa-probe access --model {DEFAULT_MODEL}",
    patterns=for_all_languages(_ModelUse(RETIRED_MODELS)),
    keywords=tuple(RETIRED_MODELS),
    replacements=RETIRED_MODELS,
    autofix=(ReplaceKeyword(),),
    is_safe=False,
)
RETIRING_MODEL = Rule(
    id="retiring-model",
    severity=Severity.WARNING,
    scope=Scope.MODEL,
    title="A model that will be retired is used",
    cause="After its retirement connections are refused with model_not_found; sherpa-probe models shows the date.",
    fix="Test the replacement while both work, then change the name everywhere",
    patterns=for_all_languages(_ModelUse(RETIRING_MODELS)),
    keywords=tuple(RETIRING_MODELS),
    replacements=RETIRING_MODELS,
)
