"""Reads what the responses and transcripts of one socket took, and prices it. Pure: decoded events in, charges out.

The service tells `usage` with each response and each transcript, at both endpoints and through any bridge that forwards
its events, so no `usage` message of a bridge is needed. The model that is paid for is the one that the session names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from bridge.config.prices_file import known_prices
from bridge.core.json_access import as_object, as_text
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
        session = as_object(event.get("session"))
        self.model_told(session.get("model"))
        audio_input = as_object(as_object(session.get("audio")).get("input"))
        transcription = audio_input.get("transcription") or session.get("input_audio_transcription")
        self.transcriber = as_text(as_object(transcription).get("model")) or ""

    def model_told(self, model: object) -> None:
        """Take the model that answers, if a name was told."""
        self.model = as_text(model) or self.model

    def of_response(self, event: Mapping[str, Any]) -> Charge | None:
        """Return what a `response.done` took; None if it doesn't say, or took nothing."""
        return _charge(as_object(event.get("response")), self.model)

    def of_transcript(self, event: Mapping[str, Any]) -> Charge | None:
        """Return what a transcript took; None if it doesn't say, or took nothing."""
        return _charge(event, self.transcriber)


def _charge(told: Mapping[str, Any], model: str) -> Charge | None:
    charge = make_charge(as_object(told.get("usage")), _prices(), model)
    return None if charge.is_nothing else charge
