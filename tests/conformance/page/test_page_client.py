"""The conformance suite with the browser's client as its client, in Chromium: both ends of the protocol at once."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio

from probes.conformance.options import ConformanceFlags, make_plan
from probes.conformance.registry import CASES
from probes.conformance.result import CaseResult
from probes.conformance.verdict import Failed, Passed
from tests.conformance.caught import BRIDGE
from tests.conformance.page.browser_thread import BrowserThread, browser_thread
from tests.conformance.page.client import PageRun
from tests.conformance.page.not_applicable import NOT_APPLICABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXCLUDED = [case for cases in NOT_APPLICABLE.values() for case in cases]
APPLICABLE = [case.id for case in CASES if case.id not in EXCLUDED]
#: A case or two of each group that take a moment.
BY_DAY = (
    "A-03",
    "A-17",
    "B-01",
    "C-01",
    "C-07",
    "D-01",
    "E-01",
    "F-01",
    "F-07",
    "G-04",
    "H-02",
    "H-04",
    "J-02",
    "K-05",
)
#: Defects of the independent bridge, and the case that must fail for each.
DEFECTS = {
    "ready-before-updated": "B-03",
    "chunk-lost": "C-01",
    "native-rewritten": "H-09",
    "errors-swallowed": "E-01",
    "error-flood": "E-04",
    "no-reconnect": "F-01",
    "speech-resent-twice": "F-01",
    "truncates-at-sent": "H-04",
    "no-truncate": "H-04",
    "upstream-leaked": "J-02",
}
#: Lanes mostly wait. Each has a page and a bridge of its own.
LANES = 3


def test_the_cases_that_do_not_run_exist_and_are_the_smaller_part() -> None:
    assert [case for case, count in Counter(EXCLUDED).items() if count > 1] == []
    assert set(EXCLUDED) - {case.id for case in CASES} == set()
    assert len(APPLICABLE) > 0.6 * len(CASES)
    assert {case[0] for case in APPLICABLE} == set("ABCDEFGHJK")
    assert set(BY_DAY) | set(DEFECTS.values()) <= set(APPLICABLE)


def verdicts(browser: BrowserThread, cases: Sequence[str], *, start: str | None = None) -> dict[str, CaseResult]:
    """Run cases against the reference bridge, or against that which a command starts."""
    plan = make_plan(ConformanceFlags(reference=start is None, start=start, cases=tuple(cases), jobs=LANES))
    found = dict[str, CaseResult]()

    async def run() -> None:
        async with aclosing(
            PageRun(plan=replace(plan, jobs=min(LANES, len(cases))), browser=browser).results()
        ) as results:
            async for result in results:
                assert isinstance(result, CaseResult), result
                found[result.case.id] = result

    trio.run(run)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserThread]:
    with browser_thread() as running, pytest.MonkeyPatch.context() as patch:
        # A crowded machine is no reason to refuse newcomers here: a page isn't told why it was refused.
        patch.setenv("SHERPA_BRIDGE_SHED_LAG_MS", "0")
        yield running


@pytest.fixture(scope="module")
def by_day(browser: BrowserThread) -> dict[str, CaseResult]:
    return verdicts(browser, BY_DAY)


@pytest.fixture(scope="module")
def by_night(browser: BrowserThread) -> dict[str, CaseResult]:
    return verdicts(browser, [case for case in APPLICABLE if case not in BY_DAY])


@pytest.mark.browser
@pytest.mark.wall_clock
@pytest.mark.parametrize("case", BY_DAY)
def test_a_case_passes_with_the_browsers_client(case: str, by_day: dict[str, CaseResult]) -> None:
    assert (by_day[case].verdict, by_day[case].ends) == (Passed(), ())


@pytest.mark.browser
@pytest.mark.nightly
@pytest.mark.wall_clock
@pytest.mark.parametrize("case", [case for case in APPLICABLE if case not in BY_DAY])
def test_every_other_case_passes_too(case: str, by_night: dict[str, CaseResult]) -> None:
    assert (by_night[case].verdict, by_night[case].ends) == (Passed(), ())


@pytest.mark.browser
@pytest.mark.nightly
@pytest.mark.wall_clock
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_another_bridge_is_seen_through_the_browsers_client(
    defect: str, browser: BrowserThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = DEFECTS[defect]
    assert verdicts(browser, [case], start=f"node {BRIDGE}")[case].verdict == Passed()
    monkeypatch.setenv("DEFECT", defect)
    assert isinstance(verdicts(browser, [case], start=f"node {BRIDGE}")[case].verdict, Failed)
