"""What is known of a session that somebody else's client had: the script that a recording stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.events.groups import SESSION_UPDATE
from probes.conversation.scripts import ConversationScript
from probes.voice.voice_client import VoiceOptions

if TYPE_CHECKING:
    from bridge.protocol.recordings.capture import Capture
    from probes.conversation.conversation import ScriptedConversation

NAME = "recorded"


def recorded_script(capture: Capture) -> ConversationScript:
    """Return a script that expects no event in particular. Raises ValueError for an unknown kind of session."""
    responses = sum(entry.type == "response.created" for entry in capture.entries)
    return ConversationScript(
        name=NAME,
        summary="a recorded session",
        options=VoiceOptions(kind=SessionKind(capture.header.kind)),
        play=_nothing,
        time_limit=0,
        timeouts_allowed=0,
        responses=responses,
        is_recorded=True,
        configures=any(entry.type in SESSION_UPDATE | {"create_session"} for entry in capture.entries),
    )


async def _nothing(conversation: ScriptedConversation) -> None:
    """Do nothing: it was played by somebody else."""
    del conversation
