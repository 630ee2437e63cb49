"""What a session took, as a run tells it."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.dialects.detection import Dialect
from probes.conversation.facts import SessionFacts
from probes.conversation.spending import spending_metrics

USAGE = {"input_tokens": 1_000_000, "output_tokens": 10, "output_token_details": {"audio_tokens": 4}}
MINUTE = {"type": "duration", "seconds": 60}


def measured(session: dict[str, Any], *usages: tuple[bool, dict[str, Any]]) -> dict[str, float]:
    facts = SessionFacts(Dialect.GA, session=session, usages=list(usages))
    return {metric.name: metric.value for metric in spending_metrics(facts)}


def test_tokens_and_cost_are_those_of_all_responses_and_transcripts() -> None:
    session = {"model": "gpt-realtime-2.1", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    assert measured(session, (True, USAGE), (False, MINUTE)) == {
        "events_input_tokens": 1_000_000,
        "events_output_tokens": 10,
        "events_transcribed_seconds": 60,
        "events_cost_usd": pytest.approx(4.0004 + 0.006),
    }


def test_a_beta_session_names_its_transcription_model_flat() -> None:
    session = {"model": "gpt-realtime-2.1", "input_audio_transcription": {"model": "whisper-1"}}
    assert measured(session, (False, MINUTE))["events_cost_usd"] == pytest.approx(0.006)


@pytest.mark.parametrize("session", [{}, {"model": "mine"}, {"audio": None}, {"audio": {"input": []}}])
def test_without_a_price_there_is_no_cost_and_the_tokens_are_told(session: dict[str, Any]) -> None:
    found = measured(session, (True, USAGE), (False, MINUTE))
    assert "events_cost_usd" not in found
    assert found["events_output_tokens"] == 10


def test_a_session_that_took_nothing_has_none_of_them() -> None:
    assert measured({"model": "gpt-realtime-2.1"}, (True, {})) == {}
