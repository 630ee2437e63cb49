from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.models import (
    CATALOGUE_DATE,
    DEFAULT_MODEL,
    DEFAULT_TRANSCRIPTION_MODEL,
    DEFAULT_TRANSLATION_MODEL,
    MODELS,
    ModelKind,
    ModelStatus,
    find_model,
    nearest_model,
)

DAY = timedelta(days=1)
PREVIEWS, FIRST_GA, TRANSCRIBERS = date(2026, 5, 7), date(2027, 1, 20), date(2027, 2, 26)
FLAGSHIP, MINI = "gpt-realtime-2.1", "gpt-realtime-2.1-mini"


@pytest.mark.parametrize(
    ("model_id", "socket", "shutdown", "replacement"),
    [
        ("gpt-4o-realtime-preview-2024-10-01", ModelKind.REALTIME, date(2025, 10, 16), FLAGSHIP),
        ("gpt-4o-realtime-preview", ModelKind.REALTIME, PREVIEWS, FLAGSHIP),
        ("gpt-4o-realtime-preview-2024-12-17", ModelKind.REALTIME, PREVIEWS, FLAGSHIP),
        ("gpt-4o-realtime-preview-2025-06-03", ModelKind.REALTIME, PREVIEWS, FLAGSHIP),
        ("gpt-4o-mini-realtime-preview", ModelKind.REALTIME, PREVIEWS, MINI),
        ("gpt-4o-mini-realtime-preview-2024-12-17", ModelKind.REALTIME, PREVIEWS, MINI),
        ("gpt-4o-audio-preview", ModelKind.NONE, PREVIEWS, None),
        ("gpt-4o-mini-audio-preview", ModelKind.NONE, PREVIEWS, None),
        ("gpt-realtime", ModelKind.REALTIME, FIRST_GA, FLAGSHIP),
        ("gpt-realtime-2025-08-28", ModelKind.REALTIME, FIRST_GA, FLAGSHIP),
        ("gpt-realtime-mini", ModelKind.REALTIME, FIRST_GA, MINI),
        ("gpt-realtime-mini-2025-12-15", ModelKind.REALTIME, FIRST_GA, MINI),
        ("gpt-realtime-mini-2025-10-06", ModelKind.REALTIME, date(2026, 7, 23), MINI),
        ("gpt-realtime-1.5", ModelKind.REALTIME, None, None),
        ("gpt-realtime-2", ModelKind.REALTIME, None, None),
        ("gpt-realtime-2.1", ModelKind.REALTIME, None, None),
        ("gpt-realtime-2.1-mini", ModelKind.REALTIME, None, None),
        ("gpt-realtime-translate", ModelKind.TRANSLATION, None, None),
        ("gpt-realtime-whisper", ModelKind.TRANSCRIPTION, None, None),
        ("gpt-live-transcribe", ModelKind.TRANSCRIPTION, None, None),
        ("gpt-transcribe", ModelKind.TRANSCRIPTION, None, None),
        ("gpt-4o-transcribe", ModelKind.TRANSCRIPTION, TRANSCRIBERS, "gpt-live-transcribe"),
        ("gpt-4o-mini-transcribe", ModelKind.TRANSCRIPTION, TRANSCRIBERS, "gpt-live-transcribe"),
        ("gpt-4o-mini-transcribe-2025-12-15", ModelKind.TRANSCRIPTION, TRANSCRIBERS, "gpt-live-transcribe"),
        ("gpt-4o-transcribe-diarize", ModelKind.TRANSCRIPTION, TRANSCRIBERS, "gpt-live-transcribe"),
        ("whisper-1", ModelKind.TRANSCRIPTION, TRANSCRIBERS, "gpt-live-transcribe"),
        ("gpt-audio-mini", ModelKind.NONE, FIRST_GA, None),
        ("gpt-audio-mini-2025-12-15", ModelKind.NONE, FIRST_GA, None),
        ("gpt-audio-1.5", ModelKind.NONE, None, None),
        ("gpt-audio-mini-2025-10-06", ModelKind.NONE, None, None),
        ("gpt-live-1", ModelKind.LIVE, None, None),
    ],
)
def test_the_catalogue_knows_it(
    model_id: str, socket: ModelKind, shutdown: date | None, replacement: str | None
) -> None:
    model = MODELS[model_id]
    assert (model.id, model.kind, model.shutdown_date, model.replacement) == (model_id, socket, shutdown, replacement)


def test_the_catalogue_holds_no_more_than_the_table_above() -> None:
    assert len(MODELS) == 31


def test_the_kept_status_is_that_of_the_day_it_was_compiled() -> None:
    for model in MODELS.values():
        assert model.status is model.status_on(CATALOGUE_DATE)
    assert MODELS["gpt-4o-realtime-preview"].status is ModelStatus.RETIRED
    assert MODELS["gpt-realtime"].status is ModelStatus.DEPRECATED
    assert MODELS["gpt-realtime-2.1"].status is ModelStatus.CURRENT
    assert MODELS["gpt-realtime-mini-2025-10-06"].status is ModelStatus.RETIRED


