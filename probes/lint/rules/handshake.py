"""Rules about the opening handshake: headers and subprotocols that request the beta dialect. Values only.

Sources: recordings of 2026-09.
"""

from __future__ import annotations

from bridge.protocol.dialects.detection import BETA_SUBPROTOCOL
from probes.lint.languages import SCRIPT, Grammar, Pattern
from probes.lint.rule import RemoveElement, Rule, Scope
from probes.lint.rules.patterns import (
    all_of,
    any_of,
    entry,
    file_names_other_service,
    for_all_languages,
    has_child,
    has_parent,
    kind,
    method_call,
    none_of,
    quoted,
    string_literal,
    string_matching,
)
from reports.model import Severity

_BETA_REFUSED = "The service has refused the beta dialect since 2026-05-12: beta_api_shape_disabled, close 4000."
#: Regexes of the header's name and value.
_HEADER_NAME, _HEADER_VALUE = "(?i:openai-beta)", r"realtime=v1"


def _set_header(g: Grammar) -> Pattern:
    """Match `headers["OpenAI-Beta"] = "realtime=v1"`."""
    sides = [
        {"has": {"field": "left", "regex": rf"\[['\"`]{_HEADER_NAME}['\"`]\]$"}},
        {"has": {"field": "right", **string_literal(g, _HEADER_VALUE)}},
    ]
    return {"kind": "assignment_expression" if g is SCRIPT else "assignment", "all": sides}


def _beta_header(g: Grammar) -> Pattern:
    in_list = all_of(string_matching(g, quoted(rf"{_HEADER_NAME}:\s*{_HEADER_VALUE}")), {"inside": kind(*g.list_kinds)})
    pair = all_of(
        kind(*g.list_kinds),
        has_child(string_matching(g, quoted(_HEADER_NAME))),
        has_child(string_literal(g, _HEADER_VALUE)),
    )
    as_pair = all_of(pair, has_parent(kind(*g.list_kinds)))
    arguments = kind("arguments" if g is SCRIPT else "argument_list")
    as_call = all_of(
        method_call(g, "set|append|setHeader|header|add_header|putheader|update_header"),
        has_child(
            all_of(
                arguments,
                has_child(string_matching(g, quoted(_HEADER_NAME))),
                has_child(string_literal(g, _HEADER_VALUE)),
            )
        ),
    )
    asked = any_of(entry(g, _HEADER_NAME, string_literal(g, _HEADER_VALUE)), in_list, as_pair, as_call, _set_header(g))
    return all_of(asked, none_of(file_names_other_service(g)))


BETA_HEADER = Rule(
    id="beta-header",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="A header requests the beta dialect",
    cause=f"{_BETA_REFUSED} The upgrade itself still succeeds, so the connection seems to fail for no reason.",
    fix="Remove the header, then migrate the beta's session fields and event names: sherpa-probe explain 4000",
    patterns=for_all_languages(_beta_header),
    keywords=(_HEADER_VALUE,),
    autofix=(RemoveElement(),),
)

BETA_SUBPROTOCOL_RULE = Rule(
    id="beta-subprotocol",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="A subprotocol requests the beta dialect",
    cause=f"{_BETA_REFUSED} In a browser the subprotocol takes the place of the header.",
    fix="Offer only realtime and openai-insecure-api-key.<client secret>",
    patterns=for_all_languages(
        lambda g: all_of(
            string_literal(g, BETA_SUBPROTOCOL),
            {
                "inside": all_of(
                    kind(*g.list_kinds),
                    any_of(
                        has_child(string_matching(g, quoted(r"realtime|openai-insecure-api-key\..*"))),
                        {"inside": kind("argument_list", "keyword_argument", "pair")}
                        if g is not SCRIPT
                        else {"inside": kind("arguments", "pair")},
                    ),
                )
            },
        )
    ),
    keywords=(BETA_SUBPROTOCOL,),
    autofix=(RemoveElement(),),
)
