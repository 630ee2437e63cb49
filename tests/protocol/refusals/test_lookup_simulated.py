"""Every refusal on record is provoked at the simulator and must be explained from what came over the wire alone."""

from __future__ import annotations

import pytest
import trio

from bridge.protocol.refusals.lookup import (
    CLOSE_CODES,
    ERROR_CODES,
    HTTP_STATUSES,
    HttpExchange,
    Refusal,
    all_refusals,
    refusal_for_close,
    refusal_for_error,
    refusal_for_status,
)
from bridge.simulator.embedded import open_simulator
from bridge.upstream.client_codes import client_code
from bridge.upstream.dial.dial import dial
from probes.runner.findings import CheckRow as FindingRow
from reports.model import Severity
from tests.protocol.refusals.close_cases import CLOSE_CASES
from tests.protocol.refusals.error_cases import ERROR_CASES
from tests.protocol.refusals.provoke import (
    MODEL,
    TIMEOUT_SECONDS,
    HttpObservation,
    SessionObservation,
    SessionProvocation,
    observe,
)
from tests.protocol.refusals.simulated_case import CLIENT_ERRORS, SimulatedCase
from tests.protocol.refusals.status_cases import MINTED, OFFERED, STATUS_CASES

ALL_CASES = (*ERROR_CASES, *CLOSE_CASES, *STATUS_CASES)
#: On the wire this one is a type, its code being null.
CODES_SEEN_AS_TYPE = frozenset({"server_error"})
#: Refusals that cannot be provoked: they are for what no table knows.
GENERAL = frozenset({"UNKNOWN-ERROR", "CLOSED", "HTTP-ERROR"})
#: Whether these end a session was never recorded; as a first frame the simulator closes behind them.
END_UNRECORDED = frozenset({"RATE-LIMITED", "SERVER-ERROR"})


def cases(*chosen: SimulatedCase) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.name)


@cases(*ERROR_CASES)
async def test_a_provoked_error_is_explained(case: SimulatedCase) -> None:
    observed = await observe(case.how)
    error = observed.error
    assert error
    assert case.key in (error["type"] if case.key in CODES_SEEN_AS_TYPE else error["code"], error["code"])
    assert refusal_for_error(error).slug == case.slug
    if isinstance(observed, HttpObservation):
        assert refusal_for_status(observed.exchange, observed.status, observed.body).slug == case.slug


@cases(*(case for case in ERROR_CASES if isinstance(case.how, SessionProvocation)))
async def test_a_close_follows_an_error_exactly_where_the_table_says_fatal(case: SimulatedCase) -> None:
    observed = await observe(case.how)
    assert isinstance(observed, SessionObservation)
    assert observed.error
    refusal = refusal_for_error(observed.error)
    if refusal.slug not in END_UNRECORDED:
        assert (observed.closed is not None) is refusal.fatal
    if observed.closed is not None and refusal.slug not in ("TRANSCRIPTION-MODEL", "MODEL-WITH-INTENT"):
        assert refusal_for_close(*observed.closed).slug == case.slug


@cases(*CLOSE_CASES)
async def test_a_provoked_close_is_explained(case: SimulatedCase) -> None:
    observed = await observe(case.how)
    assert isinstance(observed, SessionObservation)
    assert observed.closed is not None
    code, reason = observed.closed
    assert code == case.key
    assert refusal_for_close(code, reason).slug == case.slug
    assert refusal_for_close(code, reason).fatal


@cases(*STATUS_CASES)
async def test_a_provoked_status_is_explained_by_its_exchange(case: SimulatedCase) -> None:
    observed = await observe(case.how)
    assert isinstance(observed, HttpObservation)
    assert (observed.exchange, observed.status) == case.key
    assert refusal_for_status(observed.exchange, observed.status, observed.body).slug == case.slug


async def test_the_service_echoes_a_close_that_the_client_asked_for() -> None:
    with trio.fail_after(TIMEOUT_SECONDS):
        async with open_simulator() as running:
            headers = [("authorization", f"Bearer {running.api_key.reveal()}")]
            link = (await dial(f"{running.websocket_url}?model={MODEL}", headers=headers)).link
            await link.receive()
            await link.close(1000)
    assert link.close_code == 1000
    assert refusal_for_close(1000, link.close_reason).slug == "CLOSED-NORMALLY"


async def test_a_redirect_has_a_location() -> None:
    redirected = next(case for case in STATUS_CASES if case.slug == "REDIRECTED")
    observed = await observe(redirected.how)
    assert isinstance(observed, HttpObservation)
    assert observed.headers["location"].startswith("https://")


async def test_what_is_no_refusal_is_answered_with_a_secret_and_an_sdp_answer() -> None:
    minted, offered = await observe(MINTED), await observe(OFFERED)
    assert isinstance(minted, HttpObservation)
    assert isinstance(offered, HttpObservation)
    assert (minted.status, offered.status) == (200, 201)
    assert b'"value":"ek_' in minted.body
    assert offered.headers["location"].startswith("/v1/realtime/calls/")


def test_every_key_of_the_three_tables_has_a_case() -> None:
    assert {case.key for case in ERROR_CASES} - {None} == set(ERROR_CODES)
    assert {case.key for case in CLOSE_CASES} == set(CLOSE_CODES)
    assert {case.key for case in STATUS_CASES} == set(HTTP_STATUSES)


def test_every_refusal_but_the_general_ones_is_provoked() -> None:
    assert {case.slug for case in ALL_CASES} == {refusal.slug for refusal in all_refusals()} - GENERAL


def test_no_two_cases_have_the_same_name() -> None:
    for table in (ERROR_CASES, CLOSE_CASES, STATUS_CASES):
        names = [case.name for case in table]
        assert len(set(names)) == len(names)


def by_slug() -> dict[str, Refusal]:
    return {refusal.slug: refusal for refusal in all_refusals() if refusal.slug not in GENERAL}


@pytest.mark.parametrize("slug", sorted(CLIENT_ERRORS))
def test_a_client_gets_the_right_code_and_retryability(slug: str) -> None:
    refusal = by_slug()[slug]
    assert (client_code(refusal), refusal.retryable) == CLIENT_ERRORS[slug]


def test_every_case_has_a_client_code() -> None:
    assert {case.slug for case in ALL_CASES} == set(CLIENT_ERRORS)


def test_where_causes_differ_title_cause_and_fix_differ() -> None:
    explained = by_slug().values()
    for texts in (
        [refusal.title for refusal in explained],
        [refusal.cause for refusal in explained],
        [refusal.fix for refusal in explained],
    ):
        assert all(texts)
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("slug", sorted(CLIENT_ERRORS))
def test_a_finding_can_be_made_of_every_refusal(slug: str) -> None:
    refusal = by_slug()[slug]
    finding = FindingRow("access", "session").refused(refusal)
    assert finding.code == f"ACCESS-{slug}"
    assert finding.severity is Severity.FAIL
    assert (finding.title, finding.cause, finding.fix) == (refusal.title, refusal.cause, refusal.fix)
    assert finding.link == f"sherpa-probe explain ACCESS-{slug}"


def test_every_kind_of_http_exchange_has_a_case() -> None:
    assert {case.key[0] for case in STATUS_CASES if isinstance(case.key, tuple)} == set(HttpExchange)
