"""The documentation site without MkDocs: its pages from the code, its navigation, and the pages of errors."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from probes.problem_catalogue import PROBLEMS
from reports.cli_common import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ERRORS = sorted(path for path in (DOCS / "errors").glob("*.md") if path.name != "index.md")
LARGEST_PICTURE = 200_000


@pytest.fixture(scope="module")
def reference() -> Any:
    """The hook of MkDocs that makes pages."""
    spec = importlib.util.spec_from_file_location("reference_hook", DOCS / "site" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def navigation() -> Iterator[str]:
    def files(entry: Any) -> Iterator[str]:
        match entry:
            case str():
                yield entry
            case dict():
                for inner in entry.values():
                    yield from files(inner)
            case list():
                for inner in entry:
                    yield from files(inner)

    yield from files(YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text())["nav"])


def test_every_page_is_in_the_navigation_once() -> None:
    listed = [path for path in navigation() if not path.startswith(("reference/", "findings/"))]
    assert sorted(listed) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def test_commands_settings_and_metrics_have_pages_with_what_the_code_says(reference: Any) -> None:
    made = {f"reference/{name}.md": reference.command_page(name, group) for name, group in reference.COMMANDS.items()}
    assert {f"reference/{name}.md" for name in COMMANDS} == set(made)
    assert "## access" in made["reference/sherpa-probe.md"]
    assert "--base-url URL" in made["reference/sherpa-probe.md"]
    settings, metrics = reference.settings_page(), reference.metrics_page()
    assert "| `max_sessions` | a number | `SHERPA_BRIDGE_MAX_SESSIONS` | `1000` |" in settings
    assert "| `sherpa_bridge_sessions` | gauge | `state` |" in metrics
    assert {path for path in navigation() if path.startswith("reference/")} == {
        *made, "reference/settings.md", "reference/metrics.md",
    }  # fmt: skip


def test_the_list_of_findings_has_every_code(reference: Any) -> None:
    listed = re.findall(r"^\| \[`([A-Z0-9-]+)`\]\(\1\.md\)", reference.findings_page(), re.MULTILINE)
    assert sorted(listed) == sorted(PROBLEMS)


@pytest.mark.parametrize("code", ["ACCESS-NO-QUOTA", "LINT-BETA-HEADER", "CONFIG-KEY-PADDED", "BRIDGE-NOT-RECONNECTED"])
def test_the_page_of_a_finding_says_what_explain_says(code: str, reference: Any) -> None:
    text = reference.finding_page(code)
    assert PROBLEMS[code].title in text if code in PROBLEMS else True
    assert text.startswith(f"# {code}\n")
    assert "## What to do" in text


def test_a_link_that_leaves_the_pages_leads_to_the_repository(reference: Any) -> None:
    class Source:
        src_uri = "errors/a.md"

    class Somewhere:
        file = Source()

    text = "[a](../../action.yml) [b](../explain/replay.md#c) [d](https://x) [e](f.md)"
    changed = reference.on_page_markdown(text, Somewhere(), None, None)
    assert changed == text.replace("../../action.yml", f"{reference.REPOSITORY}action.yml")


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_a_page_of_an_error_says_why_how_to_see_it_and_how_to_mend_it(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Why", "See it", "Mend it"]
    seen = text.partition("## See it")[2].partition("## Mend it")[0]
    assert "sherpa-probe" in seen
    linked = set(re.findall(r"\(\.\./findings/([A-Z0-9-]+)\.md\)", text))
    assert linked <= set(PROBLEMS)
    assert f"]({path.name})" in (DOCS / "errors" / "index.md").read_text()


@pytest.mark.parametrize("path", sorted((DOCS / "site").glob("*.[sp][vn]g")), ids=lambda path: path.name)
def test_pictures_are_small_and_load_nothing(path: Path) -> None:
    assert path.stat().st_size < LARGEST_PICTURE
    assert path.suffix == ".png" or "url(http" not in path.read_text().replace('url("http', "url(http")
