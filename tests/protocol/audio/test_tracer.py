from __future__ import annotations

import json
import random
from itertools import compress, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.protocol.audio import tracer
from bridge.protocol.audio.pcm import tone
from bridge.protocol.audio.tracer import (
    CELL_BYTES,
    CELL_MS,
    TracerCount,
    TracerReceiver,
    TracerSource,
    contains_tracer,
)

CALLER = 7
#: Every other cell of speech: 40 cells to cut, drop and shuffle.
SENT = b"".join(
    (TracerSource.speech if n % 2 else TracerSource.silence)(source, CELL_MS)
    for source in [TracerSource(CALLER)]
    for n in range(40)
)
CELLS = [SENT[at : at + CELL_BYTES] for at in range(0, len(SENT), CELL_BYTES)]
CUTS = st.lists(st.integers(0, len(SENT)), max_size=30)


def receiver_of(*pieces: bytes) -> TracerReceiver:
    receiver = TracerReceiver()
    for piece in pieces:
        receiver.feed(piece)
    receiver.finish()
    return receiver


def cut(pcm: bytes, at: list[int]) -> list[bytes]:
    return [pcm[start:end] for start, end in pairwise([0, *sorted(min(a, len(pcm)) for a in at), len(pcm)])]


def count_of(*pieces: bytes, sent_ms: int = 0) -> TracerCount:
    return receiver_of(*pieces).counts({CALLER: sent_ms})[CALLER]


def test_audio_that_arrives_as_sent_is_clean() -> None:
    receiver = receiver_of(SENT)
    count = receiver.counts({CALLER: 800})[CALLER]
    assert count == TracerCount(
        received_ms=800, lost_ms=0, repeated_ms=0, reordered_ms=0, damaged_ms=0.0, first_missing_ms=None, missing=()
    )
    assert count.clean
    assert receiver.other_ms == 0


def test_the_source_numbers_speech_and_silence_alike() -> None:
    source = TracerSource(CALLER)
    pcm = source.speech(60) + source.silence(40) + source.speech(0) + source.speech(20)
    assert source.sent_ms == 120
    assert len(pcm) == 120 * 48
    assert count_of(pcm, sent_ms=source.sent_ms).clean


@pytest.mark.parametrize("ms", [30, -20])
def test_tracer_audio_is_made_in_whole_cells_only(ms: int) -> None:
    with pytest.raises(ValueError, match="cells of 20 ms"):
        TracerSource(CALLER).speech(ms)


@pytest.mark.parametrize("caller", [-1, 2**64])
def test_a_caller_number_that_does_not_fit_is_refused(caller: int) -> None:
    with pytest.raises(ValueError, match="caller number must be between"):
        TracerSource(caller)


@given(CUTS)
def test_chunking_changes_nothing(at: list[int]) -> None:
    assert receiver_of(*cut(SENT, at)).to_dict() == receiver_of(SENT).to_dict()


@settings(max_examples=50)
@given(CUTS, st.lists(st.tuples(st.integers(0, len(SENT)), st.integers(1, 1_500)), max_size=4), st.binary(max_size=30))
def test_chunking_changes_nothing_for_damaged_audio_either(
    at: list[int], holes: list[tuple[int, int]], noise: bytes
) -> None:
    hurt = SENT
    for start, length in holes:
        hurt = hurt[:start] + noise + hurt[start + length :]
    assert receiver_of(*cut(hurt, at)).to_dict() == receiver_of(hurt).to_dict()


def test_lost_first_words_are_found_without_an_expectation() -> None:
    count = receiver_of(*CELLS[3:]).counts()[CALLER]
    assert count.lost_ms == 60
    assert count.first_missing_ms == 0
    assert count.missing == ((0, 60),)
    assert not count.clean


def test_lost_last_words_are_found_only_with_an_expectation() -> None:
    receiver = receiver_of(*CELLS[:-2])
    assert receiver.counts()[CALLER].lost_ms == 0
    count = receiver.counts({CALLER: 800})[CALLER]
    assert (count.lost_ms, count.first_missing_ms) == (40, 760)


