"""A ready session sends what was buffered in slices: others have their turn in between, and nothing overtakes."""

from __future__ import annotations

import pytest

from bridge.core.commands import Command, SendAudio, SendEvent
from bridge.core.events import ClientAudio, ClientGone, ClientText, CreateSession, EndSession, Interrupt, Tick
from bridge.core.speech.kept_audio import RESENT_BYTES, join_chunks
from tests.core.builders import (
    MANUAL,
    audio,
    configured,
    created,
    lost,
    messages,
    new_session,
    of_type,
    play,
    ready_session,
)

SLICE = 4


def marks(commands: list[Command]) -> list[int]:
    """Return what was sent upstream, in order: the mark of each chunk, 0 for anything else."""
    sent = [one for one in commands if isinstance(one, SendAudio | SendEvent)]
    return [one.pcm[0] if isinstance(one, SendAudio) else 0 for one in sent]


def test_one_slice_is_sent_at_once_and_one_with_each_tick_which_is_wanted_at_once() -> None:
    session = new_session(sent_at_once=SLICE)
    play(session, CreateSession(MANUAL), *(audio(20, mark) for mark in range(1, 11)), created())
    assert marks(play(session, configured(), now=5.0)) == [1, 2, 3, 4]
    assert session.deadline == 5.0
    assert marks(play(session, Tick(), now=5.0)) == [5, 6, 7, 8]
    assert session.deadline == 5.0
    assert marks(play(session, Tick(), now=6.0)) == [9, 10]
    assert session.deadline is None


def test_what_comes_meanwhile_waits_for_its_turn_and_sends_no_slice_itself() -> None:
    session = new_session(sent_at_once=SLICE)
    play(session, CreateSession(MANUAL), *(audio(20, mark) for mark in range(1, 7)), created(), configured())
    assert not session.relay_audio(audio(20, 7).pcm, 0.0)
    assert marks(play(session, audio(20, 7), ClientText("hi"), audio(20, 8))) == []
    assert marks(play(session, Tick())) == [5, 6, 7, 0, 0]
    assert marks(play(session, Tick(), audio(20, 9))) == [8, 9]
    assert session.relay_audio(audio(20, 10).pcm, 0.0)


def test_input_that_waits_behind_a_slice_is_no_error() -> None:
    session = new_session(sent_at_once=1)
    play(session, CreateSession(MANUAL), audio(20, 1), audio(20, 2), created(), configured())
    assert messages(play(session, audio(20, 3)), "error") == []


def test_a_loss_between_two_slices_keeps_the_order() -> None:
    session = new_session(sent_at_once=2)
    play(session, CreateSession(MANUAL), *(audio(100, mark) for mark in range(1, 6)), created(), configured())
    play(session, audio(100, 6), lost(), audio(100, 7), Tick())
    play(session, Tick(), created(2), now=1.0)
    sent = marks(play(session, configured(2), now=1.0))
    while session.deadline == 1.0:
        sent += marks(play(session, Tick(), now=1.0))
    assert sent == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("end", [EndSession(), ClientGone()])
def test_an_end_between_two_slices_sends_no_more(end: EndSession | ClientGone) -> None:
    session = new_session(sent_at_once=1)
    play(session, CreateSession(MANUAL), audio(20, 1), audio(20, 2), ClientText("hi"), created(), configured())
    after = play(session, end)
    dropped = [(one["chunks"], one["ms"], one["messages"]) for one in messages(after, "audio_dropped")]
    assert dropped == ([(1, 20, 1)] if isinstance(end, EndSession) else [])
    assert session.deadline is None
    assert marks(play(session, Tick())) == []


def test_an_interrupt_between_two_slices_is_carried_out_at_once() -> None:
    session = new_session(sent_at_once=1)
    play(session, CreateSession(MANUAL), ClientText("hi"), audio(20, 2), created(), configured())
    sent = of_type(SendEvent, play(session, Interrupt(None, None)))
    assert [one.event["type"] for one in sent] == ["response.cancel"]


def test_tiny_chunks_are_sent_again_in_few_messages() -> None:
    session = ready_session(MANUAL, vad=False)
    pcm = bytes(range(1, 49))
    play(session, *(ClientAudio(pcm) for _ in range(20_000)))
    play(session, lost(), Tick())
    play(session, Tick(), created(2), now=1.0)
    sent = of_type(SendAudio, play(session, configured(2), now=1.0))
    assert b"".join(one.pcm for one in sent) == pcm * 20_000
    assert len(sent) == 200
    assert session.deadline is None


def test_chunks_are_joined_up_to_a_length_and_never_across_a_commit() -> None:
    chunk = b"\1\2" * 480
    longer, longest = b"\3\4" * 960, b"x" * (RESENT_BYTES + 2)
    entries = [chunk, chunk, None, chunk, longer, longer, longer, None, longest, None]
    assert list(join_chunks(entries)) == [chunk * 2, None, chunk + longer * 2, longer, None, longest, None]
    assert list(join_chunks([])) == []
    assert list(join_chunks([None])) == [None]
