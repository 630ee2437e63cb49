"""A session that is judged from its capture file has the same findings as when it ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.events.offline import events_offline
from probes.explain import explain
from probes.recording.capture import Capture, CaptureError, FinishedEnding, format_capture
from tests.probes.conversation.session_builder import collect, header, play_in_memory

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

SCENARIOS = (
    "good", "beta-server", "doubled", "cut-frames", "failed-response", "failed-transcription", "mute", "stalls",
    "error-storm", "dropped-mid-response", "update-refused", "not-confirmed", "no-quota", "session-expired",
)  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_the_verdict_is_that_of_the_run(scenario: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "kept"
    live = await play_in_memory(autojump_clock, "audio", scenario, capture=path)
    kept = await collect(events_offline(path))
    assert kept.outcomes() == live.outcomes()
    assert kept.metrics == live.metrics
    assert kept.series == live.series
    assert kept.timelines == live.timelines


@pytest.mark.parametrize("script", ["text", "transcription", "function", "interrupt"])
async def test_so_it_is_for_every_script_and_with_its_content(
    script: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "kept"
    live = await play_in_memory(autojump_clock, script, capture=path, show_content=True)
    kept = await collect(events_offline(path, show_content=True))
    assert kept.outcomes() == live.outcomes()
    assert kept.timelines == live.timelines


async def test_without_asking_for_it_the_content_of_a_capture_is_not_shown(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "kept"
    await play_in_memory(autojump_clock, "text", capture=path, show_content=True)
    kept = await collect(events_offline(path))
    assert "simulator" not in str(kept.timelines).casefold()


async def test_a_file_that_is_no_capture_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("milk, bread")
    with pytest.raises(CaptureError, match=r"notes\.txt, line 1: not JSON"):
        await collect(events_offline(path))


async def test_a_capture_of_something_unknown_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "strange"
    path.write_text(
        format_capture(Capture(header=header(dialect="klingon"), entries=[], ending=FinishedEnding(at=0.0)))
    )
    with pytest.raises(CaptureError, match="strange: unknown script, kind or dialect"):
        await collect(events_offline(path))


async def test_the_codes_for_a_capture_are_explained(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "kept"
    await play_in_memory(autojump_clock, "audio", "doubled", capture=path)
    kept = await collect(events_offline(path))
    for _, code, _ in kept.bad_outcomes():
        assert explain(code)