def test_a_caller_that_never_arrived_lost_everything() -> None:
    assert receiver_of(SENT).counts({8: 100})[8].missing == ((0, 100),)


@given(st.sets(st.integers(0, 39)))
def test_dropped_cells_are_lost_and_nothing_else(dropped: set[int]) -> None:
    count = count_of(*(cell for n, cell in enumerate(CELLS) if n not in dropped), sent_ms=800)
    assert count.lost_ms == 20 * len(dropped)
    assert count.received_ms == 800 - 20 * len(dropped)
    assert count.first_missing_ms == (min(dropped) * 20 if dropped else None)
    assert (count.repeated_ms, count.reordered_ms, count.damaged_ms) == (0, 0, 0)


@given(st.lists(st.integers(0, 39), max_size=80))
def test_any_sequence_of_cells_is_counted_as_a_plain_model_counts_it(order: list[int]) -> None:
    count = count_of(*(CELLS[n] for n in order), sent_ms=800)
    seen: set[int] = set()
    repeated = late = 0
    for n in order:
        repeated += n in seen
        late += n not in seen and n < max(seen, default=-1)
        seen.add(n)
    assert (count.received_ms, count.lost_ms) == (20 * len(seen), 800 - 20 * len(seen))
    assert (count.repeated_ms, count.reordered_ms) == (20 * repeated, 20 * late)


def test_two_cells_swapped_are_one_late_cell() -> None:
    count = count_of(*CELLS[:10], CELLS[11], CELLS[10], *CELLS[12:])
    assert (count.reordered_ms, count.repeated_ms, count.lost_ms) == (20, 0, 0)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(SENT) // 2), st.integers(1, 1_200)), min_size=1, max_size=5))
def test_cutting_bytes_out_never_costs_an_untouched_cell(holes: list[tuple[int, int]]) -> None:
    kept = bytearray(b"\1" * len(SENT))
    for start, length in holes:
        kept[start * 2 : (start + length) * 2] = bytes(len(kept[start * 2 : (start + length) * 2]))
    rest = bytes(compress(SENT, kept))
    untouched = {n for n in range(40) if all(kept[n * CELL_BYTES : (n + 1) * CELL_BYTES])}
    # A hole from inside one cell to the same place of another leaves one that is whole again, byte for byte.
    whole = {n for n, cell in enumerate(CELLS) if cell in rest}
    assert untouched <= whole
    receiver = receiver_of(rest)
    count = receiver.counts({CALLER: 800})[CALLER]
    assert count.received_ms == 20 * len(whole)
    assert count.lost_ms == 800 - 20 * len(whole)
    assert (count.repeated_ms, count.reordered_ms) == (0, 0)
    assert (count.damaged_ms + receiver.other_ms) * 48 == pytest.approx(len(rest) - len(whole) * CELL_BYTES)


@given(st.integers(0, len(SENT) - 1), st.binary(min_size=1, max_size=3_000))
def test_noise_written_over_the_audio_costs_only_what_it_covers(at: int, noise: bytes) -> None:
    hurt = (SENT[:at] + noise + SENT[at + len(noise) :])[: len(SENT)]
    whole = sum(hurt[n : n + CELL_BYTES] == SENT[n : n + CELL_BYTES] for n in range(0, len(SENT), CELL_BYTES))
    receiver = receiver_of(hurt)
    assert receiver.counts({CALLER: 800})[CALLER].received_ms == 20 * whole
    spoiled = sum(count.damaged_ms for count in receiver.counts().values())
    assert (spoiled + receiver.other_ms) * 48 == pytest.approx(len(SENT) - whole * CELL_BYTES)


@given(st.lists(st.binary(max_size=3_000), max_size=5))
def test_any_bytes_at_all_are_taken_without_an_error(pieces: list[bytes]) -> None:
    receiver = receiver_of(*pieces)
    assert receiver.other_ms * 48 == pytest.approx(sum(map(len, pieces)))
    assert receiver.counts() == {}


