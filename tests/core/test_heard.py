"""What was heard of an answer: told by the client, and measured by what it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.commands import SendEvent
from bridge.core.events import Interrupt, PlaybackProgress, UpstreamEvent
from bridge.core.speech.heard import FRAME_BYTES, audio_ms, heard_text
from tests.core.builders import (
    messages,
    native,
    of_type,
    play,
    ready_session,
    reconnect,
    response_created,
    response_done,
    text_item_done,
)

if TYPE_CHECKING:
    from bridge.core.session import Session

TEXT = "one two three four five six seven eight nine ten"


@pytest.mark.parametrize(
    ("played_ms", "heard"),
    [
        (0, ""),
        (999, ""),
        (1000, "one"),
        (5000, "one two three four five"),
        (9749, "one two three four five six seven eight nine"),
    ],
)
def test_words_take_equally_long(played_ms: float, heard: str) -> None:
    assert heard_text(TEXT, played_ms, 10_000) == heard


@pytest.mark.parametrize("played_ms", [9750, 10_000, 20_000])
def test_what_is_missing_at_the_end_may_be_the_end_of_a_word(played_ms: float) -> None:
    assert heard_text(TEXT, played_ms, 10_000) == TEXT


def test_of_an_answer_without_audio_everything_counts_as_heard() -> None:
    assert heard_text(TEXT, 0, 0) == TEXT


@given(st.text(), st.floats(0, 1e6), st.floats(0, 1e6))
def test_never_more_than_was_said(text: str, played_ms: float, sent_ms: float) -> None:
    heard = heard_text(text, played_ms, sent_ms)
    assert heard == text or text.split()[: len(heard.split())] == heard.split()


def test_audio_is_measured_by_the_size_of_its_frames() -> None:
    ids = '"event_id":"event_0123456789abcdefghijk","response_id":"resp_0123456789abcdefghijk"'
    item = '"item_id":"item_0123456789abcdefghijk","output_index":0,"content_index":0'
    frame = f'{{"type":"response.output_audio.delta",{ids},{item},"delta":"{"A" * 12_800}"}}'
    assert audio_ms(len(frame) - FRAME_BYTES) == pytest.approx(200, rel=0.02)
    assert audio_ms(-100) == 0


SECOND = b"." * (220 + 64_000)


def answered() -> Session:
    """A session with an answer of ten words, for which ten seconds of audio were sent."""
    session = ready_session()
    play(session, response_created())
    item = {"id": "i1", "type": "message", "role": "assistant", "content": []}
    play(session, native("response.output_item.added", response_id="resp_1", item=item))
    play(session, native("conversation.item.added", item=item))
    play(session, *[UpstreamEvent(1, "response.output_audio.delta", SECOND)] * 10)
    play(session, text_item_done("i1", TEXT, "assistant"), response_done())
    return session


def restored(session: Session) -> tuple[list[str], list[str]]:
    """The answers that a fresh session is told, and what is reported as lost."""
    commands = reconnect(session)
    created = [one.event["item"] for one in of_type(SendEvent, commands) if one.event["type"].endswith("item.create")]
    (message,) = messages(commands, "reconnected")
    return [item["content"][0]["text"] for item in created], message["lost"]


def test_a_fresh_session_is_told_what_was_heard() -> None:
    session = answered()
    play(session, PlaybackProgress("i1", 2_000), PlaybackProgress("i1", 5_000))
    assert restored(session) == (["one two three four five"], ["the part of an answer that was not heard"])


def test_without_a_word_of_the_client_everything_counts_as_heard() -> None:
    assert restored(answered()) == ([TEXT], [])


def test_an_answer_of_which_nothing_was_heard_is_not_told_at_all() -> None:
    session = answered()
    play(session, PlaybackProgress("i1", 0))
    assert restored(session) == ([], ["the part of an answer that was not heard"])


def test_playback_of_another_item_cuts_nothing() -> None:
    session = answered()
    play(session, PlaybackProgress("i0", 5_000))
    assert restored(session) == ([TEXT], [])


def test_an_interruption_says_what_was_heard_too() -> None:
    session = answered()
    play(session, Interrupt("i1", 3_000))
    assert restored(session)[0] == ["one two three"]


def test_a_transcript_that_comes_late_changes_nothing_of_what_was_heard() -> None:
    session = answered()
    play(session, PlaybackProgress("i1", 5_000), text_item_done("i1", TEXT, "assistant"))
    assert restored(session)[0] == ["one two three four five"]


def test_the_next_answer_is_measured_by_itself() -> None:
    session = answered()
    item = {"id": "i2", "type": "message", "role": "assistant", "content": []}
    play(session, response_created("resp_2"))
    play(session, native("response.output_item.added", response_id="resp_2", item=item))
    play(session, *[UpstreamEvent(1, "response.output_audio.delta", SECOND)] * 2)
    play(session, text_item_done("i2", "a b", "assistant"), response_done("resp_2"))
    play(session, PlaybackProgress("i2", 1_000))
    assert restored(session)[0] == [TEXT, "a"]
