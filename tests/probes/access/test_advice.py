"""Advice depends on the response: it names headers that arrived, with their values, and no others."""

from __future__ import annotations

import pytest

from bridge.protocol.refusals.lookup import ERROR_CODES, Refusal, all_refusals
from probes.access.advice import advise, explain_cause, gather_clues, with_support_hint

LIMITED, ERROR, GONE = (ERROR_CODES[code] for code in ("rate_limit_exceeded", "server_error", "model_not_found"))


def test_the_advice_says_how_long_to_wait_if_the_server_does() -> None:
    assert advise(LIMITED, gather_clues([("Retry-After", "20")])).startswith(
        "Wait 20 s, as the server asks\nThen retry"
    )
    assert advise(LIMITED, gather_clues([])).startswith("Wait a minute, then retry")
    assert advise(LIMITED, gather_clues([("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")])).startswith("Wait a minute")


def test_the_advice_never_says_to_wait_if_waiting_does_not_help() -> None:
    quota = ERROR_CODES["insufficient_quota"]
    assert advise(quota, gather_clues([("retry-after", "20")])) == quota.fix


def test_support_gets_the_header_that_came() -> None:
    assert "cf-ray 8f-FRA" in advise(ERROR, gather_clues([("x-request-id", "req_1"), ("CF-Ray", "8f-FRA")]))
    assert "req_1" in advise(ERROR, gather_clues([("x-request-id", "req_1")]))
    assert (
        with_support_hint("Try", gather_clues([])) == "Try; if the failure persists, tell support the time of this run"
    )


def test_without_the_list_of_models_the_advice_is_to_get_it() -> None:
    advice = advise(GONE, gather_clues([], "gpt-realtime-2.1", models_listed=False))
    assert advice == "Check which models this key can use: sherpa-probe models"


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
    advice = advise(GONE, gather_clues([], asked, others))
    assert advice.endswith(words) or words in advice
    assert f"--model {asked}" not in advice.splitlines()


@pytest.mark.parametrize("refusal", all_refusals(), ids=lambda refusal: refusal.slug)
def test_every_advice_without_any_clue_is_a_sentence(refusal: Refusal) -> None:
    advice = advise(refusal, gather_clues([]))
    assert advice[0].isupper()


def test_a_key_that_another_call_accepted_is_not_called_wrong() -> None:
    refused = ERROR_CODES["invalid_api_key"]
    gateway = gather_clues([], host="gateway.example", key_source="LITELLM_KEY")
    assert "gateway.example answered GET /models with this key" in explain_cause(refused, gateway)
    assert advise(refused, gateway).startswith(
        "Compare the key in LITELLM_KEY with the keys that gateway.example accepts"
    )
    assert "to check its own key for the service behind it" in advise(refused, gateway)
    for clues in (gather_clues([]), gather_clues([], host="gateway.example", models_listed=False)):
        assert explain_cause(refused, clues) == ""
        assert "last four characters" in advise(refused, clues)
    assert explain_cause(GONE, gateway) == ""
