"""Events that the API refuses: the script `errors` sends them, one after another. Values only.

A server that takes them in silence hides mistakes of its clients: code for errors that was tested against it was not
tested. Behind each invalid event the script sends a valid one and waits for its confirmation. An error that hasn't
come by then doesn't come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """One event that the API answers with an error."""

    name: str
    """The value is part of capture files."""
    event: Mapping[str, Any]
    code: str
    """What the API's error says; `invalid_request_error` if it has no code of its own."""
    is_harmless: bool = False
    """Whether a bridge may keep the error from its client, because it only means that two messages crossed."""


INVALID_EVENTS: Final = (
    InvalidEvent("an unknown event", {"type": "sherpa.unknown"}, "invalid_request_error"),
    InvalidEvent("a cancel without a response", {"type": "response.cancel"}, "response_cancel_not_active", True),
    # The last one: where it is accepted it adds an item, which would be taken for the confirmation of the next event.
    InvalidEvent("a commit without audio", {"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty"),
)
