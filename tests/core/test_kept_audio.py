from __future__ import annotations

import sys
from itertools import count

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.core.speech.kept_audio import JOINED_BYTES, SMALL_BYTES, KeptAudio

#: Each step with a number: bytes to append, or the share of what is kept that is released or taken back.
STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "append", "append", "release", "take back", "seal"]), st.integers(0, 100)),
    max_size=40,
)


def pieces(kept: KeptAudio) -> list[tuple[int, bytes]]:
    return [(position + i, pcm[i : i + 1]) for position, pcm in kept for i in range(len(pcm))]


@given(STEPS, st.integers(1, 3))
@example([("append", 0), ("append", 1), ("take back", 0)], 1)
def test_every_byte_keeps_its_position_whatever_happens_to_its_neighbours(
    steps: list[tuple[str, int]], scale: int
) -> None:
    kept, model = KeptAudio(), dict[int, bytes]()
    serial = count()
    for step, number in steps:
        at = kept.start + (kept.end - kept.start) * number // 90
        before = len(model)
        if step == "append":
            pcm = bytes(next(serial) % 251 for _ in range(number * scale))
            model.update((kept.end + i, pcm[i : i + 1]) for i in range(len(pcm)))
            kept.append(pcm)
        elif step == "release":
            size, _ = kept.release_before(at)
            model = {position: byte for position, byte in model.items() if position >= at}
            assert size == before - len(model)
        elif step == "take back":
            kept.take_back(at)
            model = {position: byte for position, byte in model.items() if position < at}
        else:
            kept.seal()
        assert pieces(kept) == sorted(model.items())
        assert kept.size == len(model)
        assert kept.start == min(model, default=kept.end)


def test_what_was_sent_in_ordinary_chunks_is_kept_in_them_and_not_copied() -> None:
    kept = KeptAudio()
    chunks = [bytes([mark]) * 960 for mark in range(5)]
    for pcm in chunks:
        kept.append(pcm)
    assert all(pcm is sent for (_, pcm), sent in zip(kept, chunks, strict=True))
    assert kept.release_before(2 * 960 + 10) == (2 * 960 + 10, 2)


def test_chunks_of_a_sample_cost_little_more_than_their_audio() -> None:
    kept = KeptAudio()
    for _ in range(50_000):
        kept.append(bytes(2))
    assert sum(sys.getsizeof(pcm) for _, pcm in kept) < 1.1 * 100_000


def test_chunks_of_a_millisecond_cost_twice_their_audio_at_most() -> None:
    kept = KeptAudio()
    for _ in range(1000):
        kept.append(bytes(SMALL_BYTES))
    assert sum(sys.getsizeof(pcm) for _, pcm in kept) < 2 * 1000 * SMALL_BYTES


def test_a_small_chunk_is_joined_unless_something_stands_before_it() -> None:
    kept = KeptAudio()
    for pcm in (bytes(60), bytes(2), bytes(2)):
        kept.append(pcm)
    kept.seal()
    kept.append(bytes(4))
    kept.append(bytes(6))
    kept.append(bytes(JOINED_BYTES))
    kept.append(bytes(8))
    assert [len(pcm) for _, pcm in kept] == [64, 10, JOINED_BYTES, 8]


def test_what_follows_a_gap_is_not_joined_across_it() -> None:
    kept = KeptAudio()
    kept.append(bytes(100))
    kept.take_back(90)
    kept.append(bytes(2))
    assert [(position, len(pcm)) for position, pcm in kept] == [(0, 90), (100, 2)]