def test_a_model_is_retired_from_its_shutdown_day_on() -> None:
    model = MODELS["gpt-realtime"]
    assert model.status_on(FIRST_GA - DAY) is ModelStatus.DEPRECATED
    assert model.status_on(FIRST_GA) is ModelStatus.RETIRED
    assert model.status_on(FIRST_GA + DAY) is ModelStatus.RETIRED


def test_a_model_without_a_date_stays_what_it_is() -> None:
    assert MODELS["gpt-realtime-2"].status_on(date(2031, 1, 1)) is ModelStatus.CURRENT
    assert MODELS["gpt-audio-1.5"].status_on(date(2031, 1, 1)) is ModelStatus.UNKNOWN


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 11, 20), "retires 2027-01-20, in 61 days"),
        (date(2027, 1, 19), "retires 2027-01-20, in 1 day"),
        (date(2027, 1, 20), "retired 2027-01-20, today"),
        (date(2027, 1, 21), "retired 2027-01-20, 1 day ago"),
        (date(2027, 1, 30), "retired 2027-01-20, 10 days ago"),
    ],
)
def test_retirement_is_described_in_days(day: date, words: str) -> None:
    assert MODELS["gpt-realtime"].describe_retirement(day) == words


def test_without_a_date_there_is_nothing_to_count() -> None:
    model = MODELS[DEFAULT_MODEL]
    assert model.days_left(CATALOGUE_DATE) is None
    assert model.describe_retirement(CATALOGUE_DATE) == ""


def test_the_defaults_are_current_and_belong_on_their_sockets() -> None:
    defaults = {
        DEFAULT_MODEL: ModelKind.REALTIME,
        DEFAULT_TRANSCRIPTION_MODEL: ModelKind.TRANSCRIPTION,
        DEFAULT_TRANSLATION_MODEL: ModelKind.TRANSLATION,
    }
    assert DEFAULT_MODEL == "gpt-realtime-2.1"
    for name, socket in defaults.items():
        assert (MODELS[name].kind, MODELS[name].status) == (socket, ModelStatus.CURRENT)


def test_a_replacement_is_current_and_belongs_on_the_same_socket() -> None:
    for model in MODELS.values():
        if model.replacement is not None:
            replacement = MODELS[model.replacement]
            assert (replacement.kind, replacement.status) == (model.kind, ModelStatus.CURRENT)


@pytest.mark.parametrize(
    ("model_id", "day"),
    [
        ("gpt-realtime", date(2027, 3, 2)),
        ("gpt-realtime-mini", date(2027, 6, 15)),
        ("gpt-realtime-1.5", date(2027, 8, 24)),
        ("gpt-realtime-2.1", date(2027, 6, 25)),
        ("gpt-realtime-2", None),
    ],
)
def test_azure_retires_models_on_dates_of_its_own(model_id: str, day: date | None) -> None:
    assert MODELS[model_id].azure_shutdown_date == day


@pytest.mark.parametrize(
    ("model_id", "read", "written"),
    [("gpt-realtime", 28_224, 4_096), ("gpt-realtime-1.5", 28_224, 4_096), ("gpt-realtime-2.1", 96_000, 32_000)],
)
def test_a_model_says_how_much_it_reads_and_writes(model_id: str, read: int, written: int) -> None:
    assert (MODELS[model_id].max_input_tokens, MODELS[model_id].max_output_tokens) == (read, written)


def test_only_the_live_transcription_models_have_no_turn_detection() -> None:
    without = {model.id for model in MODELS.values() if not model.supports_turn_detection}
    assert without == {"gpt-live-transcribe", "gpt-realtime-whisper"}


@pytest.mark.parametrize("model_id", ["", "gpt-5", "GPT-REALTIME", "gpt-realtime-2.1 "])
def test_an_unknown_id_is_simply_unknown(model_id: str) -> None:
    assert find_model(model_id) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gpt-realtme-2.1", "gpt-realtime-2.1"),
        ("GPT-Realtime-2.1-Mini", "gpt-realtime-2.1-mini"),
        ("GPT-REALTIME-2.1-MIN", "gpt-realtime-2.1-mini"),
        (" whisper1", "whisper-1"),
        ("gpt-live-transcibe", "gpt-live-transcribe"),
        ("claude", None),
        ("", None),
    ],
)
def test_a_typing_mistake_is_recognized(typed: str, meant: str | None) -> None:
    assert nearest_model(typed, MODELS) == meant


def test_a_guess_keeps_the_spelling_of_what_is_offered() -> None:
    assert nearest_model("my-deploymnt", ["My-Deployment", "other"]) == "My-Deployment"
    assert nearest_model("gpt-realtime", []) is None


@given(st.sampled_from(sorted(MODELS)))
def test_a_right_id_is_its_own_nearest(model_id: str) -> None:
    assert nearest_model(model_id, MODELS) == model_id
