"""Tokens of a response, and what they cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.spending.usage import Prices, ResponseUsage, find_prices, read_usage
from bridge.protocol.models import MODELS
from bridge.protocol.prices import PRICES as TABLE

PRICES = {model: Prices(**prices) for model, prices in TABLE.items()}

WHOLE = {
    "input_tokens": 1000,
    "output_tokens": 300,
    "input_token_details": {
        "text_tokens": 400,
        "audio_tokens": 500,
        "image_tokens": 100,
        "cached_tokens": 600,
        "cached_tokens_details": {"text_tokens": 300, "audio_tokens": 200, "image_tokens": 100},
    },
    "output_token_details": {"text_tokens": 100, "audio_tokens": 200},
}


def test_usage_is_read_by_what_the_tokens_are() -> None:
    assert read_usage(WHOLE) == ResponseUsage(
        input_text=400,
        input_audio=500,
        input_image=100,
        cached_text=300,
        cached_audio=200,
        cached_image=100,
        output_text=100,
        output_audio=200,
    )


@pytest.mark.parametrize("usage", [{}, {"input_tokens": None}, {"input_tokens": True}, {"input_token_details": []}])
def test_what_is_not_told_is_nothing(usage: dict[str, object]) -> None:
    assert read_usage(usage) == ResponseUsage()


def test_without_details_all_is_text() -> None:
    found = read_usage({"input_tokens": 7, "output_tokens": 5})
    assert (found.input_text, found.output_text) == (7, 5)


def test_cached_tokens_are_cheaper_and_counted_once() -> None:
    prices = PRICES["gpt-realtime-2.1"]
    assert prices.cost(read_usage(WHOLE)) == pytest.approx(
        (100 * 4 + 300 * 0.4 + 300 * 32 + 200 * 0.4 + 100 * 0.5 + 100 * 24 + 200 * 64) / 1e6
    )
    assert prices.cost(ResponseUsage()) == 0


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("gpt-realtime-2.1", "gpt-realtime-2.1"),
        ("gpt-realtime-2.1-2026-10-01", "gpt-realtime-2.1"),
        ("gpt-realtime-2.1-mini", "gpt-realtime-2.1-mini"),
        ("gpt-realtime", None),
        ("", None),
    ],
)
def test_prices_are_those_of_the_model_and_of_no_other(model: str, known: str | None) -> None:
    assert find_prices(PRICES, model) is (None if known is None else PRICES[known])


def test_every_price_is_that_of_a_model_in_the_catalogue() -> None:
    assert set(PRICES) <= set(MODELS)


counts = st.integers(0, 10**6)


@given(st.builds(ResponseUsage, input_text=counts, output_audio=counts), st.builds(ResponseUsage, input_audio=counts))
def test_sums_cost_what_their_parts_cost(one: ResponseUsage, other: ResponseUsage) -> None:
    prices = PRICES["gpt-realtime-2.1"]
    assert prices.cost(one + other) == pytest.approx(prices.cost(one) + prices.cost(other))
    assert (one + other).input == one.input + other.input
