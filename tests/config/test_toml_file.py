"""The rules of the settings file itself; what its values mean is tested in `test_resolve.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.toml_file import TABLES, ConfigError, SettingsFile, did_you_mean, read_settings_file

if TYPE_CHECKING:
    from pathlib import Path


def test_a_missing_file_is_empty_unless_it_was_named(tmp_path: Path) -> None:
    assert read_settings_file(tmp_path / "sherpa.toml", must_exist=False) == SettingsFile()
    with pytest.raises(ConfigError, match="file not found"):
        read_settings_file(tmp_path / "sherpa.toml", must_exist=True)


def test_values_are_kept_by_table_and_key(tmp_path: Path) -> None:
    path = tmp_path / "sherpa.toml"
    path.write_text("[upstream]\nmodel = 'm'\n[probe]\ntimeout = 2\n")
    file = read_settings_file(path, must_exist=True)
    assert file.values == {("upstream", "model"): "m", ("probe", "timeout"): 2}
    assert file.location("probe", "timeout") == f"{path}, [probe] timeout"


def test_a_file_nested_beyond_reason_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sherpa.toml"
    path.write_text("a = " + "[" * 20_000)
    with pytest.raises(ConfigError) as caught:
        read_settings_file(path, must_exist=True)
    assert "\n" not in str(caught.value)


def test_each_mistake_has_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "sherpa.toml"
    path.write_text(
        "probe = 1\nmodel = 'm'\n[upstream]\nmodle = 'm'\nazure = 'yes'\napi_key = 'x'\n[bridge]\nport = 'x'\n"
    )
    with pytest.raises(ConfigError) as caught:
        read_settings_file(path, must_exist=True)
    found = ["[probe]", "belongs in the table [upstream]", "did you mean model", "azure", "api_key_env", "port"]
    assert len(caught.value.lines) == len(found)
    assert [words for line, words in zip(caught.value.lines, found, strict=True) if words not in line] == []
    assert str(caught.value).splitlines() == list(caught.value.lines)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_keys(table: str) -> None:
    assert TABLES[table]


def test_an_unknown_word_gets_similar_names_or_a_short_list() -> None:
    assert did_you_mean("modle", ["model", "timeout"]) == "; did you mean model?"
    assert did_you_mean("zzz", ["model", "timeout"]) == "; use one of: model, timeout"
    many = [f"name{n}" for n in range(40)]
    assert did_you_mean("zzz", many).endswith("name11, …")
