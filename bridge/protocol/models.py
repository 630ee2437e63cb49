"""The model catalogue: what each model is for, when it is shut down, and what replaces it.

Compiled on `CATALOGUE_DATE`; for later days the shutdown dates decide. The catalogue does not know which models a key
may use: `GET /models` does, and its `shutdown_date` is newer than the dates here.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CATALOGUE_DATE = date(2026, 11, 28)
DEFAULT_MODEL = "gpt-realtime-2.1"
DEFAULT_TRANSCRIPTION_MODEL = "gpt-live-transcribe"
DEFAULT_TRANSLATION_MODEL = "gpt-realtime-translate"


class ModelStatus(StrEnum):
    """Whether a model is current or on its way out."""

    CURRENT = "current"
    DEPRECATED = "deprecated"
    """Its shutdown is announced."""
    RETIRED = "retired"
    UNKNOWN = "unknown"
    """Still listed, but no announcement says whether it will be shut down."""


class ModelKind(StrEnum):
    """What a model is for."""

    REALTIME = "realtime"
    """Conversations: `?model=` in the URL."""
    TRANSCRIPTION = "transcription"
    """Transcription inside a session: `audio.input.transcription.model`."""
    TRANSLATION = "translation"
    LIVE = "live"
    """The Live API, another protocol at `/v1/live/sessions`."""
    NONE = "none"
    """Not for the Realtime API: chat completions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model. `status` holds for `CATALOGUE_DATE`."""

    id: str
    kind: ModelKind
    status: ModelStatus
    shutdown_date: date | None = None
    """The first day without it."""
    azure_shutdown_date: date | None = None
    """The first day without it on Azure, which retires models on dates of its own."""
    replacement: str | None = None
    max_input_tokens: int = 28_224
    """How many tokens of a conversation a response reads; what is older is left out (see `truncation`)."""
    max_output_tokens: int = 4_096
    """How many tokens a response may have if `max_output_tokens` is `inf`. A number may be 4,096 at most."""
    reasons: bool = False
    """Whether it thinks before it answers: it accepts `reasoning.effort`, and its messages have a `phase`."""
    note: str = ""
    supports_turn_detection: bool = True
    """If False, `turn_detection` must be null in a transcription session. A conversation may have both (recorded)."""

    def status_on(self, day: date) -> ModelStatus:
        """Return the status on a day: RETIRED from the shutdown date on."""
        if self.shutdown_date is None:
            return self.status
        return ModelStatus.RETIRED if day >= self.shutdown_date else ModelStatus.DEPRECATED

    def days_left(self, day: date) -> int | None:
        """Return the days until the shutdown, 0 or less after it; None if no date is known."""
        return None if self.shutdown_date is None else (self.shutdown_date - day).days

    def describe_retirement(self, day: date) -> str:
        """Return when it retires, in words: `retires 2027-01-20, in 61 days`; empty if no date is known."""
        match self.days_left(day):
            case None:
                return ""
            case 0:
                return f"retired {self.shutdown_date}, today"
            case days if days < 0:
                return f"retired {self.shutdown_date}, {_days(-days)} ago"
            case days:
                return f"retires {self.shutdown_date}, in {_days(days)}"


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


_FIRST_PREVIEW_SHUTDOWN = date(2025, 10, 16)
_PREVIEW_SHUTDOWN = date(2026, 5, 7)
_FIRST_MINI_SHUTDOWN = date(2026, 7, 23)
_FIRST_GA_SHUTDOWN = date(2027, 1, 20)
_OLD_TRANSCRIPTION_SHUTDOWN = date(2027, 2, 26)
_FLAGSHIP, _MINI = "gpt-realtime-2.1", "gpt-realtime-2.1-mini"


def _current(name: str, socket: ModelKind, note: str = "", *, voice_detection: bool = True) -> Model:
    return Model(id=name, kind=socket, status=ModelStatus.CURRENT, note=note, supports_turn_detection=voice_detection)


def _reasoning(name: str, note: str = "", azure: date | None = None) -> Model:
    """A model with a context of 128k and 32,000 output tokens (model page); the input limit is what these leave."""
    return Model(
        id=name,
        kind=ModelKind.REALTIME,
        status=ModelStatus.CURRENT,
        azure_shutdown_date=azure,
        max_input_tokens=96_000,
        max_output_tokens=32_000,
        reasons=True,
        note=note,
    )


def _unknown(name: str, socket: ModelKind, note: str) -> Model:
    return Model(id=name, kind=socket, status=ModelStatus.UNKNOWN, note=note)


def _deprecated(name: str, socket: ModelKind, shutdown: date, replacement: str | None, note: str = "") -> Model:
    status = ModelStatus.RETIRED if shutdown <= CATALOGUE_DATE else ModelStatus.DEPRECATED
    return Model(id=name, kind=socket, status=status, shutdown_date=shutdown, replacement=replacement, note=note)


_REALTIME = (
    _reasoning("gpt-realtime-2.1", "flagship of the official guides", azure=date(2027, 6, 25)),
    _reasoning("gpt-realtime-2.1-mini"),
    _reasoning("gpt-realtime-2", "since 2026-05: reasoning, 128k context, parallel tool calls"),
    replace(
        _current("gpt-realtime-1.5", ModelKind.REALTIME, "on Azure since 2026-02-23"),
        azure_shutdown_date=date(2027, 8, 24),
    ),
    replace(
        _deprecated("gpt-realtime", ModelKind.REALTIME, _FIRST_GA_SHUTDOWN, _FLAGSHIP, "alias, since 2025-08-28"),
        azure_shutdown_date=date(2027, 3, 2),
    ),
    _deprecated("gpt-realtime-2025-08-28", ModelKind.REALTIME, _FIRST_GA_SHUTDOWN, _FLAGSHIP),
    replace(
        _deprecated("gpt-realtime-mini", ModelKind.REALTIME, _FIRST_GA_SHUTDOWN, _MINI),
        azure_shutdown_date=date(2027, 6, 15),
    ),
    _deprecated("gpt-realtime-mini-2025-12-15", ModelKind.REALTIME, _FIRST_GA_SHUTDOWN, _MINI),
    _deprecated("gpt-realtime-mini-2025-10-06", ModelKind.REALTIME, _FIRST_MINI_SHUTDOWN, _MINI, "still in the SDKs"),
    _deprecated(
        "gpt-4o-realtime-preview",
        ModelKind.REALTIME,
        _PREVIEW_SHUTDOWN,
        _FLAGSHIP,
        "secrets are still minted; the socket then closes with 4004",
    ),
    _deprecated("gpt-4o-realtime-preview-2025-06-03", ModelKind.REALTIME, _PREVIEW_SHUTDOWN, _FLAGSHIP),
    _deprecated("gpt-4o-realtime-preview-2024-12-17", ModelKind.REALTIME, _PREVIEW_SHUTDOWN, _FLAGSHIP),
    _deprecated(
        "gpt-4o-realtime-preview-2024-10-01",
        ModelKind.REALTIME,
        _FIRST_PREVIEW_SHUTDOWN,
        _FLAGSHIP,
        "a reseller gives 2025-12-03 as its last day",
    ),
    _deprecated("gpt-4o-mini-realtime-preview", ModelKind.REALTIME, _PREVIEW_SHUTDOWN, _MINI),
    _deprecated("gpt-4o-mini-realtime-preview-2024-12-17", ModelKind.REALTIME, _PREVIEW_SHUTDOWN, _MINI),
)
_TRANSCRIPTION = (
    _current("gpt-live-transcribe", ModelKind.TRANSCRIPTION, "recommended since 2026-07", voice_detection=False),
    _current("gpt-realtime-whisper", ModelKind.TRANSCRIPTION, "accepts `delay`, no prompt", voice_detection=False),
    _current("gpt-transcribe", ModelKind.TRANSCRIPTION, "made for REST, listed for realtime input as well"),
    *(
        _deprecated(name, ModelKind.TRANSCRIPTION, _OLD_TRANSCRIPTION_SHUTDOWN, DEFAULT_TRANSCRIPTION_MODEL, note)
        for name, note in (
            ("gpt-4o-transcribe", ""),
            ("gpt-4o-mini-transcribe", ""),
            ("gpt-4o-mini-transcribe-2025-12-15", ""),
            ("gpt-4o-transcribe-diarize", ""),
            ("whisper-1", "one delta with the whole text; for files, use gpt-transcribe"),
        )
    ),
)
_OTHERS = (
    _current("gpt-realtime-translate", ModelKind.TRANSLATION, "since 2026-05"),
    _current("gpt-live-1", ModelKind.LIVE, "on /v1/realtime refused as invalid_model"),
    _unknown("gpt-audio-1.5", ModelKind.NONE, "chat completions; no date found"),
    _unknown("gpt-audio-mini-2025-10-06", ModelKind.NONE, "chat completions; no date found"),
    _deprecated("gpt-audio-mini", ModelKind.NONE, _FIRST_GA_SHUTDOWN, None, "chat completions"),
    _deprecated("gpt-audio-mini-2025-12-15", ModelKind.NONE, _FIRST_GA_SHUTDOWN, None, "chat completions"),
    _deprecated("gpt-4o-audio-preview", ModelKind.NONE, _PREVIEW_SHUTDOWN, None, "chat completions"),
    _deprecated("gpt-4o-mini-audio-preview", ModelKind.NONE, _PREVIEW_SHUTDOWN, None, "chat completions"),
)

MODELS: Mapping[str, Model] = MappingProxyType({model.id: model for model in (*_REALTIME, *_TRANSCRIPTION, *_OTHERS)})
"""Every model that matters to users of the Realtime API, by id (Python SDK 3.57, guides and notices up to then)."""


def find_model(model_id: str) -> Model | None:
    """Return a model by its exact id. None means that the catalogue does not have it, not that it does not exist."""
    return MODELS.get(model_id)


def nearest_model(model_id: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that is most similar to an id, ignoring case; None if none is similar."""
    by_folded = {name.casefold(): name for name in sorted(candidates)}
    found = difflib.get_close_matches(model_id.strip().casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None
