"""Log lines: their fields, and what they never contain."""

from __future__ import annotations

import io
import json
import re

import pytest

from bridge.telemetry.log import Log, LogFormat
from reports.redaction import Secret

KEY = Secret("sk-proj-abcdefghijklmnopqrstuvwxyz0123")


def lines(text: io.StringIO) -> list[str]:
    return text.getvalue().splitlines()


def test_a_line_has_timestamp_level_message_and_client() -> None:
    text = io.StringIO()
    Log(text).write("info", "session.ready", "Ready", clientId="c", generation=2, sessionId="s")
    line = json.loads(lines(text)[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "message": "Ready",
        "event": "session.ready",
        "category": "realtime",
        "source": "openai",
        "clientId": "c",
        "generation": 2,
        "sessionId": "s",
    }


def test_for_people_it_is_one_line_without_what_is_always_the_same() -> None:
    text = io.StringIO()
    Log(text, log_format=LogFormat.CONSOLE).write("warning", "x.y", "Careful", clientId="c\n\x1b[2J")
    [line] = lines(text)
    assert re.fullmatch(r"[\d:.]{12} warning Careful  event=x\.y  clientId=c\\n\\x1b\[2J", line)


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_no_secret_is_shown_in_any_field(log_format: LogFormat) -> None:
    text = io.StringIO()
    log = Log(text, log_format=log_format, secrets=[KEY, Secret("test")])
    log.write("info", "a.b", "test", detail={"message": f"Incorrect key {KEY.reveal()}"})
    log.write_error("a.c", "Broken", error=ValueError(f"bad {KEY.reveal()}"))
    assert KEY.reveal() not in text.getvalue()
    assert KEY.hint in text.getvalue()
    assert "test" in text.getvalue(), "short ones are ordinary words"


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_an_error_brings_its_traceback_escaped(log_format: LogFormat) -> None:
    text = io.StringIO()
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("a\x1b[31m \ud800 bug")
    Log(text, log_format=log_format).write_error("internal.error", "Broken", error=caught.value)
    assert "test_log.py" in text.getvalue()
    assert "\x1b" not in text.getvalue()
    assert "\\ud800" in text.getvalue().replace("\\\\", "\\")
    if log_format is LogFormat.JSON:
        assert len(lines(text)) == 1


def test_levels_below_the_least_are_not_written() -> None:
    text = io.StringIO()
    log = Log(text, level="warning")
    for level in ("debug", "info", "warning", "error"):
        log.write(level, "a.b", level)
    assert [json.loads(line)["message"] for line in lines(text)] == ["warning", "error"]


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError("No space left on device")

    Log(Full()).write("info", "a.b", "c")
    closed = io.StringIO()
    log = Log(closed)
    closed.close()
    log.write("info", "a.b", "c")
    assert closed.closed


def test_text_that_cannot_be_encoded_ends_nothing() -> None:
    Log(io.StringIO()).write("info", "a.b", "half of a pair: \ud800")


def test_a_line_is_written_in_one_piece_and_flushed() -> None:
    class Recorded(io.StringIO):
        calls: tuple[str, ...] = ()

        def write(self, text: str) -> int:
            self.calls += (text[-1],)
            return len(text)

        def flush(self) -> None:
            self.calls += ("flushed",)

    stream = Recorded()
    Log(stream).write("info", "a.b", "c")
    assert stream.calls == ("\n", "flushed")


def test_without_any_stream_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    monkeypatch.setattr("sys.stdout", None)
    Log().write("error", "a.b", "c")
