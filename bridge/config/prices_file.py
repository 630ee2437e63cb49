"""Reads the prices of models that are not in the table, or cost something else: a TOML file, one table a model.

    ["gpt-realtime-2.1"]      # US dollars for a million tokens
    text = 4.0
    audio = 32.0

    ["my-transcriber"]
    minute = 0.01             # for a minute of speech

What a table leaves out costs nothing; a model that the file has is priced by the file alone.
"""

from __future__ import annotations

from dataclasses import fields
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from bridge.config.toml_file import ConfigError, did_you_mean, read_toml
from bridge.core.spending.usage import Prices
from bridge.protocol.prices import PRICES

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = {field.name: None for field in fields(Prices)}


def known_prices() -> dict[str, Prices]:
    """Return the prices that are known without a file."""
    return {model: Prices(**prices) for model, prices in PRICES.items()}


def read_prices(path: Path) -> dict[str, Prices]:
    """Return the known prices with those of the file over them. Raises ConfigError with every mistake."""
    try:
        tables = read_toml(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: file not found") from None
    mistakes = [line for model, table in tables.items() for line in _mistakes(f"{path}: {model}", table)]
    if mistakes:
        raise ConfigError(*mistakes)
    return known_prices() | {model: msgspec.convert(table, Prices) for model, table in tables.items()}


def _mistakes(place: str, table: object) -> list[str]:
    if not isinstance(table, dict):
        return [f'{place}: must be a table, such as ["gpt-realtime-2.1"]']
    return [line for name, price in table.items() for line in _price_mistakes(f"{place}: {name}", name, price)]


def _price_mistakes(place: str, name: str, price: object) -> list[str]:
    if name not in _NAMES:
        return [f"{place}: is no price{did_you_mean(name, _NAMES)}"]
    is_price = isinstance(price, int | float) and not isinstance(price, bool) and isfinite(price) and price >= 0
    return [] if is_price else [f"{place}: must be a number of US dollars, 0 or more"]
