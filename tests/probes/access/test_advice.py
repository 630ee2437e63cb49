"""Advice follows what was seen: a header that came is named with its value, one that did not is never asked for."""

from __future__ import annotations

import pytest

from bridge.protocol.refusals.lookup import ERROR_CODES, Refusal, every_refusal
from probes.access.advice import advice, clues, reported

LIMITED, ERROR, GONE = (ERROR_CODES[code] for code in ("rate_limit_exceeded", "server_error", "model_not_found"))


def test_how_long_to_wait_is_told_where_the_server_said_it() -> None:
    assert advice(LIMITED, clues([("Retry-After", "20")])).startswith("Wait 20 s, as the server asks\nThen come back")
    assert advice(LIMITED, clues([])).startswith("Wait a minute, then come back")
    assert advice(LIMITED, clues([("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")])).startswith("Wait a minute")


def test_nobody_is_told_to_wait_for_what_waiting_does_not_mend() -> None:
    quota = ERROR_CODES["insufficient_quota"]
    assert advice(quota, clues([("retry-after", "20")])) == quota.fix


def test_support_gets_the_header_that_came() -> None:
    assert "cf-ray 8f-FRA" in advice(ERROR, clues([("x-request-id", "req_1"), ("CF-Ray", "8f-FRA")]))
    assert "req_1" in advice(ERROR, clues([("x-request-id", "req_1")]))
    assert reported("Try", clues([])) == "Try; if it stays, give support the time of this look"


def test_where_nobody_looked_at_the_list_that_comes_next() -> None:
    told = advice(GONE, clues([], "gpt-realtime-2.1", listed=False))
    assert told == "See which models this key may use: sherpa-probe models"


@pytest.mark.parametrize(
    ("asked", "others", "words"),
    [
        ("a", ("gpt-realtime-2", "gpt-realtime"), "--model gpt-realtime-2"),
        ("a", (), "--model gpt-realtime-2.1"),
        ("gpt-realtime-2.1", (), "Limits in the project's settings"),
    ],
)
def test_a_missing_model_is_answered_by_another_one_and_never_by_the_same(
    asked: str, others: tuple[str, ...], words: str
) -> None:
    told = advice(GONE, clues([], asked, others))
    assert told.endswith(words) or words in told
    assert f"--model {asked}" not in told.splitlines()


@pytest.mark.parametrize("refusal", every_refusal(), ids=lambda refusal: refusal.slug)
def test_every_advice_without_any_clue_is_a_sentence(refusal: Refusal) -> None:
    told = advice(refusal, clues([]))
    assert told[0].isupper()
