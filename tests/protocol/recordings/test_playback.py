from __future__ import annotations

import math
from typing import Any

from bridge.protocol.recordings.capture import CaptureEntry
from bridge.protocol.recordings.playback import Playback


def client(at: float, kind: str, **fields: Any) -> CaptureEntry:
    return CaptureEntry(at=at, who="client", event={"type": kind, **fields})


def server(at: float, kind: str, *, audio_ms: float = 0.0, **fields: Any) -> CaptureEntry:
    return CaptureEntry(at=at, who="server", event={"type": kind, **fields}, audio_ms=audio_ms)


TURN = (
    server(0.1, "session.created"),
    client(0.3, "session.update"),
    server(0.4, "session.updated"),
    client(0.5, "response.create"),
    server(1.0, "response.created"),
)


def sent(playback: Playback, now: float) -> list[str]:
    return [entry.type for entry in playback.due(now)]


def test_a_frame_waits_for_the_moment_that_was_recorded_before_it() -> None:
    playback = Playback(TURN, from_client=True, now=0.0)
    assert sent(playback, 100.0) == []
    assert playback.waits_for == "session.created 1"
    assert playback.next_due is None


def test_it_follows_that_moment_with_the_recorded_pause() -> None:
    playback = Playback(TURN, from_client=True, now=0.0)
    playback.heard({"type": "session.created"}, 5.0)
    assert playback.next_due == 5.2
    assert sent(playback, 5.1) == []
    assert sent(playback, 5.2) == ["session.update"]


def test_it_does_not_come_sooner_after_the_own_frame_before_it_than_recorded() -> None:
    playback = Playback(TURN, from_client=True, now=0.0)
    playback.heard({"type": "session.created"}, 5.0)
    sent(playback, 5.2)
    playback.heard({"type": "session.updated"}, 5.21)
    assert playback.next_due == 5.4
    assert sent(playback, 5.4) == ["response.create"]
    assert playback.finished


def test_the_speed_divides_all_pauses() -> None:
    playback = Playback(TURN, from_client=True, speed=2.0, now=0.0)
    playback.heard({"type": "session.created"}, 5.0)
    assert playback.next_due == 5.1


def test_at_full_speed_there_are_no_pauses_but_the_order_stays() -> None:
    playback = Playback(TURN, from_client=True, speed=math.inf, now=0.0)
    playback.heard({"type": "session.created"}, 5.0)
    assert sent(playback, 5.0) == ["session.update"]
    assert playback.waits_for == "session.updated 1"
    playback.heard({"type": "session.updated"}, 6.0)
    assert sent(playback, 6.0) == ["response.create"]


def test_speech_waits_for_readiness_only() -> None:
    entries = (
        server(0.1, "session.created"),
        client(0.2, "input_audio_buffer.append"),
        server(0.3, "input_audio_buffer.speech_started"),
        client(0.4, "input_audio_buffer.append"),
    )
    playback = Playback(entries, from_client=True, now=0.0)
    playback.heard({"type": "session.created"}, 0.1)
    assert len(sent(playback, 0.5)) == 2


def test_an_interruption_waits_until_as_much_was_heard_as_in_the_recording() -> None:
    entries = (
        server(0.1, "response.created"),
        server(0.2, "response.output_audio.delta", audio_ms=400.0),
        server(0.3, "response.output_audio.delta", audio_ms=400.0),
        client(0.4, "response.cancel"),
    )
    playback = Playback(entries, from_client=True, speed=math.inf, now=0.0)
    playback.heard({"type": "response.created"}, 0.1)
    playback.heard({"type": "response.output_audio.delta"}, 0.2, audio_ms=500.0)
    assert sent(playback, 9.0) == []
    assert playback.waits_for == "800 ms of audio"
    playback.heard({"type": "response.output_audio.delta"}, 0.3, audio_ms=300.0)
    assert sent(playback, 9.0) == ["response.cancel"]


def test_an_interruption_does_not_wait_for_audio_of_an_answer_that_is_over() -> None:
    entries = (server(0.2, "response.output_audio.delta", audio_ms=400.0), client(0.4, "response.cancel"))
    playback = Playback(entries, from_client=True, speed=math.inf, now=0.0)
    playback.heard({"type": "response.output_audio.delta"}, 0.3, audio_ms=100.0)
    playback.heard({"type": "response.done"}, 0.3)
    assert sent(playback, 9.0) == ["response.cancel"]


def test_the_service_waits_for_the_client() -> None:
    playback = Playback(TURN, from_client=False, now=0.0)
    assert sent(playback, 50.0) == ["session.created"]
    assert playback.waits_for == "session.update 1"
    playback.heard({"type": "session.update"}, 60.0)
    assert sent(playback, 60.2) == ["session.updated"]


def test_what_could_not_be_read_and_markers_are_not_played() -> None:
    entries = (
        CaptureEntry(at=0.1, who="client", event={}, unreadable="not JSON"),
        CaptureEntry(at=0.2, who="probe", event={"type": "turn over"}),
    )
    assert Playback(entries, from_client=True, now=0.0).finished
