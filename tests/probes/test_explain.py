"""Every code that a probe can report is explained, in any case; an unknown one gets a suggestion."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from bridge.client_protocol.errors import ERRORS, ClientCode
from bridge.protocol.refusals.lookup import CLOSE_CODES, ERROR_CODES, HTTP_STATUSES, all_refusals
from probes.access.auth_forms import FORMS, AuthForm
from probes.access.probe import LAYERS
from probes.bridge.probe import CHECKS
from probes.bridge.unseen import UNSEEN
from probes.cli import cli
from probes.explain import explain, known_codes, render_text, suggest
from probes.problem_catalogue import PROBLEMS
from probes.runner.findings import slug_of
from probes.runner.registry import CHECK_NAMES

if TYPE_CHECKING:
    from reports.problem import Problem

SOURCES = Path(__file__).parents[2] / "probes"


@pytest.mark.parametrize("code", [*ERROR_CODES, *map(str, CLOSE_CODES), *(str(status) for _, status in HTTP_STATUSES)])
def test_every_code_and_status_of_the_tables_is_explained(code: str) -> None:
    meanings = explain(code)
    assert meanings
    assert all(meaning.cause and meaning.fix for meaning in meanings)


@pytest.mark.parametrize("code", ClientCode)
def test_every_error_code_of_a_bridge_is_explained_first_and_in_any_case(code: ClientCode) -> None:
    first = explain(code)[0]
    assert (first.slug, first.title, first.retryable) == (code, ERRORS[code].title, ERRORS[code].retryable)
    assert code in [meaning.slug for meaning in explain(code.lower())]
    assert code in known_codes()


def test_a_code_in_lower_case_is_the_service_s_first() -> None:
    assert [meaning.slug for meaning in explain("session_expired")] == ["SESSION-EXPIRED", "SESSION_EXPIRED"]


@pytest.mark.parametrize("slug", [refusal.slug for refusal in all_refusals()])
def test_every_finding_code_of_a_refusal_is_explained(slug: str) -> None:
    assert [meaning.slug for meaning in explain(f"ACCESS-{slug}")] == [slug]


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.code)
def test_every_problem_is_explained_by_its_code_in_any_case(problem: Problem) -> None:
    for code in (problem.code, problem.code.lower()):
        assert [(m.title, m.cause, m.fix) for m in explain(code)] == [(problem.title, problem.cause, problem.fix)]


def test_a_case_of_the_conformance_suite_says_what_it_does_and_what_the_protocol_says() -> None:
    for code in ("B-03", "conformance-b-03"):
        (meaning,) = explain(code)
        assert meaning.does == "Lets the upstream confirm the configuration 600 ms late."
        text = render_text(code, [meaning])
        assert "wants  `session_ready` comes after `session.updated` of the upstream. (Session" in text
        assert "why    Before that the assistant has the wrong instructions" in text


def test_no_problem_has_the_code_of_a_refusal_or_of_another_problem() -> None:
    codes = {problem.code for problem in PROBLEMS.values()}
    assert not codes & {f"ACCESS-{refusal.slug}" for refusal in all_refusals()}
    assert len(codes) == len(PROBLEMS)


SLUG = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+")
#: Words of the same form that are no codes: what people put in place of something, and encodings.
NO_CODES = {"UTF-8", "NOT-CHECKED", "YYYY-MM"}


def sources() -> list[Path]:
    """The probes' sources; of lint's, whose rules have ids of their own, only the problems."""
    found = sorted(SOURCES.rglob("*.py"))
    return [path for path in found if "lint" not in path.relative_to(SOURCES).parts or path.name == "problems.py"]


def slugs_in(path: Path) -> set[str]:
    """Every text constant of a source file that has the form of a slug."""
    constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {text for text in constants if isinstance(text, str) and SLUG.fullmatch(text)} - NO_CODES


def test_every_slug_in_the_sources_is_explained() -> None:
    found = {slug for path in sources() for slug in slugs_in(path)}
    assert {"ACCESS-MODEL-NOT-LISTED", "CONFIG-KEY-SUSPECT", "ACCESS-SCENARIO-LATER"} <= found
    probes = ("ACCESS", "BRIDGE", "CONFIG", "CONFORMANCE", "EVENTS", "LINT", "MODELS", "PROBE", "REPORT", "USAGE")
    assert [slug for slug in found if not any(explain(code) for code in (slug, *(f"{p}-{slug}" for p in probes)))] == []


def test_codes_are_written_only_where_the_problems_are_defined() -> None:
    shared = {refusal.slug for refusal in all_refusals()}  # the bridge has some of the service's under the same slug
    own = set(PROBLEMS) | {problem.slug for problem in PROBLEMS.values() if "-" in problem.slug} - shared
    for path in sources():
        if "problems" not in (path.stem, path.parent.name):
            assert slugs_in(path) & own == set(), path.name


@pytest.mark.parametrize(("probe", "check"), [(probe, check) for probe in CHECK_NAMES for check in CHECK_NAMES[probe]])
@pytest.mark.parametrize("ending", ["OK", "SKIPPED", "NOT-CHECKED"])
def test_passed_and_skipped_checks_are_explained_by_their_name(probe: str, check: str, ending: str) -> None:
    (meaning,) = explain(f"{probe.upper()}-{slug_of(check)}-{ending}")
    assert f"'{check}'" in meaning.title


def test_the_rows_are_those_of_the_probes() -> None:
    assert set(CHECK_NAMES["access"]) == {*(layer.name for layer in LAYERS), "auth"}
    seen = {check.name for rows in CHECKS.values() for check in rows}
    assert set(CHECK_NAMES["bridge"]) == seen | {quality.check for quality in UNSEEN}


def test_what_was_not_checked_is_explained() -> None:
    (meaning,) = explain("BRIDGE-SERVICE-ERRORS-NOT-CHECKED")
    assert meaning.title == "'service errors' was not checked"
    assert explain("BRIDGE-ALL-NOT-CHECKED")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_of_authentication_is_explained(form: AuthForm) -> None:
    (meaning,) = explain(f"ACCESS-AUTH-{form.name.upper()}")
    assert form.title in meaning.title


@pytest.mark.parametrize("code", ["ACCESS-NONSENSE-OK", "ACCESS-AUTH-NONSENSE", "ACCESS-", "", "OK"])
def test_unknown_checks_and_forms_are_not_explained(code: str) -> None:
    assert explain(code) == []


def test_error_codes_are_known_in_any_case() -> None:
    assert explain("Insufficient_QUOTA")[0].slug == "NO-QUOTA"
    assert explain("deploymentnotfound")[0].slug == "AZURE-NO-DEPLOYMENT"


@pytest.mark.parametrize("width", [40, 80])
def test_commands_and_urls_are_not_broken_across_lines(width: int) -> None:
    text = render_text("KEY-REFUSED", explain("KEY-REFUSED"), width)
    assert "https://platform.openai.com/api-keys" in text
    assert "sherpa-\n" not in text


def test_a_status_with_several_meanings_shows_each_with_its_place() -> None:
    text = render_text("401", explain("401"))
    assert text.startswith("401 has 3 meanings")
    assert "KEY-REFUSED" in text
    assert "AZURE-KEY-REFUSED" in text
    assert "REST status 401" in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_unknown_code_is_wrong_usage_with_a_suggestion() -> None:
    result = CliRunner().invoke(cli, ["explain", "invalid_api_kee"])
    assert result.exit_code == 2
    assert "did you mean invalid_api_key?" in result.output
    assert suggest("4001") == ": did you mean 4000?"
    assert suggest("ACCESS-KEY-REFUSD") == ": did you mean ACCESS-KEY-REFUSED?"
    assert suggest("Model-Retird") == ": did you mean MODEL-RETIRED?"


def test_a_number_unlike_any_other_lists_the_known_ones() -> None:
    suggestion = suggest("9999")
    assert "close codes: 1000, " in suggestion
    assert " 4004; HTTP statuses: 200, " in suggestion


@pytest.mark.parametrize("code", sorted(set(known_codes())))
def test_every_known_code_is_explained(code: str) -> None:
    assert explain(code) != []


@pytest.mark.parametrize("typed", ["beta-header", "BETA-HEADER", "LINT-BETA-HEADER", "lint-beta-header"])
def test_a_lint_rule_is_explained_by_the_id_that_lint_prints(typed: str) -> None:
    assert [meaning.seen_as for meaning in explain(typed)] == [("finding LINT-BETA-HEADER",)]


def test_a_finding_is_explained_under_the_given_name() -> None:
    assert render_text("access-no-quota", explain("access-no-quota")).startswith("ACCESS-NO-QUOTA  ")
    assert render_text("insufficient_quota", explain("insufficient_quota")).startswith("NO-QUOTA  ")


@pytest.mark.parametrize("code", ["9" * 5000, "0" * 5000, " 4000" + "0" * 5000])
def test_a_number_longer_than_any_is_answered_like_any_other(code: str) -> None:
    assert explain(code) == []
    assert suggest(code)


def test_json_holds_cause_and_fix() -> None:
    result = CliRunner().invoke(cli, ["explain", "4000", "--json"])
    document = json.loads(result.output)
    assert (document["schema_version"], document["code"]) == (1, "4000")
    assert result.output.startswith('{\n  "schema_version": 1')
    assert document["meanings"][0]["slug"] == "SHAPE-REFUSED"
    assert document["meanings"][0]["fix"]


@pytest.mark.parametrize("code", ["LINT-BETA-HEADER", "beta-header"])
def test_a_rule_of_lint_is_explained_with_bad_and_good_code(code: str) -> None:
    [meaning] = explain(code)
    assert meaning.bad is not None
    assert meaning.good is not None
    assert "realtime=v1" in meaning.bad
    assert "realtime=v1" not in meaning.good
    lines = render_text(code, [meaning]).splitlines()
    assert lines.index("  bad") < lines.index("  good")