def test_a_cell_whose_end_is_missing_is_damage_to_its_caller() -> None:
    receiver = receiver_of(CELLS[0], CELLS[1][:480], CELLS[2])
    count = receiver.counts()[CALLER]
    assert count.damaged_ms == 10.0
    assert count.missing == ((20, 40),)
    assert receiver.other_ms == 0


def test_a_cell_that_begins_in_the_last_bytes_of_a_chunk_is_not_swallowed_by_a_damaged_one() -> None:
    hurt = CELLS[0][:500] + CELLS[0][504:] + CELLS[1]
    receiver = receiver_of(hurt[:CELL_BYTES], hurt[CELL_BYTES:])
    count = receiver.counts()[CALLER]
    assert (count.received_ms, count.damaged_ms * 48, receiver.other_ms) == (20, CELL_BYTES - 4, 0)


def test_finishing_twice_counts_once() -> None:
    receiver = receiver_of(CELLS[0][:480])
    receiver.finish()
    assert receiver.counts()[CALLER].damaged_ms == 10.0


def test_a_cell_whose_beginning_is_missing_is_other_audio() -> None:
    receiver = receiver_of(CELLS[0], CELLS[1][480:], CELLS[2])
    assert receiver.counts()[CALLER].damaged_ms == 0
    assert receiver.other_ms == 10.0


def test_other_audio_between_cells_is_told_apart() -> None:
    receiver = receiver_of(CELLS[0], tone(300, 50, 8_000), CELLS[1])
    assert receiver.other_ms == 50.0
    assert receiver.counts()[CALLER].clean


def test_an_unfinished_cell_counts_when_the_stream_ends() -> None:
    receiver = TracerReceiver()
    receiver.feed(CELLS[0] + CELLS[1][:480])
    assert receiver.counts()[CALLER].damaged_ms == 0
    receiver.finish()
    assert receiver.counts()[CALLER].damaged_ms == 10.0


def test_streams_of_several_connections_do_not_mix() -> None:
    receiver = TracerReceiver()
    one, two = receiver.stream(), receiver.stream()
    other = TracerSource(8).speech(100)
    for a, b in zip(cut(SENT[:4_800], [100, 2_000, 3_333]), cut(other, [50, 2_500, 4_000]), strict=True):
        one.feed(a)
        two.feed(b)
    counts = receiver.counts()
    assert list(receiver.callers) == [CALLER, 8]
    assert all(count.clean and count.received_ms == 100 for count in counts.values())


def test_callers_mixed_into_one_stream_are_kept_apart() -> None:
    other = TracerSource(8)
    receiver = receiver_of(*(cell + other.silence(20) for cell in CELLS))
    assert all(count.clean and count.received_ms == 800 for count in receiver.counts().values())
    assert receiver.mixed_ms == 800, "the cells of every caller but the first"


def test_a_stream_for_each_caller_has_nothing_mixed_up_and_merging_adds_what_others_had() -> None:
    receiver = TracerReceiver()
    for caller in (1, 2):
        receiver.stream().feed(TracerSource(caller).speech(40))
    assert receiver.mixed_ms == 0
    receiver.merge(receiver_of(TracerSource(3).speech(20) + TracerSource(4).speech(60)))
    assert receiver.mixed_ms == 60


def test_a_reset_in_the_middle_shows_as_a_gap() -> None:
    receiver = TracerReceiver()
    first = receiver.stream()
    first.feed(SENT[: 10 * CELL_BYTES + 300])
    first.finish()
    second = receiver.stream()
    second.feed(SENT[12 * CELL_BYTES :])
    count = receiver.counts()[CALLER]
    assert count.missing == ((200, 240),)
    assert count.damaged_ms == 300 / 48


@given(st.lists(st.integers(0, 39), max_size=40), st.lists(st.integers(0, 39), max_size=40))
def test_merging_keeps_every_arrival(one: list[int], two: list[int]) -> None:
    merged, other = receiver_of(*(CELLS[n] for n in one)), receiver_of(*(CELLS[n] for n in two), b"else")
    merged.merge(other)
    count = merged.counts({CALLER: 800})[CALLER]
    assert count.received_ms == 20 * len({*one, *two})
    assert count.received_ms + count.repeated_ms == 20 * (len(one) + len(two))
    assert merged.other_ms * 48 == 4


