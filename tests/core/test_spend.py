"""What the responses of a client connection took, as it is told."""

from __future__ import annotations

import pytest

from bridge.core.commands import Forward, SendMessage
from bridge.core.spending.spend import Spend
from bridge.core.spending.usage import Prices, ResponseUsage
from bridge.protocol.prices import PRICES as TABLE
from tests.core.builders import messages, play, ready_session, reconnect, response_created, response_done

PRICES = {model: Prices(**prices) for model, prices in TABLE.items()}
USAGE = {"input_tokens": 1_000_000, "output_tokens": 10, "output_token_details": {"audio_tokens": 4}}


def test_the_total_is_of_all_responses() -> None:
    spend = Spend()
    spend.add(ResponseUsage(input_text=1_000_000), PRICES, "gpt-realtime-2.1")
    fields = spend.add(ResponseUsage(output_text=1_000_000), PRICES, "gpt-realtime-2.1")
    assert (fields["costUsd"], fields["total"]["costUsd"]) == (24.0, 28.0)
    assert (fields["inputTokens"], fields["total"]["inputTokens"]) == (0, 1_000_000)


def test_a_price_that_is_not_known_makes_the_total_unknown_and_not_the_tokens() -> None:
    spend = Spend()
    assert spend.add(ResponseUsage(input_text=5), PRICES, "another-model")["costUsd"] is None
    fields = spend.add(ResponseUsage(input_text=5), PRICES, "gpt-realtime-2.1")
    assert fields["costUsd"] == pytest.approx(0.00002)
    assert fields["total"]["costUsd"] is None
    assert fields["total"]["inputTokens"] == 10


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
