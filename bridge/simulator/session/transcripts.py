"""Input transcription: what becomes of committed speech, some time later and independent of any response.

The simulator does not understand speech. It says honestly how much it heard, word by word as the service does.
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
#: Models that send the whole text as one delta (OpenAPI).
_ONE_DELTA = frozenset({"whisper-1"})
_FAILURE = {
    "type": "transcription_error",
    "code": "audio_unintelligible",
    "message": "The audio could not be transcribed.",
    "param": None,
}


def start_transcription(stage: SessionState, item: ConversationItem) -> None:
    """Begin the transcription of a committed item, where the session asks for one."""
    model = transcription_model(stage)
    behaviour = stage.behaviour.transcription
    if model is None or behaviour == "never":
        return
    steps = _failed(stage, item) if behaviour == "fail" else _steps(stage, item, model)
    _run(stage, steps, stage.now)


def _run(stage: SessionState, steps: Generator[float, None, None], due_at: float) -> None:
    wait = next(steps, None)
    if wait is not None:
        stage.schedule.call_at(due_at + wait, _later(stage, steps, due_at + wait))


def _later(stage: SessionState, steps: Generator[float, None, None], due_at: float) -> Callable[[], None]:
    return lambda: _run(stage, steps, due_at)


def _steps(stage: SessionState, item: ConversationItem, model: str) -> Generator[float, None, None]:
    text = f"Simulated transcript of a turn of {item.audio_ms / 1000:.1f} seconds."
    pieces = [text] if model in _ONE_DELTA else re.findall(r"\S+\s*", text)
    place = {"item_id": item.id, "content_index": 0}
    yield stage.paced(TRANSCRIPT_FIRST_SECONDS)
    for piece in pieces:
        stage.send(f"{_NAME}.delta", **place, delta=piece, **obfuscation_field(stage, piece))
        yield stage.paced(TRANSCRIPT_DONE_SECONDS) / len(pieces)
    item.content[0]["transcript"] = text
    usage = {"type": "duration", "seconds": round(item.audio_ms / 1000, 2)}
    stage.send(f"{_NAME}.completed", **place, transcript=text, usage=usage)


def _failed(stage: SessionState, item: ConversationItem) -> Generator[float, None, None]:
    yield stage.paced(TRANSCRIPT_FIRST_SECONDS)
    stage.send(f"{_NAME}.failed", item_id=item.id, content_index=0, error=dict(_FAILURE))
