"""The objects inside response events: the response itself, its usage, rate limits. Data in, data out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.simulator.session.updates import configured_voice, output_encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.state import SessionState

#: Tokens a second of audio, in and out: one for 100 ms heard, one for 50 ms spoken (pricing guide).
_INPUT_TOKENS_PER_MS, _OUTPUT_TOKENS_PER_MS = 1 / 100, 1 / 50
_CHARACTERS_PER_TOKEN = 4


@dataclass(slots=True)
class TokenUsage:
    """What a response cost so far."""

    input_text: int = 0
    input_audio: int = 0
    output_text: int = 0
    output_audio: int = 0

    def count_input(self, items: list[ConversationItem]) -> None:
        """Count the items that the response reads."""
        for item in items:
            written = (str(item.fields.get(name) or "") for name in ("arguments", "output"))
            self.input_text += estimate_text_tokens(item.text) + sum(map(estimate_text_tokens, written))
            self.input_audio += round(item.audio_ms * _INPUT_TOKENS_PER_MS)

    def as_json(self, *, beta: bool) -> dict[str, Any]:
        """Give the `usage` of `response.done`. Images, and what was cached of which kind, came with GA."""
        total_in, total_out = self.input_text + self.input_audio, self.output_text + self.output_audio
        cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        news = {} if beta else {"image_tokens": 0, "cached_tokens_details": cached}
        return {
            "total_tokens": total_in + total_out,
            "input_tokens": total_in,
            "output_tokens": total_out,
            "input_token_details": {
                "text_tokens": self.input_text,
                "audio_tokens": self.input_audio,
                "cached_tokens": 0,
                **news,
            },
            "output_token_details": {"text_tokens": self.output_text, "audio_tokens": self.output_audio},
        }


def obfuscation_field(stage: SessionState, text: str) -> dict[str, str]:
    """Pad a delta of text or transcript as the live service does (undocumented; recorded 2026-09-18)."""
    if stage.is_beta or not stage.behaviour.obfuscation:
        return {}
    return {"obfuscation": "".join(stage.random.choices("abcdefghijklmnop", k=16 - len(text) % 8))}


def estimate_text_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def output_audio_tokens(ms: float) -> int:
    """Count the tokens of audio that goes out."""
    return round(ms * _OUTPUT_TOKENS_PER_MS)


@dataclass(slots=True, kw_only=True)
class RunningResponse:
    """One response while it runs."""

    id: str
    in_conversation: bool
    settings: Mapping[str, Any]
    """The session's settings with the response's own over them."""
    metadata: Any = None
    output: list[ConversationItem] = field(default_factory=list)
    created_sent: bool = False
    """Whether `response.created` has been sent."""
    close_open_item: Callable[[str], None] | None = None
    """Sends the `.done` events of the item that is being streamed, with this item status; None between items."""
    previous_item_id: str | None = None
    """The item before the one that is being streamed."""
    usage: TokenUsage = field(default_factory=TokenUsage)
    status: str = "in_progress"
    status_details: dict[str, Any] | None = None
    hit_token_limit: bool = False
    """Whether it reached its `max_output_tokens`."""

    def can_afford(self, tokens: int) -> bool:
        """Whether so many more tokens are within `max_output_tokens`; where not, the answer is over."""
        limit = self.settings.get("max_output_tokens", self.settings.get("max_response_output_tokens"))
        spent = self.usage.output_text + self.usage.output_audio
        self.hit_token_limit = isinstance(limit, int) and spent + tokens > limit
        return not self.hit_token_limit

    @property
    def has_audio(self) -> bool:
        """Whether it answers with audio."""
        return "audio" in (self.settings.get("output_modalities") or self.settings.get("modalities") or ["audio"])

    def as_json(self, stage: SessionState, *, usage: bool = False) -> dict[str, Any]:
        """Give the response object of `response.created` and `response.done`."""
        voice, encoding = configured_voice(stage, self.settings), output_encoding(stage, self.settings)
        form = {"type": "audio/pcm", "rate": 24000} if encoding == "pcm16" else {"type": f"audio/pcm{encoding[5]}"}
        ga = {
            "output_modalities": ["audio"] if self.has_audio else ["text"],
            "max_output_tokens": self.settings.get("max_output_tokens", "inf"),
            "audio": {"output": {"format": form, "voice": voice}},
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
            "output": [item.as_json(beta=stage.is_beta) for item in self.output] if usage else [],
            "conversation_id": stage.conversation_id if self.in_conversation else None,
            **(beta if stage.is_beta else ga),
            "usage": self.usage.as_json(beta=stage.is_beta) if usage else None,
            "metadata": self.metadata,
        }


def rate_limits_list(spent: TokenUsage) -> list[dict[str, Any]]:
    """Give the `rate_limits` list: only tokens, as recorded live (the documentation also promises requests)."""
    limit = 40_000
    used = spent.input_text + spent.input_audio + spent.output_text + spent.output_audio
    left = max(0, limit - used)
    return [{"name": "tokens", "limit": limit, "remaining": left, "reset_seconds": round(used * 60 / limit, 3)}]
