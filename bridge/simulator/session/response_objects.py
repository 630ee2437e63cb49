"""The objects in response events: the response, its token usage, and rate limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.protocol.models import DEFAULT_MODEL, MODELS, find_model
from bridge.simulator.session.updates import configured_voice, output_encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.state import SessionState

#: Audio tokens: one for each full 100 ms of input (recorded: 27 for 2,796 ms), one for 50 ms of output (pricing guide).
_MS_PER_INPUT_TOKEN, _MS_PER_OUTPUT_TOKEN = 100, 50
_CHARACTERS_PER_TOKEN = 4
#: How much a response thinks, by `reasoning.effort`. The number of tokens is made up.
_REASONING_TOKENS = {"minimal": 16, "low": 64, "medium": 256, "high": 1_024, "xhigh": 2_048}


@dataclass(slots=True)
class TokenUsage:
    """The tokens of a response so far."""

    input_text: int = 0
    input_audio: int = 0
    output_text: int = 0
    """Tokens of text, those of reasoning included."""
    output_audio: int = 0
    reasoning: int = 0

    def count_input(self, items: Sequence[ConversationItem]) -> None:
        """Count the items that the response reads as input."""
        for item in items:
            self.input_text += text_tokens_of(item)
            self.input_audio += input_audio_tokens(item.audio_ms)

    def count_reasoning(self, effort: object) -> None:
        """Count what a response thinks before it answers; nothing without an effort, or with `none`."""
        tokens = _REASONING_TOKENS.get(str(effort), 0)
        self.reasoning += tokens
        self.output_text += tokens

    def as_json(self, *, beta: bool) -> dict[str, Any]:
        """Return the `usage` object of `response.done`. Only GA has image tokens and the details of cached tokens."""
        total_in, total_out = self.input_text + self.input_audio, self.output_text + self.output_audio
        cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        ga_only = {} if beta else {"image_tokens": 0, "cached_tokens_details": cached}
        # Only a response that has thought has the field (recorded 2026-07; not in the OpenAPI description).
        thought = {"reasoning_tokens": self.reasoning} if self.reasoning else {}
        return {
            "total_tokens": total_in + total_out,
            "input_tokens": total_in,
            "output_tokens": total_out,
            "input_token_details": {
                "text_tokens": self.input_text,
                "audio_tokens": self.input_audio,
                "cached_tokens": 0,
                **ga_only,
            },
            "output_token_details": {"text_tokens": self.output_text, "audio_tokens": self.output_audio, **thought},
        }


def obfuscation_field(state: SessionState, text: str) -> dict[str, str]:
    """Return the padding field that the live service adds to text deltas (undocumented; recorded 2026-09-18)."""
    if state.is_beta or not state.behaviour.obfuscation:
        return {}
    return {"obfuscation": "".join(state.random.choices("abcdefghijklmnop", k=16 - len(text) % 8))}


def estimate_text_tokens(text: str) -> int:
    """Estimate the number of tokens of a text: one for four characters."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def input_audio_tokens(ms: float) -> int:
    """The number of tokens of this much input audio."""
    return int(ms // _MS_PER_INPUT_TOKEN)


def output_audio_tokens(ms: float) -> int:
    """The number of tokens of this much output audio."""
    return round(ms / _MS_PER_OUTPUT_TOKEN)


def text_tokens_of(item: ConversationItem) -> int:
    """The number of text tokens of an item: its texts and transcripts, or the arguments or output of a call."""
    written = (str(item.fields.get(name) or "") for name in ("arguments", "output"))
    return estimate_text_tokens(item.text) + sum(map(estimate_text_tokens, written))


@dataclass(slots=True, kw_only=True)
class RunningResponse:
    """One response from `response.created` to `response.done`: its settings, its output so far, and how it ends."""

    id: str
    in_conversation: bool
    settings: Mapping[str, Any]
    """The settings of the session, overridden by those of the response."""
    metadata: Any = None
    output: list[ConversationItem] = field(default_factory=list)
    created_sent: bool = False
    """Whether `response.created` has been sent."""
    open_items: list[Callable[[str], None]] = field(default_factory=list)
    """For each item being streamed, in order: sends its `.done` events, with the given status."""
    usage: TokenUsage = field(default_factory=TokenUsage)
    status: str = "in_progress"
    status_details: dict[str, Any] | None = None
    audio_from: float | None = None
    """When its first audio was sent, in session time."""
    audio_ms: float = 0.0
    """How much audio was sent."""
    hit_token_limit: bool = False
    """Whether the response has reached `max_output_tokens`."""

    def playback_left(self, now: float) -> float:
        """How many seconds a client still plays after now, if it plays at once what it gets."""
        return 0.0 if self.audio_from is None else max(0.0, self.audio_from + self.audio_ms / 1000 - now)

    def can_afford(self, tokens: int) -> bool:
        """Whether this many more tokens are within the limit: `max_output_tokens`, or what the model can at most.

        If not, the response is incomplete.
        """
        limit = self.settings.get("max_output_tokens", self.settings.get("max_response_output_tokens"))
        if not isinstance(limit, int):
            limit = (find_model(str(self.settings.get("model"))) or MODELS[DEFAULT_MODEL]).max_output_tokens
        spent = self.usage.output_text + self.usage.output_audio
        self.hit_token_limit = spent + tokens > limit
        return not self.hit_token_limit

    @property
    def has_audio(self) -> bool:
        """Whether the response is spoken."""
        return "audio" in (self.settings.get("output_modalities") or self.settings.get("modalities") or ["audio"])

    def as_json(self, state: SessionState, *, usage: bool = False) -> dict[str, Any]:
        """Return the response object of `response.created` or, with `usage`, of `response.done`."""
        voice, encoding = configured_voice(state, self.settings), output_encoding(state, self.settings)
        audio_format = (
            {"type": "audio/pcm", "rate": 24000} if encoding == "pcm16" else {"type": f"audio/pcm{encoding[5]}"}
        )
        ga = {
            "output_modalities": ["audio"] if self.has_audio else ["text"],
            "max_output_tokens": self.settings.get("max_output_tokens", "inf"),
            "audio": {"output": {"format": audio_format, "voice": voice}},
        }
        beta = {
            "modalities": ["audio", "text"] if self.has_audio else ["text"],
            "max_output_tokens": self.settings.get("max_response_output_tokens", "inf"),
            "output_audio_format": encoding,
            "voice": voice,
            "temperature": self.settings.get("temperature", 0.8),
        }
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self.status_details,
            "output": [item.as_json(beta=state.is_beta) for item in self.output] if usage else [],
            "conversation_id": state.conversation_id if self.in_conversation else None,
            **(beta if state.is_beta else ga),
            "usage": self.usage.as_json(beta=state.is_beta) if usage else None,
            "metadata": self.metadata,
        }


def rate_limits_list(usage: TokenUsage) -> list[dict[str, Any]]:
    """Return the `rate_limits` list: only tokens, as recorded (according to the documentation also requests)."""
    limit = 40_000
    used = usage.input_text + usage.input_audio + usage.output_text + usage.output_audio
    left = max(0, limit - used)
    return [{"name": "tokens", "limit": limit, "remaining": left, "reset_seconds": round(used * 60 / limit, 3)}]
