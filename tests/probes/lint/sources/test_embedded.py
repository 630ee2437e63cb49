from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from probes.lint.languages import Language
from probes.lint.lint import lint
from probes.lint.sources.embedded import cells_of, scripts_of
from reports.model import Finding

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "const h = { 'OpenAI-Beta': 'realtime=v1' };"


def test_everything_but_scripts_is_blank_and_nothing_moves() -> None:
    page = "<p>a</p>\r\n<script>\r\nlet a = 1;\r\n</script><script type='application/ld+json'>{}</script>"
    code, language = scripts_of(page)
    assert len(code) == len(page)
    assert code.count("\r\n") == page.count("\r\n")
    assert code.split() == ["let", "a", "=", "1;"]
    assert language is Language.JAVASCRIPT


def test_a_component_in_typescript_says_so() -> None:
    assert scripts_of('<script setup lang="ts">let a: number = 1</script>')[1] is Language.TYPESCRIPT


async def findings(path: Path) -> list[Finding]:
    return [one async for one in lint([path]) if isinstance(one, Finding) and one.place]


@pytest.mark.parametrize("name", ["a.vue", "a.svelte", "a.html"])
async def test_a_finding_in_a_page_has_the_place_in_the_page(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(f"<div>\n</div>\n<script>\n  {HEADER}\n</script>\n")
    [finding] = await findings(tmp_path)
    assert finding.code == "LINT-BETA-HEADER"
    assert finding.place is not None
    assert (finding.place.line, finding.place.column) == (4, 15)


async def test_what_a_server_puts_into_a_page_is_no_syntax_error(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    scripts = "{% if key %}\nconst id = {{ user.id|tojson }};\n{% endif %}\n"
    page.write_text(f"<script>\n{scripts}const a = [{{{{ x }}}}, 1]; {HEADER}\n</script>\n")
    [finding] = await findings(page)
    assert finding.code == "LINT-BETA-HEADER"
    assert finding.place is not None
    assert finding.place.text.startswith("const a = [{{ x }}, 1];")


async def test_a_page_with_template_tags_is_not_fixed(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    text = f"<script>const key = '{{{{ key }}}}'; {HEADER}</script>"
    page.write_text(text)
    assert [one.code async for one in lint([page], fix=True) if isinstance(one, Finding)] == ["LINT-BETA-HEADER"]
    assert page.read_text() == text


async def test_a_finding_in_a_notebook_has_the_line_in_its_json(tmp_path: Path) -> None:
    source = ["%pip install openai\n", "h = {'OpenAI-Beta': 'realtime=v1'}\n"]
    cells = [{"cell_type": "markdown", "source": ["x"]}, {"cell_type": "code", "source": source, "outputs": []}]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    (tmp_path / "a.ipynb").write_text(text)
    [finding] = await findings(tmp_path)
    assert finding.place is not None
    line = text.splitlines()[finding.place.line - 1]
    assert line[finding.place.column - 1 :].startswith("'OpenAI-Beta'")


def test_a_cell_may_be_one_string() -> None:
    text = json.dumps({"cells": [{"cell_type": "code", "source": "a = 1\nb = 2"}]})
    assert cells_of(text)[0] == "a = 1\nb = 2\n"


async def test_half_a_character_in_a_notebook_is_read(tmp_path: Path) -> None:
    source = "x = '\ud83d'; h = {'OpenAI-Beta': 'realtime=v1'}"
    text = json.dumps({"cells": [{"cell_type": "code", "source": source}]})
    assert r"\ud83d" in text
    (tmp_path / "a.ipynb").write_text(text)
    assert [one.code for one in await findings(tmp_path)] == ["LINT-BETA-HEADER"]


async def test_a_file_that_only_ends_like_a_notebook_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("[]")
    assert [one.code for one in await findings(tmp_path)] == ["LINT-NOT-TEXT"]