def test_merging_adds_up_damage_and_order() -> None:
    merged, other = receiver_of(CELLS[1], CELLS[0]), receiver_of(CELLS[3], CELLS[2], CELLS[4][:480])
    merged.merge(other)
    count = merged.counts()[CALLER]
    assert (count.received_ms, count.reordered_ms, count.damaged_ms) == (80, 40, 10.0)


def test_merging_does_not_change_the_other_receiver() -> None:
    merged, other = TracerReceiver(), receiver_of(*CELLS[:5])
    before = other.to_dict()
    merged.merge(other)
    merged.feed(SENT)
    assert other.to_dict() == before


def test_a_receiver_survives_a_round_trip_through_json() -> None:
    caller = 2**60 + 1
    receiver = receiver_of(TracerSource(caller).speech(100), CELLS[5], CELLS[3], CELLS[3], CELLS[6][:480], b"other")
    there = TracerReceiver.from_dict(json.loads(json.dumps(receiver.to_dict())))
    assert there.counts() == receiver.counts()
    assert (there.other_ms, there.mixed_ms) == (receiver.other_ms, receiver.mixed_ms)
    assert receiver.mixed_ms > 0
    assert there.to_dict() == receiver.to_dict()


@pytest.mark.parametrize(
    "plain", [{}, {"other_bytes": 0, "turned_away_bytes": 0, "mixed_bytes": 0, "callers": {"7": {}}}]
)
def test_other_values_are_refused(plain: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        TracerReceiver.from_dict(plain)


def test_a_stream_without_gaps_is_one_range_however_long() -> None:
    receiver = receiver_of(TracerSource(CALLER).silence(60_000))
    callers = receiver.to_dict()["callers"]
    assert callers == {"7": {"seen": [[0, 3_000]], "repeated": 0, "reordered": 0, "damaged_bytes": 0}}


def test_only_the_first_gaps_are_listed_but_all_are_counted() -> None:
    count = receiver_of(
        *(TracerSource(CALLER).speech(2_000)[at : at + CELL_BYTES] for at in range(0, 96_000, 1_920))
    ).counts()
    assert len(count[CALLER].missing) == tracer.MAX_GAPS_SHOWN
    assert count[CALLER].lost_ms == 980


def test_callers_beyond_the_limit_are_turned_away() -> None:
    receiver = TracerReceiver(max_callers=2)
    receiver.feed(TracerSource(1).speech(20) + TracerSource(2).speech(20) + TracerSource(3).speech(40))
    receiver.feed(TracerSource(3).speech(20)[:480] + TracerSource(1).speech(20))
    assert receiver.turned_away_ms == 40
    assert receiver.other_ms == 10.0
    assert list(receiver.callers) == [1, 2]
    assert receiver.counts()[1].repeated_ms == 20


def test_merging_turns_callers_beyond_the_limit_away_too() -> None:
    full = TracerReceiver(max_callers=1)
    full.feed(TracerSource(1).speech(20))
    four = TracerSource(4).speech(60)
    full.merge(receiver_of(four, four[:960], four[:480], TracerSource(1).speech(20)))
    assert full.turned_away_ms == 80
    assert full.other_ms == 10.0
    assert full.counts()[1].repeated_ms == 20


def test_a_stream_keeps_at_most_one_and_a_half_cells() -> None:
    receiver = TracerReceiver()
    stream = receiver.stream()
    chance = random.Random(1)
    hurt = bytes(byte if chance.random() > 0.001 else 0 for byte in SENT)
    for piece in cut(hurt, sorted(chance.sample(range(len(hurt)), 200))):
        stream.feed(piece)
        assert len(stream._pending) < CELL_BYTES + 8


def test_tracer_audio_is_recognized_by_one_search() -> None:
    assert contains_tracer(SENT[500:])
    assert not contains_tracer(bytes(9_600))
