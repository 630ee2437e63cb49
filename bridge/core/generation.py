"""One generation, which is an attempt at an upstream session and then that session; and what a lost one leaves.

Both are values that are replaced whole, so nothing of one upstream session can leak into the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.client_items import ClientItems
from bridge.core.input_buffer import BYTES_PER_MS
from bridge.core.json_access import as_object, as_text
from bridge.core.open_responses import OpenResponses
from bridge.core.responses import ResponseTracker
from bridge.core.speech.interruptions import Interruptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.responses import ResponseRequest
    from bridge.core.speech.replay_buffer import ReplayBuffer


@dataclass(slots=True, kw_only=True)
class Generation:
    """Everything that belongs to one upstream session. The next attempt replaces it whole; nothing is reset by hand."""

    number: int = 0
    replay: ReplayBuffer
    responses: ResponseTracker = field(default_factory=ResponseTracker)
    open_responses: OpenResponses = field(default_factory=OpenResponses)
    interruptions: Interruptions = field(default_factory=Interruptions)
    items: ClientItems = field(default_factory=ClientItems)
    """Empty at the client endpoint."""
    ready_by: float = float("inf")
    """When the attempt fails unless its configuration is confirmed."""
    # What the upstream said
    session_id: str = ""
    model: str = ""
    dialect: str = ""
    expires_at: float | None = None
    expires_at_text: str = ""
    auto_response: bool = False
    """Whether turn detection creates responses."""
    transcription_model: str = ""
    """The model that transcribes the caller's speech; empty if none does."""
    transcribing: bool = False
    """Whether this is a transcription session: it creates no responses."""
    # When
    ready_at: float = float("-inf")
    last_event_at: float = float("-inf")
    """When the upstream last sent an event."""
    expiry_announced: bool = False
    """Whether the client got `session_expiring`."""

    def apply_configuration(self, session: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Learn from a confirmed session, flat or nested, who ends a turn and who requests the response.

        What the upstream doesn't say is as the client asked in its session options.
        """
        nested = as_object(session.get("audio")).get("input")
        fields = as_object(nested) or session
        default: Mapping[str, Any] | None = None if options.get("turnDetection") == "none" else {}
        detection = fields.get("turn_detection", default)
        self.transcribing = "transcription" in (session.get("type"), options.get("kind"))
        transcription = as_object(fields.get("transcription") or fields.get("input_audio_transcription"))
        self.transcription_model = as_text(transcription.get("model")) or ""
        if self.transcribing:  # its model stands in the transcription settings, not where a conversation has it
            self.model = self.transcription_model or self.model or as_text(options.get("model")) or ""
            self.transcription_model = self.model
        self.replay.turn_detection = detection is not None
        creates_response = as_object(detection).get("create_response") is not False
        self.auto_response = detection is not None and creates_response and not self.transcribing


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What a lost session leaves to the fresh one, from the loss until the fresh one is ready. Empty at other times."""

    lost_at: float = 0.0
    replay: tuple[bytes | None, ...] = ()
    """Audio to send again, in order; None stands for a commit."""
    request: ResponseRequest | None = None
    """The response request to repeat."""
    respond_after_last_commit: bool = False
    """Whether a response was to be requested after a commit: then after the last one that is replayed."""
    mid_turn: bool = False
    """Whether somebody was speaking, or a response was outstanding that can still be given."""
    lost: tuple[str, ...] = ()
    """What can't be recovered, for `reconnected.lost`."""

    @property
    def replay_ms(self) -> float:
        """How much audio is to be sent again."""
        return sum(len(pcm) for pcm in self.replay if pcm is not None) / BYTES_PER_MS
