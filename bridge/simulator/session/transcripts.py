"""Input transcription: the transcript of committed speech, which comes some time later, independent of any response.

The simulator does not understand speech. Its transcript states the duration, word by word, as the service streams one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.simulator.session.behaviour import TRANSCRIPT_DONE_SECONDS, TRANSCRIPT_FIRST_SECONDS
from bridge.simulator.session.response_objects import obfuscation_field
from bridge.simulator.session.updates import transcription_model

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.state import SessionState

_NAME = "conversation.item.input_audio_transcription"
#: Models that send the whole transcript as one delta (OpenAPI).
_ONE_DELTA = frozenset({"whisper-1"})
_FAILURE = {
    "type": "transcription_error",
    "code": "audio_unintelligible",
    "message": "The audio could not be transcribed.",
    "param": None,
}


def start_transcription(state: SessionState, item: ConversationItem) -> None:
    """Start to transcribe a committed item, if the session asks for transcription."""
    model = transcription_model(state)
    behaviour = state.behaviour.transcription
    if model is None or behaviour == "never":
        return
    steps = _failed_steps(state, item) if behaviour == "fail" else _steps(state, item, model)
    _run(state, steps, state.now)


def _run(state: SessionState, steps: Generator[float, None, None], due_at: float) -> None:
    wait = next(steps, None)
    if wait is not None:
        state.schedule.call_at(due_at + wait, _later(state, steps, due_at + wait))


def _later(state: SessionState, steps: Generator[float, None, None], due_at: float) -> Callable[[], None]:
    return lambda: _run(state, steps, due_at)


def _steps(state: SessionState, item: ConversationItem, model: str) -> Generator[float, None, None]:
    text = f"Simulated transcript of a turn of {item.audio_ms / 1000:.1f} seconds."
    pieces = [text] if model in _ONE_DELTA else re.findall(r"\S+\s*", text)
    location = {"item_id": item.id, "content_index": 0}
    yield state.paced(TRANSCRIPT_FIRST_SECONDS)
    for piece in pieces:
        state.send(f"{_NAME}.delta", **location, delta=piece, **obfuscation_field(state, piece))
        yield state.paced(TRANSCRIPT_DONE_SECONDS) / len(pieces)
    item.content[0]["transcript"] = text
    usage = {"type": "duration", "seconds": round(item.audio_ms / 1000, 2)}
    state.send(f"{_NAME}.completed", **location, transcript=text, usage=usage)


def _failed_steps(state: SessionState, item: ConversationItem) -> Generator[float, None, None]:
    yield state.paced(TRANSCRIPT_FIRST_SECONDS)
    state.send(f"{_NAME}.failed", item_id=item.id, content_index=0, error=dict(_FAILURE))
