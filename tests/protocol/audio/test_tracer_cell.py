from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.audio.pcm import loudness, pcm_to_samples, tone
from bridge.protocol.audio.tracer_cell import (
    CELL_BYTES,
    MAGIC_IN_PCM,
    MAX_CALLER,
    MAX_SEQUENCE,
    CellKind,
    TracerCell,
    contains_tracer,
    make_cell,
    read_caller,
    read_cell,
)

CELLS = st.builds(TracerCell, st.integers(0, MAX_CALLER), st.integers(0, MAX_SEQUENCE), st.sampled_from(CellKind))
SPEECH = make_cell(TracerCell(7, 3, CellKind.SPEECH))


@given(CELLS, st.integers(0, 50))
def test_a_cell_is_read_back_at_any_position(cell: TracerCell, before: int) -> None:
    pcm = bytes(before) + make_cell(cell) + b"after"
    assert read_cell(pcm, before) == (cell.caller, cell.sequence, cell.kind)
    assert read_caller(pcm, before) == cell.caller


def test_a_cell_is_20_ms_with_a_header_far_quieter_than_speech() -> None:
    assert len(SPEECH) == CELL_BYTES == 960
    assert max(pcm_to_samples(SPEECH)[:32]) <= 255
    assert min(pcm_to_samples(SPEECH)[:32]) >= 0


def test_speech_is_loud_and_silence_is_quiet() -> None:
    assert loudness(SPEECH) > 3_000
    assert loudness(make_cell(TracerCell(MAX_CALLER, MAX_SEQUENCE, CellKind.SILENCE))) < 20


def test_the_tone_runs_on_from_cell_to_cell() -> None:
    following = SPEECH + make_cell(TracerCell(7, 4, CellKind.SPEECH))
    steady = pcm_to_samples(tone(400, 40, 6_000))
    heard = pcm_to_samples(following)
    assert heard[32:480] == steady[32:480]
    assert heard[512:] == steady[512:]


@given(st.integers(0, CELL_BYTES * 8 - 1))
def test_a_single_flipped_bit_is_noticed(bit: int) -> None:
    hurt = bytearray(SPEECH)
    hurt[bit // 8] ^= 1 << bit % 8
    assert read_cell(bytes(hurt), 0) is None


@pytest.mark.parametrize("length", [0, 1, 8, 64, 959])
def test_a_cell_cut_short_is_no_cell(length: int) -> None:
    assert read_cell(SPEECH[:length], 0) is None


def test_the_caller_of_a_cut_cell_is_known_if_its_header_is_complete() -> None:
    assert next(length for length in range(0, 960, 2) if read_caller(SPEECH[:length], 0) == 7) == 56
    assert read_caller(SPEECH[:54], 0) is None


def test_a_damaged_header_names_no_caller() -> None:
    hurt = bytearray(SPEECH)
    hurt[12] ^= 1
    assert read_caller(bytes(hurt), 0) is None
    assert read_caller(bytes(960), 0) is None


def test_the_body_never_looks_like_the_beginning_of_a_cell() -> None:
    assert (SPEECH * 2).count(MAGIC_IN_PCM) == 2
    assert make_cell(TracerCell(0, 0, CellKind.SILENCE)).count(MAGIC_IN_PCM) == 1


def test_tracer_audio_is_recognized_however_it_is_cut() -> None:
    stream = SPEECH * 3
    assert all(contains_tracer(stream[at : at + 968]) for at in range(0, 960, 2))
    assert not contains_tracer(tone(300, 100, 8_000) + bytes(4_800))


@pytest.mark.parametrize(("caller", "sequence"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**32)])
def test_numbers_that_do_not_fit_are_refused(caller: int, sequence: int) -> None:
    with pytest.raises(struct.error):
        make_cell(TracerCell(caller, sequence, CellKind.SPEECH))
