from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import memory_stream_pair

from bridge.simulator.service.server import Simulator
from bridge.upstream.dial.dial import upgrade
from bridge.upstream.dial.url import parse_url
from probes.conversation.run import ScriptRun, find_script, report_items, run_script
from probes.conversation.scripts import SCRIPTS
from probes.conversation.wording import offline_wording
from probes.events.probe import service_script_run
from probes.recording.capture import Capture, CaptureError, FinishedEnding, read_capture
from probes.runner.redaction import Secrets
from probes.runner.usage import UsageError
from reports.model import Severity
from tests.probes.conversation.session_builder import ReportItems, collect, header, play_in_memory, target_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio.testing import MockClock

    from bridge.protocol.dialects.detection import SessionKind
    from bridge.upstream.dial.dial import UpgradedConnection


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_an_unknown_script_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="unknown script 'telepathy'; choose from: text, audio"):
        find_script("telepathy")


async def test_a_capture_holds_every_entry_and_says_how_it_was_made(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "kept.ndjson"
    items = await play_in_memory(autojump_clock, "audio", capture=path)
    captured = read_capture(path)
    assert items.bad_outcomes() == []
    assert (captured.header.script, captured.header.via, captured.header.dialect) == ("audio", "service", "ga")
    assert captured.header.redaction == "content and secrets"
    assert isinstance(captured.ending, FinishedEnding)
    assert sum(m.count for m in items.timelines[0].moments) == len(captured.entries)
    assert files_in(tmp_path) == ["kept.ndjson"]


async def test_a_capture_holds_neither_text_nor_audio_unless_requested(
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


async def test_the_report_holds_no_content_either(autojump_clock: MockClock) -> None:
    for script in SCRIPTS:
        items = await play_in_memory(autojump_clock, script)
        report = str(items.findings) + str(items.timelines)
        assert "simulator" not in report.casefold()
        assert "read this" not in report


async def test_a_capture_that_cannot_be_written_is_wrong_usage_before_anything_is_sent(tmp_path: Path) -> None:
    async def connect(_kind: SessionKind) -> UpgradedConnection:
        raise AssertionError("nothing may be sent")

    script_run = service_script_run(target_for(), connect, "text", capture=tmp_path / "no" / "folder")
    with pytest.raises(UsageError, match=r"--capture: .*no such file or directory"):
        await collect(run_script(script_run))


async def test_without_a_session_no_capture_is_written_and_an_old_one_stays(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "kept"
    path.write_text("of last week")
    items = await play_in_memory(autojump_clock, "text", "handshake-403", capture=path)
    assert items.bad_outcomes() == [
        ("connect", "EVENTS-UPGRADE-FORBIDDEN", "fail"),
        ("connect", "EVENTS-NOTHING-KEPT", "info"),
    ]
    assert path.read_text() == "of last week"
    assert files_in(tmp_path) == ["kept"]


async def test_a_folder_that_is_removed_meanwhile_is_a_finding(tmp_path: Path, autojump_clock: MockClock) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def vanish(_progress: str) -> None:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()

    items = await play_with_progress(autojump_clock, folder / "kept", vanish)
    assert items == [("end", "EVENTS-CAPTURE-LOST", "error")]


async def play_with_progress(
    clock: MockClock, path: Path, on_progress: Callable[[str], None]
) -> list[tuple[str, str, str]]:
    target = replace(target_for(), on_progress=on_progress)
    return (await play_in_memory(clock, "text", target=target, capture=path)).bad_outcomes()


async def test_cancelling_leaves_nothing_behind(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "kept"
    with trio.move_on_after(2) as scope:
        await play_in_memory(autojump_clock, "audio", capture=path)
    assert scope.cancelled_caught
    assert files_in(tmp_path) == []
    assert autojump_clock.current_time() < 4


@pytest.mark.parametrize(
    ("scenario", "passed"),
    [("good", ["connect", "session", "ready"]), ("never-created", ["connect"])],
)
async def test_an_interrupted_run_shows_the_checks_that_have_passed_and_the_timeline(
    scenario: str, passed: list[str], tmp_path: Path, autojump_clock: MockClock
) -> None:
    simulator, target, items = Simulator(), target_for(scenario), ReportItems()

    async def connect(kind: SessionKind) -> UpgradedConnection:
        ours, theirs = memory_stream_pair()
        nursery.start_soon(simulator.serve_stream, theirs)
        url = parse_url(target.upstream.socket_url(target.model, kind))
        return await upgrade(ours, url, headers=target.upstream.socket_headers())

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(2) as scope:
            async with aclosing(
                run_script(service_script_run(target, connect, "audio", capture=tmp_path / "kept"))
            ) as yielded:
                async for item in yielded:
                    items.add(item)
        nursery.cancel_scope.cancel()
    assert scope.cancelled_caught
    rows = {finding.check: finding for finding in items.findings}
    assert [name for name, row in rows.items() if row.severity is Severity.PASS] == passed
    assert {row.title for name, row in rows.items() if name not in passed} == {"skipped: interrupted"}
    assert list(rows) == ["connect", "session", "ready", "events", "order", "answer", "transcript", "audio", "end"]
    (timeline,) = items.timelines
    assert bool(timeline.moments) == ("session" in passed)
    assert files_in(tmp_path) == []
    assert autojump_clock.current_time() < 4


async def test_stopping_halfway_leaves_nothing_behind_either(tmp_path: Path, autojump_clock: MockClock) -> None:
    async def connect(_kind: SessionKind) -> UpgradedConnection:
        await trio.sleep_forever()
        raise AssertionError

    script_run: ScriptRun = service_script_run(target_for(), connect, "text", capture=tmp_path / "kept")
    items = run_script(script_run)
    first = await anext(items)
    await items.aclose()
    assert first is not None
    assert files_in(tmp_path) == []
    assert autojump_clock.current_time() == 10


async def test_no_socket_within_the_timeout_skips_all_later_rows(autojump_clock: MockClock) -> None:
    items = await play_in_memory(autojump_clock, "text", "no-101")
    first, *others = items.findings
    assert (first.code, first.severity) == ("EVENTS-UPGRADE-NO-ANSWER", Severity.ERROR)
    assert {f.severity for f in others} == {Severity.SKIPPED}
    assert items.timelines == []
    assert items.virtual_seconds == pytest.approx(10, abs=1.5)


@pytest.mark.parametrize("changes", [{"script": "telepathy"}, {"dialect": "klingon"}, {"kind": "seance"}])
def test_a_capture_with_an_unknown_script_kind_or_dialect_is_refused(changes: dict[str, str]) -> None:
    capture = Capture(header=header(**{"script": "text", **changes}), entries=[], ending=FinishedEnding(at=0.0))
    with pytest.raises(CaptureError, match="unknown script, kind or dialect"):
        list(report_items(capture, offline_wording(), Secrets()))
