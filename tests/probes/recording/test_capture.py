from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.protocol.recordings.capture import MAX_LINE_BYTES
from probes.recording import capture as module
from probes.recording.capture import (
    Capture,
    CaptureEnding,
    CaptureEntry,
    CaptureError,
    ClosedEnding,
    FinishedEnding,
    LimitEnding,
    RefusedEnding,
    SilentEnding,
    StoppedEnding,
    format_capture,
    read_capture,
)
from probes.runner.usage import UsageError
from tests.probes.conversation.session_builder import header

ENDINGS: tuple[CaptureEnding, ...] = (
    FinishedEnding(at=1.5),
    StoppedEnding(at=2.0),
    SilentEnding(at=12.0, owed="answer", seconds=10.0),
    ClosedEnding(at=1.0, code=None, reason="", by_peer=True),
    RefusedEnding(at=0.1, error={"code": "invalid_api_key"}, native=True, code=3000),
    LimitEnding(at=60.0, bound="60 s"),
)
ENTRIES = [
    CaptureEntry(at=0.1, who="server", event={"type": "session.created", "session": {"id": "sess_1"}}, frame_bytes=200),
    CaptureEntry(
        at=0.2, who="client", event={"type": "input_audio_buffer.append"}, audio_ms=20.0, silent=True, detail="20 ms"
    ),
    CaptureEntry(at=0.3, who="server", event={}, unreadable="a binary frame"),
    CaptureEntry(at=0.4, who="server", event={"type": "x"}, differs=True),
]


def write_capture(path: Path, ending: CaptureEnding = ENDINGS[0]) -> Path:
    path.write_text(format_capture(Capture(header=header(), entries=ENTRIES, ending=ending)))
    return path


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: type(ending).__name__)
def test_a_capture_is_read_back_as_it_was_written(tmp_path: Path, ending: CaptureEnding) -> None:
    path = write_capture(tmp_path / "a.ndjson", ending)
    assert read_capture(path) == Capture(header=header(), entries=ENTRIES, ending=ending)


def test_the_first_line_is_the_header(tmp_path: Path) -> None:
    first = msgspec.json.decode(write_capture(tmp_path / "a").read_text().splitlines()[0])
    assert first["capture"] == "sherpa-probe events"
    assert first["schema_version"] == 1
    assert {"tool", "dialect", "kind", "script", "started", "redaction"} <= set(first)


def test_every_line_is_one_json_object_without_defaults(tmp_path: Path) -> None:
    lines = write_capture(tmp_path / "a").read_text().splitlines()
    assert len(lines) == len(ENTRIES) + 2
    assert "audio_ms" not in msgspec.json.decode(lines[1])


LINES = format_capture(Capture(header=header(), entries=ENTRIES, ending=FinishedEnding(at=1.0))).splitlines()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\x00\x01\xfe garbage", "line 1: not JSON, so the file isn't a capture"),
        ("[1, 2]\n", "line 1: not a JSON object"),
        ('{"hello": 1}\n', "isn't a capture"),
        ('{"capture": "sherpa-probe events", "schema_version": 2}\n', "format version 2; this tool reads version 1"),
        ('{"capture": "sherpa-probe events", "schema_version": 1}\n', "line 1: Object missing required field"),
        ("\n".join(LINES[:3]), "is truncated after line 3"),
        ("\n".join(LINES)[: -len(LINES[-1]) - 10], f"line {len(LINES) - 1}: not JSON"),
        ("\n".join([*LINES[:2], "{nonsense", LINES[-1]]), "line 3: not JSON"),
        ("\n".join([*LINES[:2], '{"at": "soon", "who": "server", "event": {}}']), "line 3: Expected `float`"),
        ("\n".join([*LINES[:2], '{"end": "never", "at": 1}']), "line 3: Invalid value 'never'"),
        ("\n".join([*LINES, LINES[1]]), f"line {len(LINES) + 1}: unexpected line after the end of the capture"),
        ("\n".join([LINES[0], "[" * 100_000]), "line 2: not JSON"),
    ],
)
def test_an_incomplete_or_invalid_capture_is_reported_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "kept.ndjson"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CaptureError) as caught:
        read_capture(path)
    message = str(caught.value)
    assert says in message
    assert "kept.ndjson" in message
    assert "\n" not in message
    assert isinstance(caught.value, UsageError), "leads to exit code 2"


def test_a_path_that_is_not_a_regular_file_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, says in (
        (tmp_path / "nowhere", "no such file"),
        (tmp_path, "isn't a regular file"),
        (tmp_path / "pipe", "isn't a regular file"),
        (Path("nul\0l"), "can't read"),
    ):
        with pytest.raises(CaptureError, match=says):
            read_capture(path)


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(module.MAX_FILE_BYTES + 1)
    with pytest.raises(CaptureError, match="larger than 200 MB"):
        read_capture(path)


def test_a_line_that_is_too_long_for_an_event_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.write(LINES[0].encode() + b"\n")
        file.truncate(MAX_LINE_BYTES + 1000)
    with pytest.raises(CaptureError, match="line 2: too long for an event"):
        read_capture(path)


@given(damage=st.binary(max_size=30), at=st.integers(0, 2000), cut=st.integers(0, 2000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, damage: bytes, at: int, cut: int) -> None:
    whole = "\n".join(LINES).encode()
    path = tmp_path / "damaged"
    path.write_bytes((whole[:at] + damage + whole[at:])[: len(whole) + 30 - cut])
    try:
        read_capture(path)
    except CaptureError as error:
        assert "\n" not in str(error)  # noqa: PT017 - reading it is as good an outcome
