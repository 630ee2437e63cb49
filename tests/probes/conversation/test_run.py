from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio

from probes.conversation.run import ScriptRun, find_script, report_items, run_script
from probes.conversation.scripts import SCRIPTS
from probes.conversation.wording import offline_wording
from probes.events.probe import service_script_run
from probes.recording.capture import Capture, CaptureError, FinishedEnding, read_capture
from probes.runner.redaction import Secrets
from probes.runner.usage import UsageError
from reports.model import Severity
from tests.probes.conversation.session_builder import collect, header, play_in_memory, target_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio.testing import MockClock

    from bridge.protocol.dialects.detection import SessionKind
    from bridge.upstream.dial.dial import UpgradedConnection


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_script_that_there_is_not_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="there is no script 'telepathy'; there are: text, audio"):
        find_script("telepathy")


async def test_a_run_keeps_what_it_heard_and_says_what_it_is(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "kept.ndjson"
    heard = await play_in_memory(autojump_clock, "audio", capture=path)
    kept = read_capture(path)
    assert heard.bad_outcomes() == []
    assert (kept.header.script, kept.header.via, kept.header.dialect) == ("audio", "service", "ga")
    assert kept.header.redaction == "content and secrets"
    assert isinstance(kept.ending, FinishedEnding)
    assert sum(m.count for m in heard.timelines[0].moments) == len(kept.entries)
    assert left_in(tmp_path) == ["kept.ndjson"]


async def test_a_capture_holds_neither_words_nor_sound_unless_asked_for(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    quiet, loud = tmp_path / "quiet", tmp_path / "loud"
    await play_in_memory(autojump_clock, "audio", capture=quiet)
    shown = await play_in_memory(autojump_clock, "audio", capture=loud, show_content=True)
    assert "simulator" not in quiet.read_text().casefold()
    assert "sk-" not in quiet.read_text() + loud.read_text()
    assert quiet.stat().st_size < 100_000 < loud.stat().st_size
    assert "This is the simulator speaking" in " ".join(m.detail for m in shown.timelines[0].moments)
    assert read_capture(loud).header.redaction == "secrets"


async def test_what_is_told_holds_no_words_either(autojump_clock: MockClock) -> None:
    for script in SCRIPTS:
        heard = await play_in_memory(autojump_clock, script)
        told = str(heard.findings) + str(heard.timelines)
        assert "simulator" not in told.casefold()
        assert "read this" not in told


async def test_a_capture_that_cannot_be_written_is_wrong_usage_before_anything_is_sent(tmp_path: Path) -> None:
    async def connect(_kind: SessionKind) -> UpgradedConnection:
        raise AssertionError("nothing is to be sent")

    talk = service_script_run(target_for(), connect, "text", capture=tmp_path / "no" / "folder")
    with pytest.raises(UsageError, match=r"--capture: .*no such file or directory"):
        await collect(run_script(talk))


async def test_without_a_session_there_is_nothing_to_keep_and_what_was_there_stays(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "kept"
    path.write_text("of last week")
    heard = await play_in_memory(autojump_clock, "text", "handshake-403", capture=path)
    assert heard.bad_outcomes() == [
        ("connect", "EVENTS-UPGRADE-FORBIDDEN", "fail"),
        ("connect", "EVENTS-NOTHING-KEPT", "info"),
    ]
    assert path.read_text() == "of last week"
    assert left_in(tmp_path) == ["kept"]


async def test_a_place_that_went_away_meanwhile_is_a_finding(tmp_path: Path, autojump_clock: MockClock) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def vanish(_doing: str) -> None:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()

    heard = await talk_on(autojump_clock, folder / "kept", vanish)
    assert heard == [("end", "EVENTS-CAPTURE-LOST", "error")]


async def talk_on(clock: MockClock, path: Path, doing: Callable[[str], None]) -> list[tuple[str, str, str]]:
    target = replace(target_for(), on_progress=doing)
    return (await play_in_memory(clock, "text", target=target, capture=path)).bad_outcomes()


async def test_cancelling_leaves_nothing_behind(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "kept"
    with trio.move_on_after(2) as scope:
        await play_in_memory(autojump_clock, "audio", capture=path)
    assert scope.cancelled_caught
    assert left_in(tmp_path) == []
    assert autojump_clock.current_time() < 4


async def test_stopping_in_the_middle_of_what_is_told_leaves_nothing_behind_either(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def connect(_kind: SessionKind) -> UpgradedConnection:
        await trio.sleep_forever()
        raise AssertionError

    talk: ScriptRun = service_script_run(target_for(), connect, "text", capture=tmp_path / "kept")
    told = run_script(talk)
    first = await anext(told)
    await told.aclose()
    assert first is not None
    assert left_in(tmp_path) == []
    assert autojump_clock.current_time() == 10


async def test_no_socket_within_the_time_out_skips_every_row_behind_it(autojump_clock: MockClock) -> None:
    heard = await play_in_memory(autojump_clock, "text", "no-101")
    first, *others = heard.findings
    assert (first.code, first.severity) == ("EVENTS-UPGRADE-NO-ANSWER", Severity.ERROR)
    assert {f.severity for f in others} == {Severity.SKIPPED}
    assert heard.timelines == []
    assert heard.virtual_seconds == pytest.approx(10, abs=1.5)


@pytest.mark.parametrize("changes", [{"script": "telepathy"}, {"dialect": "klingon"}, {"kind": "seance"}])
def test_a_capture_of_something_unknown_is_refused(changes: dict[str, str]) -> None:
    capture = Capture(header=header(**{"script": "text", **changes}), entries=[], ending=FinishedEnding(at=0.0))
    with pytest.raises(CaptureError, match="nothing that is known here"):
        list(report_items(capture, offline_wording(), Secrets()))
