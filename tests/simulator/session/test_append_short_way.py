"""An append takes a shorter way than other events: it must not do anything else than the long way does."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.protocol.audio.pcm import silence
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.session.session import SessionSetup, SimulatedSession
from tests.simulator.session_harness import base64, speech

OPENING = b'{"type":"input_audio_buffer.append"'
GOOD = base64(speech(20))


class Twin:
    """One session twice. One gets what it is sent as UTF-8, the other as `str`, which always goes the long way."""

    def __init__(self, kind: SessionKind, dialect: Dialect) -> None:
        setup = SessionSetup(dialect=dialect, kind=kind, model="gpt-realtime-2.1", unix_time=0)
        self.audio: tuple[list[bytes], list[bytes]] = ([], [])
        self.sessions = [SimulatedSession(setup, seed=1, now=0.0, on_audio=heard.append) for heard in self.audio]
        self.now = 0.0
        for session in self.sessions:
            session.start(0.0)
        self.wait(0.01)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        short, long = (session.wake(self.now) for session in self.sessions)
        assert short == long

    def send(self, frame: bytes) -> None:
        self.now += 0.02
        short, long = self.sessions
        assert short.receive(frame, self.now) == long.receive(frame.decode(), self.now)
        assert short.next_wake == long.next_wake
        assert self.audio[0] == self.audio[1]


def an_append(**fields: Any) -> bytes:
    return msgspec.json.encode({"type": "input_audio_buffer.append", **fields})


APPENDS = [
    an_append(audio=GOOD),
    an_append(audio=""),
    an_append(audio=GOOD, event_id="evt_1"),
    an_append(audio=GOOD, event_id=None),
    an_append(audio=GOOD, event_id=7),
    an_append(audio=GOOD, event_id="e" * 512),
    an_append(audio=GOOD, event_id="e" * 513),
    an_append(audio=GOOD, extra=1),
    an_append(audio=None),
    an_append(audio=5),
    an_append(),
    an_append(audio="AAA="),
    an_append(audio="AA=="),
    an_append(audio="AAAB="),
    an_append(audio="AA AB"),
    an_append(audio="not base64"),
    an_append(audio="ü"),
    OPENING + b',"audio":"AAAA","audio":"AAAAAAAA"}',
    OPENING + b',"audio":"AAAA","type":"input_audio_buffer.clear"}',
    OPENING + b',"audio":"AA\\u0041A"} ',
    OPENING + b',"audio":"AAAA"',
    OPENING + b',"audio":"AAAA"}}',
    OPENING[:-1] + b'x","audio":"AAAA"}',
    b' {"audio":"AAAA", "type":"input_audio_buffer.append"}',
]
UPDATES: list[dict[str, object]] = [
    {"audio": {"input": {"turn_detection": None}}},
    {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
    {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}},
]
OTHERS = [
    *(msgspec.json.encode({"type": "session.update", "session": {"type": "realtime", **update}}) for update in UPDATES),
    b'{"type":"input_audio_buffer.commit"}',
    b'{"type":"input_audio_buffer.clear"}',
    an_append(audio=base64(speech(600))),
    an_append(audio=base64(silence(600))),
    b'{"type":"session.close"}',
]


@pytest.mark.parametrize("dialect", [Dialect.GA, Dialect.BETA])
@pytest.mark.parametrize("kind", [SessionKind.CONVERSATION, SessionKind.TRANSCRIPTION])
@pytest.mark.parametrize("frame", APPENDS, ids=lambda frame: frame[35:75].decode())
def test_each_form_of_an_append_is_answered_as_on_the_long_way(
    frame: bytes, kind: SessionKind, dialect: Dialect
) -> None:
    Twin(kind, dialect).send(frame)


def test_a_translation_session_does_not_know_the_event_on_either_way() -> None:
    twin = Twin(SessionKind.TRANSLATION, Dialect.TRANSLATION)
    twin.send(APPENDS[0])
    assert twin.audio == ([], [])


@example([APPENDS[0], OTHERS[1], APPENDS[0], OTHERS[2], APPENDS[0], OTHERS[0], OTHERS[5]])
@given(st.lists(st.sampled_from([*APPENDS, *OTHERS]) | st.floats(0.001, 2.0), max_size=25))
def test_any_history_gives_the_same_on_both_ways(history: list[bytes | float]) -> None:
    twin = Twin(SessionKind.CONVERSATION, Dialect.GA)
    for step in history:
        if isinstance(step, bytes):
            twin.send(step)
        else:
            twin.wait(step)


@given(st.text("ABCDwxyz0189+/=-_ \n", max_size=12))
def test_any_base64_is_taken_or_refused_as_on_the_long_way(text: str) -> None:
    twin = Twin(SessionKind.CONVERSATION, Dialect.GA)
    twin.send(an_append(audio=text))
    if twin.audio[0]:
        assert twin.audio[0] == [binascii.a2b_base64(text, strict_mode=True)]
