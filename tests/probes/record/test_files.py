from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.protocol.recordings.capture import CaptureEntry, FinishedEnding, LimitEnding
from probes.record import files as module
from probes.record.files import RecordingFiles
from probes.recording.capture import read_capture
from reports.store.writer import CannotWriteError
from tests.probes.conversation.session_builder import header

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = CaptureEntry(at=0.5, who="client", event={"type": "response.create"})


def test_a_file_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    file = RecordingFiles(tmp_path / "a.ndjson").open()
    file.begin(header(""))
    file.add(ENTRY)
    assert not (tmp_path / "a.ndjson").exists()
    file.close(FinishedEnding(at=1.0))
    assert read_capture(tmp_path / "a.ndjson").entries == [ENTRY]


def test_what_is_not_complete_leaves_nothing_behind(tmp_path: Path) -> None:
    files = RecordingFiles(tmp_path / "a.ndjson")
    files.open().begin(header(""))
    files.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_too_long_ends_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 300)
    file = RecordingFiles(tmp_path / "a").open()
    file.begin(header(""))
    for _ in range(20):
        file.add(ENTRY)
    file.close(FinishedEnding(at=1.0))
    capture = read_capture(tmp_path / "a")
    assert isinstance(capture.ending, LimitEnding)
    assert file.frames == len(capture.entries) < 20
    assert file.lost.startswith("longer than")


def test_a_folder_that_is_not_there_is_found_before_anything_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(CannotWriteError, match="no such file"):
        RecordingFiles(tmp_path / "missing" / "a").check()
