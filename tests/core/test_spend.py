"""What the responses and transcripts of a client connection took, as it is told."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.commands import Forward, LogEvent, SendMessage
from bridge.core.events import ClientGone, EndSession, UpstreamEvent
from bridge.core.spending.charges import make_charge
from bridge.core.spending.spend import Spend
from bridge.core.spending.usage import Prices
from bridge.protocol.prices import PRICES as TABLE
from tests.core.builders import (
    TRANSCRIPTION,
    messages,
    native,
    of_type,
    play,
    ready_session,
    reconnect,
    response_created,
    response_done,
)

PRICES = {model: Prices(**prices) for model, prices in TABLE.items()}
USAGE = {"input_tokens": 1_000_000, "output_tokens": 10, "output_token_details": {"audio_tokens": 4}}
MINUTE = {"type": "duration", "seconds": 60}


def spent(*charged: tuple[dict[str, Any], str]) -> Spend:
    spend = Spend()
    for usage, model in charged:
        spend.add(make_charge(usage, PRICES, model))
    return spend


def transcribed(usage: dict[str, Any], generation: int = 1) -> UpstreamEvent:
    kind = "conversation.item.input_audio_transcription.completed"
    return UpstreamEvent(generation, kind, b"{}", {"type": kind, "item_id": "i1", "transcript": "hi", "usage": usage})


def test_the_total_is_of_all_responses() -> None:
    spend = spent(({"input_tokens": 1_000_000}, "gpt-realtime-2.1"), ({"output_tokens": 1_000_000}, "gpt-realtime-2.1"))
    total = spend.total_fields()
    assert (total["costUsd"], total["inputTokens"], total["outputTokens"]) == (28.0, 1_000_000, 1_000_000)


def test_a_price_that_is_not_known_makes_the_total_unknown_and_not_the_tokens() -> None:
    total = spent(({"input_tokens": 5}, "another-model"), ({"input_tokens": 5}, "gpt-realtime-2.1")).total_fields()
    assert (total["costUsd"], total["inputTokens"]) == (None, 10)


def test_nothing_is_free_whatever_the_model() -> None:
    assert spent(({}, "another-model"), ({"input_tokens": 0}, "another-model")).cost_usd == 0


@pytest.mark.parametrize(
    ("usage", "model", "cost"),
    [
        (MINUTE, "gpt-live-transcribe", 0.017),
        (MINUTE, "whisper-1", 0.006),
        ({"type": "tokens", "input_tokens": 1000, "input_token_details": {"audio_tokens": 1000}},
         "gpt-4o-transcribe", 0.006),
        (MINUTE, "gpt-4o-transcribe", None),
        ({"type": "tokens", "input_tokens": 1000}, "whisper-1", None),
        (MINUTE, "", None),
    ],
)  # fmt: skip
def test_a_transcript_costs_by_tokens_or_by_the_minute_as_the_table_has_it(
    usage: dict[str, Any], model: str, cost: float | None
) -> None:
    assert spent((usage, model)).cost_usd == (cost if cost is None else pytest.approx(cost))


@pytest.mark.parametrize("seconds", [None, True, -1, float("inf"), float("nan"), "60"])
def test_what_is_no_length_is_nothing(seconds: object) -> None:
    assert make_charge({"type": "duration", "seconds": seconds}, PRICES, "whisper-1").is_nothing


def test_a_client_that_asks_is_told_behind_each_response_also_of_a_later_session() -> None:
    session = ready_session({"usage": True}, prices=PRICES)
    commands = play(session, response_created(), response_done(usage=USAGE))
    (told,) = messages(commands, "usage")
    assert (told["inputTokens"], told["audioOutputTokens"], told["costUsd"]) == (1_000_000, 4, 4.0004)
    kinds = [type(command) for command in commands]
    assert kinds.index(SendMessage) > kinds.index(Forward)
    reconnect(session)
    (again,) = messages(play(session, response_created("r2", 2), response_done("r2", 2, usage=USAGE)), "usage")
    assert again["total"]["inputTokens"] == 2_000_000


def test_a_client_that_does_not_ask_is_not_told() -> None:
    session = ready_session({})
    assert messages(play(session, response_created(), response_done(usage=USAGE)), "usage") == []


def test_transcripts_of_a_conversation_count_in_the_total_and_those_of_a_transcription_are_told() -> None:
    conversation = ready_session({"usage": True}, prices=PRICES)
    assert messages(play(conversation, transcribed(MINUTE)), "usage") == []
    (told,) = messages(play(conversation, response_created(), response_done(usage={})), "usage")
    assert (told["costUsd"], told["total"]["costUsd"]) == (0, None)  # nobody said which model transcribes
    transcription = ready_session({"usage": True, **TRANSCRIPTION}, prices=PRICES)
    whisper = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    play(transcription, native("session.updated", session=whisper))
    (told,) = messages(play(transcription, transcribed(MINUTE)), "usage")
    assert told["costUsd"] == pytest.approx(0.006)


def test_what_was_taken_is_logged_once_the_client_is_gone_and_never_twice() -> None:
    session = ready_session({}, prices=PRICES)
    play(session, response_created(), response_done(usage=USAGE), EndSession())
    (line,) = [one for one in of_type(LogEvent, session.handle(ClientGone(), 1.0)) if one.name == "client.spent"]
    assert (line.fields["costUsd"], line.fields["inputTokens"]) == (4.0004, 1_000_000)
    silent = ready_session({})
    assert all(one.name != "client.spent" for one in of_type(LogEvent, silent.handle(ClientGone(), 1.0)))
