from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from probes.lint.options import LintOptions, rule_ids, settings_of, with_command_line
from probes.runner.usage import UsageError
from reports.model import Severity

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """
select = ["beta-header", "LINT-RETIRED-MODEL"]
ignore = ["retired-model"]
exclude = ["legacy/"]
per-file-ignores = {"examples/**" = ["beta-header"]}
severity = {beta-header = "warning"}
"""


@pytest.mark.parametrize(("name", "table"), [("sherpa.toml", "lint"), ("pyproject.toml", "tool.sherpa.lint")])
def test_the_settings_of_a_project_are_read_from_a_folder_below(tmp_path: Path, name: str, table: str) -> None:
    (tmp_path / name).write_text(f"[{table}]{TABLE}")
    (tmp_path / "src").mkdir()
    found = settings_of(tmp_path / "src")
    assert found.select == ("beta-header", "retired-model")
    assert [rule.id for rule in found.rules()] == ["beta-header"]
    assert found.ignored_in(PurePath("examples/a/b.py")) == {"beta-header"}
    assert found.ignored_in(PurePath("src/b.py")) == frozenset()
    assert found.severities == {"beta-header": Severity.WARNING}


def test_a_project_without_settings_has_the_defaults_and_ends_at_its_repository(tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_text("[lint]\nignore = ['beta-header']\n")
    inner = tmp_path / "project"
    (inner / ".git").mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert settings_of(inner) == LintOptions()


def test_the_command_line_adds_to_the_settings_and_replaces_the_selection() -> None:
    settings = LintOptions(select=("beta-header",), ignore=("key-in-url",), exclude=("a/",))
    assert with_command_line(settings, select=("pcm-rate",), ignore=("beta-event",), exclude=("b/",)) == LintOptions(
        select=("pcm-rate",), ignore=("key-in-url", "beta-event"), exclude=("a/", "b/")
    )
    assert with_command_line(settings) == settings


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("ignore = ['beta-headr']", "did you mean beta-header"),
        ("ignor = []", "did you mean 'ignore'"),
        ("ignore = 'beta-header'", "must be a list of strings"),
        ("severity = {beta-header = 'loud'}", "must be one of fail, warning, info"),
        ("severity = []", "must be a table"),
        ("ignore = [", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_settings_is_wrong_usage_and_names_its_place(tmp_path: Path, table: str, says: str) -> None:
    (tmp_path / "sherpa.toml").write_text(f"[lint]\n{table}\n")
    with pytest.raises(UsageError, match=says) as caught:
        settings_of(tmp_path)
    assert str(tmp_path / "sherpa.toml") in str(caught.value)


def test_a_rule_goes_by_its_id_and_by_the_code_that_is_printed() -> None:
    assert rule_ids(["LINT-BETA-HEADER,pcm-rate", "Beta-Event"]) == ("beta-header", "pcm-rate", "beta-event")
