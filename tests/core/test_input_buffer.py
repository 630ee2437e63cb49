from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import ClientAudio, ClientInput, ClientText
from bridge.core.input_buffer import DroppedInput, InputBuffer, InputBufferLimits
from tests.core.builders import audio


def all_dropped(held: InputBuffer) -> list[DroppedInput]:
    dropped = []
    while (one := held.pop_dropped()) is not None:
        dropped.append(one)
    return dropped


def all_held(held: InputBuffer) -> list[ClientInput]:
    taken = []
    while (one := held.pop()) is not None:
        taken.append(one)
    return taken


def test_the_first_in_is_the_first_out_and_the_sums_are_right() -> None:
    held = InputBuffer(InputBufferLimits())
    for entry in (audio(20), ClientText("a"), audio(30)):
        held.add(entry, 0.0)
    assert (len(held), held.chunks, held.ms) == (3, 2, 50)
    assert all_held(held) == [audio(20), ClientText("a"), audio(30)]
    assert (len(held), held.chunks, held.ms) == (0, 0, 0)


def test_full_means_past_the_bound_not_at_it() -> None:
    held = InputBuffer(InputBufferLimits(audio_ms=100, messages=2))
    for _ in range(2):
        held.add(audio(50), 0.0)
        held.add(ClientText("a"), 0.0)
    assert not held.has_dropped
    held.add(audio(1), 0.0)
    held.add(ClientText("b"), 0.0)
    assert all_dropped(held) == [DroppedInput("buffer_full", 1, 50.0, 1)]


def test_age_is_counted_from_each_ones_own_beginning() -> None:
    held = InputBuffer(InputBufferLimits(age_seconds=10))
    held.add(audio(20), 0.0)
    held.add(audio(30), 4.0)
    assert held.oldest_expires_at == 10.0
    held.expire(9.9)
    assert len(held) == 2
    held.expire(10.0)
    assert (held.ms, held.oldest_expires_at) == (30, 14.0)


def test_what_is_too_old_goes_before_what_is_too_much() -> None:
    held = InputBuffer(InputBufferLimits(audio_ms=100, age_seconds=10))
    held.add(audio(100), 0.0)
    held.add(audio(100), 10.0)
    assert [one.reason for one in all_dropped(held)] == ["too_old"]


def test_nothing_buffered_has_no_age_and_gives_nothing() -> None:
    held = InputBuffer(InputBufferLimits())
    assert (held.pop(), held.oldest_expires_at, held.pop_dropped(), held.has_dropped) == (None, None, None, False)


def test_speech_that_is_dropped_elsewhere_is_counted_with_the_rest() -> None:
    held = InputBuffer(InputBufferLimits())
    held.add(audio(20), 0.0)
    held.add_dropped(DroppedInput("session_failed").including(audio(30)))
    held.drop_all("session_failed")
    assert all_dropped(held) == [DroppedInput("session_failed", 2, 50.0, 0)]


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 5)), max_size=60))
def test_whatever_comes_is_buffered_or_counted_and_the_bounds_hold(arrivals: list[tuple[int, float]]) -> None:
    held, now, came = InputBuffer(InputBufferLimits(audio_ms=100, messages=3, age_seconds=10)), 0.0, []
    for ms, wait in arrivals:
        now += wait
        entry: ClientInput = audio(ms) if ms else ClientText("x")
        came.append(entry)
        held.add(entry, now)
        assert held.ms <= 100
        assert len(held) - held.chunks <= 3
        assert held.oldest_expires_at is not None or not len(held)
        assert held.oldest_expires_at is None or held.oldest_expires_at > now
    dropped = all_dropped(held)
    rest = all_held(held)
    assert rest == [entry for entry in came if any(entry is one for one in rest)]
    assert sum(one.chunks + one.messages for one in dropped) + len(rest) == len(came)
    speech = sum(len(entry.pcm) for entry in came if isinstance(entry, ClientAudio)) / 48
    assert (
        speech
        == sum(one.ms for one in dropped) + sum(len(entry.pcm) for entry in rest if isinstance(entry, ClientAudio)) / 48
    )
