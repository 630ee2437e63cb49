from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.lint.checking import check_text
from probes.lint.fixing import fixed_file
from probes.lint.fixing.fixed_file import FixedFile, fix_file
from probes.lint.options import FixLevel, LintOptions
from probes.lint.sources.discovery import LintTarget
from probes.lint.sources.files import SourceFile, read_source

if TYPE_CHECKING:
    from pathlib import Path

OURS = "await connect('wss://api.openai.com/v1/realtime');\n"


def fixed(path: Path, text: str, level: FixLevel = FixLevel.SAFE) -> FixedFile:
    path.write_text(text)
    source = read_source(LintTarget(path, named=True))
    assert isinstance(source, SourceFile)
    options = LintOptions(fix=level)
    return fix_file(source, check_text(source, options.rules(), options), options.rules(), options)


def test_a_fix_that_may_change_behaviour_waits_for_its_option(tmp_path: Path) -> None:
    text = OURS + "const model = 'gpt-4o-realtime-preview';\n"
    assert fixed(tmp_path / "a.ts", text).source.text == text
    assert "gpt-realtime-2.1" in fixed(tmp_path / "a.ts", text, FixLevel.ALL).source.text


@pytest.mark.parametrize(
    "more",
    [
        "browser.send({ type: 'response.audio.delta' });",
        "browser.send({ type: 'response.text.done' });",
        "emitter.emit('response.audio.delta', event);",
        "// sherpa-lint: ignore[beta-event] ours\nif (other.type === 'response.audio.delta') g();",
    ],
)
def test_an_event_that_would_be_renamed_halfway_keeps_its_name(tmp_path: Path, more: str) -> None:
    text = OURS + "if (event.type === 'response.audio.delta') play();\n" + more
    assert fixed(tmp_path / "a.ts", text).source.text == text


def test_an_event_that_is_only_handled_is_renamed_everywhere(tmp_path: Path) -> None:
    text = OURS + "on('server.response.audio.delta', f);\nif (e.type === 'response.audio.delta') play();\n"
    after = fixed(tmp_path / "a.ts", text)
    assert after.source.text == text.replace("response.audio", "response.output_audio")
    assert len(after.done) == 2


def test_an_event_of_a_file_that_also_opens_azures_preview_is_renamed_only_if_asked_for(tmp_path: Path) -> None:
    azure = "if (useAzure) url = `${host}/openai/realtime?api-version=${version}`;\n"
    text = OURS + azure + "if (event.type === 'response.audio.delta') play();\n"
    assert fixed(tmp_path / "a.ts", text).source.text == text
    assert "response.output_audio.delta" in fixed(tmp_path / "a.ts", text, FixLevel.ALL).source.text


def test_what_is_not_certain_is_not_fixed(tmp_path: Path) -> None:
    text = "if (event.type === 'response.audio.delta') play();\n"
    assert fixed(tmp_path / "a.ts", text, FixLevel.ALL).source.text == text


def test_a_page_is_fixed_in_its_script(tmp_path: Path) -> None:
    text = f"<p>response.audio.delta</p>\n<script>\n{OURS}if (e.type === 'response.audio.delta') f();\n</script>\n"
    after = fixed(tmp_path / "a.html", text)
    assert after.source.text == text.replace("=== 'response.audio", "=== 'response.output_audio")


def test_a_diff_shows_the_lines_that_change(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    text = "h = {\n    'OpenAI-Beta': 'realtime=v1',\n    'x': 1,\n}"
    after = fixed(path, text)
    source = read_source(LintTarget(path, named=True))
    assert isinstance(source, SourceFile)
    lines = after.diff(source).splitlines()
    assert [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}] == [
        "-    'OpenAI-Beta': 'realtime=v1',"
    ]
    assert path.read_text() == text


def test_an_event_is_renamed_without_asking_only_beside_the_address_of_the_service(tmp_path: Path) -> None:
    text = "on('input_audio_buffer.committed', f);\nif (e.type === 'response.audio.delta') play();\n"
    assert fixed(tmp_path / "a.ts", text).source.text == text
    assert fixed(tmp_path / "a.ts", text, FixLevel.ALL).source.text == text.replace("audio.delta", "output_audio.delta")


def test_what_azure_s_preview_still_takes_is_not_fixed_without_asking(tmp_path: Path) -> None:
    text = "connect(`wss://${host}/openai/realtime?api-version=${v}`, { 'OpenAI-Beta': 'realtime=v1' });\n"
    assert fixed(tmp_path / "a.ts", text).source.text == text


def test_a_log_line_may_keep_the_old_name(tmp_path: Path) -> None:
    text = OURS + "if (e.type === 'response.audio.done') logger.debug('response.audio.done');\n"
    assert (
        "=== 'response.output_audio.done') logger.debug('response.audio.done')"
        in fixed(tmp_path / "a.ts", text).source.text
    )


def test_a_change_that_is_not_sound_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed_file, "why_unsound", lambda *_: "x would not be defined")
    text = "h = {'OpenAI-Beta': 'realtime=v1'}\n"
    after = fixed(tmp_path / "a.py", text)
    assert after.source.text == text
    assert after.done == ()
