"""Cards and rows: the worst first, similar findings together, nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.model import Evidence, Finding, Place, Report, Severity
from reports.render.html.findings import findings_view, group_similar
from reports.render.html.limits import LEVELS

WIDE = LEVELS[0]


def finding(severity: Severity = Severity.FAIL, code: str = "ACCESS-X", **more: object) -> Finding:
    known: dict[str, object] = {"code": code, "severity": severity, "check": "key", "title": "no", "probe": "access"}
    return Finding(**(known | more))  # type: ignore[arg-type] # any field


def placed(line: int, text: str = "    open(url);", column: int = 5, end: int = 9, **more: object) -> Finding:
    place = Place(path="a.ts", line=line, column=column, end_line=line, end_column=end, text=text)
    return finding(code="LINT-X", probe="lint", place=place, **more)  # type: ignore[arg-type] # any field


def report(*findings: Finding) -> Report:
    return Report(tool="sherpa-probe smoke", version="1", started="s", seconds=0.0, findings=findings)


def test_problems_are_cards_worst_first_and_the_rest_is_none() -> None:
    found = findings_view(report(*(finding(severity, severity.name) for severity in Severity)), WIDE)
    assert [card.code for card in found.cards.shown] == ["FAIL", "ERROR", "WARNING"]
    assert [card.anchor for card in found.cards.shown] == ["problem-1", "problem-2", "problem-3"]


def test_the_verdict_stands_on_what_failed_not_on_warnings_beside_it() -> None:
    found = findings_view(report(finding(Severity.WARNING, "W"), *(finding(code=f"F{n}") for n in range(5))), WIDE)
    assert [card.code for card in found.reasons.shown] == ["F0", "F1", "F2"]
    assert found.reasons.left_out == 2


def test_the_verdict_stands_on_warnings_where_nothing_failed() -> None:
    found = findings_view(report(finding(Severity.WARNING, "W"), finding(Severity.PASS)), WIDE)
    assert [card.code for card in found.reasons.shown] == ["W"]


def test_the_same_finding_in_many_places_is_one_card_and_one_row() -> None:
    found = findings_view(report(placed(1), placed(2), finding(), placed(3)), WIDE)
    assert [len(card.places.shown) for card in found.cards.shown] == [3, 0]
    assert [[check.outcome for check in group.checks.shown] for group in found.groups] == [["no (3 places)"], ["no"]]


def test_remarks_that_differ_stand_at_their_place() -> None:
    (card,) = findings_view(report(placed(1), placed(2, title="another")), WIDE).cards.shown
    assert [spot.remarks for spot in card.places.shown] == [(), ("another",)]


def test_common_evidence_stands_once_and_different_evidence_at_its_place() -> None:
    same, other = (Evidence("found", "a"),), (Evidence("found", "b"),)
    (card,) = findings_view(report(placed(1, evidence=same), placed(2, evidence=same)), WIDE).cards.shown
    assert ([seen.lines for seen in card.evidence.shown], card.places.shown[1].remarks) == ([("a",)], ())
    (card,) = findings_view(report(placed(1, evidence=same), placed(2, evidence=other)), WIDE).cards.shown
    assert card.evidence.shown == ()
    assert [spot.remarks for spot in card.places.shown] == [("found: a",), ("found: b",)]


def test_findings_without_a_place_stay_alone_however_alike() -> None:
    assert len(group_similar([finding(), finding()])) == 2


def test_a_problem_s_row_links_to_its_card_and_does_not_repeat_the_evidence() -> None:
    (group,) = findings_view(report(finding(evidence=(Evidence("a", "b"),))), WIDE).groups
    (check,) = group.checks.shown
    assert (check.anchor, check.evidence.shown) == ("problem-1", ())


def test_checks_stand_by_probe_in_order_of_appearance_and_the_command_s_own_under_its_name() -> None:
    found = findings_view(report(finding(probe="access"), finding(probe=""), finding(probe="models"), finding()), WIDE)
    assert [(group.name, len(group.checks.shown)) for group in found.groups] == [
        ("access", 2),
        ("sherpa-probe smoke", 1),
        ("models", 1),
    ]


def test_rows_are_bounded_over_all_tables_and_what_is_left_out_is_counted() -> None:
    rows = [finding(Severity.PASS, probe=f"p{n // 3}") for n in range(12)]
    found = findings_view(report(*rows), replace(WIDE, checks=5))
    assert [(len(group.checks.shown), group.checks.left_out) for group in found.groups] == [(3, 0), (2, 1)]
    assert found.groups_left_out == 6


@pytest.mark.parametrize(
    ("text", "column", "end", "pieces"),
    [
        ("    open(url);", 5, 9, ("", "open", "(url);")),
        ("\tws.send(x);", 2, 8, ("", "ws.sen", "d(x);")),
        ("a = open(url)", 5, 9, ("a = ", "open", "(url)")),
        ("open", 1, 99, ("", "open", "")),
        ("open", 9, 12, ("open", "", "")),
        ("", 1, 5, ("", "", "")),
        ("a\tb", 2, 3, ("a", "    ", "b")),
    ],
)
def test_a_source_line_is_unindented_and_the_finding_is_marked(
    text: str, column: int, end: int, pieces: tuple[str, str, str]
) -> None:
    (card,) = findings_view(report(placed(7, text, column, end)), WIDE).cards.shown
    (spot,) = card.places.shown
    assert (spot.before, spot.marked, spot.after) == pieces
    assert spot.location == f"a.ts:7:{column}"


def test_of_a_very_long_line_the_part_around_the_mistake_is_shown() -> None:
    text = "x" * 5000 + "WRONG" + "y" * 5000
    (card,) = findings_view(report(placed(1, text, 5001, 5006)), WIDE).cards.shown
    (spot,) = card.places.shown
    assert spot.marked == "WRONG"
    assert len(spot.before + spot.marked + spot.after) == WIDE.short


def test_a_mistake_over_several_lines_is_marked_to_the_end_of_its_first() -> None:
    place = Place(path="a.ts", line=1, column=3, end_line=4, end_column=1, text="f(a,")
    (card,) = findings_view(report(finding(place=place)), WIDE).cards.shown
    assert card.places.shown[0].marked == "a,"


def test_the_lines_of_a_traceback_are_kept() -> None:
    value = "Traceback:\n  File a\n    x = 1"
    (card,) = findings_view(
        report(finding(evidence=(Evidence("traceback", value), Evidence("error", "one")))), WIDE
    ).cards.shown
    assert [seen.lines for seen in card.evidence.shown] == [("Traceback:", "  File a", "    x = 1"), ("one",)]
