"""A file of prices: read over the known ones, and every mistake told with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.prices_file import known_prices, read_prices
from bridge.config.toml_file import ConfigError
from bridge.core.spending.usage import Prices

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text)
    return path


def test_the_file_stands_over_the_table_and_adds_to_it(tmp_path: Path) -> None:
    prices = read_prices(written(tmp_path, '["gpt-realtime-2.1"]\ntext = 1\n["mine"]\nminute = 0.5\n'))
    assert prices["gpt-realtime-2.1"] == Prices(text=1)
    assert prices["mine"] == Prices(minute=0.5)
    assert prices["gpt-realtime-2.1-mini"] == known_prices()["gpt-realtime-2.1-mini"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[m]\ntxt = 1", ["prices.toml: m: txt: is no price", "did you mean", "text"]),
        ("[m]\ntext = -1", ["m: text: must be a number of US dollars"]),
        ("[m]\ntext = true", ["must be a number"]),
        ("[m]\ntext = nan", ["must be a number"]),
        ("[m]\ntext = '1'", ["must be a number"]),
        ("m = 1", ["prices.toml: m: must be a table"]),
        ("[m", ["is not valid TOML"]),
        (f"x = {'[' * 10_000}", ["is nested too deeply"]),
        (f"#{'x' * 300_000}", ["is larger than 256 KiB"]),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_prices(written(tmp_path, text))
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="file not found"):
        read_prices(tmp_path / "no")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_prices(tmp_path / "bytes")
