"""Reads what the responses and transcripts of one socket took, and prices it. Pure: decoded events in, charges out.

The service tells `usage` with each response and each transcript, at both endpoints and through any bridge that forwards
its events, so no `usage` message of a bridge is needed. The model that is paid for is the one that the session names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from bridge.config.prices_file import known_prices
from bridge.core.spending.charges import Charge, make_charge

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The event that tells what a transcript took, in both dialects.
TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"
#: The events that name the models of the session.
SESSION_EVENTS: Final = frozenset({"session.created", "session.updated"})

_prices = cache(known_prices)


@dataclass(slots=True)
class ChargeReader:
    """The models of one socket's session, and what their `usage` comes to."""

    model: str = ""
    """The one that answers; empty until the session names it."""
    transcriber: str = ""

    def session_told(self, event: Mapping[str, Any]) -> None:
        """Take the models from `session.created` or `session.updated`."""
        session = _object(event.get("session"))
        self.model_told(session.get("model"))
        audio_input = _object(_object(session.get("audio")).get("input"))
        transcription = audio_input.get("transcription") or session.get("input_audio_transcription")
        self.transcriber = _text(_object(transcription).get("model"))

    def model_told(self, model: object) -> None:
        """Take the model that answers, if a name was told."""
        self.model = _text(model) or self.model

    def of_response(self, event: Mapping[str, Any]) -> Charge | None:
        """Return what a `response.done` took; None if it doesn't say, or took nothing."""
        return _charge(_object(event.get("response")), self.model)

    def of_transcript(self, event: Mapping[str, Any]) -> Charge | None:
        """Return what a transcript took; None if it doesn't say, or took nothing."""
        return _charge(event, self.transcriber)


def _charge(told: Mapping[str, Any], model: str) -> Charge | None:
    charge = make_charge(_object(told.get("usage")), _prices(), model)
    return None if charge.is_nothing else charge


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
