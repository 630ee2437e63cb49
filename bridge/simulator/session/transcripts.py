"""Input transcription: the transcript of committed speech, which comes some time later, independent of any response.

The simulator does not understand speech. Its transcript states the duration, word by word, as the service streams one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bridge.simulator.session.behaviour import TRANSCRIPT_DONE_SECONDS, TRANSCRIPT_FIRST_SECONDS
from bridge.simulator.session.response_objects import estimate_text_tokens, input_audio_tokens, obfuscation_field
from bridge.simulator.session.updates import transcription_model

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.state import SessionState

_NAME = "conversation.item.input_audio_transcription"
#: Models that send the whole transcript as one delta (OpenAPI).
_ONE_DELTA = frozenset({"whisper-1"})
#: Models that state tokens as their usage; all others state seconds (recorded by aimock and pydantic-ai, 2026-07).
_COUNTED_IN_TOKENS = frozenset(
    {"gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "gpt-4o-transcribe-diarize"}
)
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
    # Nobody speaks in the turn of an idle time-out: its transcript is empty (pydantic-ai).
    text = "" if item.is_silence else f"Simulated transcript of a turn of {item.audio_ms / 1000:.1f} seconds."
    pieces = re.findall(r".+" if model in _ONE_DELTA else r"\S+\s*", text)
    location = {"item_id": item.id, "content_index": 0}
    yield state.paced(TRANSCRIPT_FIRST_SECONDS)
    for piece in pieces:
        state.send(f"{_NAME}.delta", **location, delta=piece, **obfuscation_field(state, piece))
        yield state.paced(TRANSCRIPT_DONE_SECONDS) / len(pieces)
    item.content[0]["transcript"] = text
    state.send(f"{_NAME}.completed", **location, transcript=text, usage=_usage(model, item.audio_ms, text))


def _usage(model: str, audio_ms: float, text: str) -> dict[str, Any]:
    """Return the usage in the form that the model has: tokens, or whole seconds."""
    if model not in _COUNTED_IN_TOKENS:
        return {"type": "duration", "seconds": round(audio_ms / 1000)}
    heard, written = input_audio_tokens(audio_ms), estimate_text_tokens(text)
    return {
        "type": "tokens",
        "total_tokens": heard + written,
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": written,
    }


def _failed_steps(state: SessionState, item: ConversationItem) -> Generator[float, None, None]:
    yield state.paced(TRANSCRIPT_FIRST_SECONDS)
    state.send(f"{_NAME}.failed", item_id=item.id, content_index=0, error=dict(_FAILURE))
