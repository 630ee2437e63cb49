"""A recorded session as a scenario of the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.recordings.capture import Capture, CaptureEntry, CaptureHeader, ClosedEnding, FinishedEnding
from bridge.simulator.session.recorded import RecordedSession, unplayable
from bridge.simulator.session.state import ServerClose, ServerEvent

HEADER = CaptureHeader(
    tool="t", started="2026-11-21T00:00:00.000Z", kind="conversation", dialect="ga", via="service",
    timeout=0, redaction="content and secrets",
)  # fmt: skip
STARTED = 1_795_219_200
CREATED = {"type": "session.created", "session": {"id": "sess_old", "expires_at": STARTED + 3600}}


def entry(at: float, who: str, **event: Any) -> CaptureEntry:
    return CaptureEntry(at=at, who=who, event=event)


ENTRIES = [
    CaptureEntry(at=0.1, who="server", event=CREATED),
    entry(0.2, "client", type="response.create"),
    entry(0.5, "server", type="response.created"),
]


def session(entries: list[CaptureEntry], ending: Any = None, **options: Any) -> RecordedSession:
    capture = Capture(header=HEADER, entries=entries, ending=ending or FinishedEnding(at=9.0))
    return RecordedSession(capture, session_id="sess_new", unix_time=STARTED + 86_400, **options)


def types(outputs: list[Any]) -> list[str]:
    return [output.type for output in outputs if isinstance(output, ServerEvent)]


def test_events_come_in_the_recorded_rhythm_behind_what_the_client_sends() -> None:
    played = session(ENTRIES)
    assert played.start(0.0) == []
    assert played.next_wake == pytest.approx(0.1)
    assert types(played.wake(0.1)) == ["session.created"]
    assert played.next_wake is None
    assert played.receive(b'{"type":"response.create"}', 7.0) == []
    assert played.next_wake == pytest.approx(7.3)
    assert types(played.wake(7.3)) == ["response.created"]


def test_the_session_has_an_id_of_its_own_and_expires_as_late_after_the_start_as_recorded() -> None:
    played = session(ENTRIES)
    played.start(0.0)
    (created,) = played.wake(0.1)
    assert isinstance(created, ServerEvent)
    assert created.event["session"] == {"id": "sess_new", "expires_at": STARTED + 86_400 + 3600}


def test_it_is_closed_as_it_was_recorded() -> None:
    played = session(ENTRIES[:1], ClosedEnding(at=0.3, code=3000, reason="no", by_peer=True))
    played.start(0.0)
    played.wake(0.1)
    assert played.next_wake == pytest.approx(0.3)
    assert played.wake(0.31) == [ServerClose(3000, "no")]
    assert played.next_wake is None


def test_what_is_no_event_is_ignored() -> None:
    played = session(ENTRIES)
    played.start(0.0)
    assert played.receive(b"{", 0.0) == played.receive(b"[]", 0.0) == played.receive_binary(b"x", 0.0) == []


def test_input_audio_is_counted() -> None:
    heard: list[bytes] = []
    played = session(ENTRIES, on_audio=heard.append)
    played.start(0.0)
    played.receive(b'{"type":"input_audio_buffer.append","audio":"AAAA"}', 0.0)
    played.receive(b'{"type":"input_audio_buffer.append","audio":"!"}', 0.0)
    assert heard == [bytes(3)]


def test_a_recording_between_client_and_bridge_is_no_scenario() -> None:
    header = CaptureHeader(
        tool="t", started="", kind="conversation", dialect="ga", via="client", timeout=0, redaction=""
    )
    assert "between a client and a bridge" in unplayable(
        Capture(header=header, entries=[], ending=FinishedEnding(at=0))
    )
    assert "no event" in unplayable(Capture(header=HEADER, entries=[], ending=FinishedEnding(at=0)))
    assert unplayable(Capture(header=HEADER, entries=ENTRIES, ending=FinishedEnding(at=0))) == ""
