"""The tokens of a response or a transcript, and what they cost: the arithmetic. The prices are settings.

The service tells usage in `response.done`: input and output, by text, audio and image, and how much of the input was
cached. With a transcript it tells tokens or, for models that are billed by the length of the speech, seconds.
Connections cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_MILLION: Final = 1_000_000
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseUsage:
    """How many tokens a response took, by what they are. Cached tokens are counted in the input as well."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_audio: int = 0

    def __add__(self, other: ResponseUsage) -> ResponseUsage:
        """Add up."""
        names = [field.name for field in fields(self)]
        return ResponseUsage(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def input(self) -> int:
        """All input."""
        return self.input_text + self.input_audio + self.input_image

    @property
    def cached(self) -> int:
        """The part of the input that was cached."""
        return self.cached_text + self.cached_audio + self.cached_image

    @property
    def output(self) -> int:
        """All output."""
        return self.output_text + self.output_audio


def read_usage(usage: Mapping[str, Any]) -> ResponseUsage:
    """Read the `usage` object of a response. What it doesn't break down counts as text; what is no count, as 0."""
    taken, given = _object(usage, "input_token_details"), _object(usage, "output_token_details")
    cached = _object(taken, "cached_tokens_details")
    input_audio, input_image = _count(taken, "audio_tokens"), _count(taken, "image_tokens")
    cached_audio, cached_image = _count(cached, "audio_tokens"), _count(cached, "image_tokens")
    output_audio = _count(given, "audio_tokens")
    return ResponseUsage(
        input_text=max(0, _count(usage, "input_tokens") - input_audio - input_image),
        input_audio=input_audio,
        input_image=input_image,
        cached_text=max(0, _count(taken, "cached_tokens") - cached_audio - cached_image),
        cached_audio=cached_audio,
        cached_image=cached_image,
        output_text=max(0, _count(usage, "output_tokens") - output_audio),
        output_audio=output_audio,
    )


def read_seconds(usage: Mapping[str, Any]) -> float:
    """Read how much speech a transcript is billed for; 0 where the `usage` object has tokens, or no number."""
    value = usage.get("seconds") if usage.get("type") == "duration" else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0.0
    return float(value) if isfinite(value) and value > 0 else 0.0


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _count(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a million tokens of a model cost, and a minute of speech where that is what is billed, in US dollars."""

    text: float = 0.0
    cached_text: float = 0.0
    output_text: float = 0.0
    audio: float = 0.0
    cached_audio: float = 0.0
    output_audio: float = 0.0
    image: float = 0.0
    cached_image: float = 0.0
    minute: float = 0.0

    def cost(self, usage: ResponseUsage, seconds: float = 0.0) -> float:
        """Return what so many tokens and so much speech cost, in US dollars."""
        return (
            (usage.input_text - usage.cached_text) * self.text
            + usage.cached_text * self.cached_text
            + (usage.input_audio - usage.cached_audio) * self.audio
            + usage.cached_audio * self.cached_audio
            + (usage.input_image - usage.cached_image) * self.image
            + usage.cached_image * self.cached_image
            + usage.output_text * self.output_text
            + usage.output_audio * self.output_audio
        ) / _MILLION + seconds / _MINUTE * self.minute


def find_prices(prices: Mapping[str, Prices], model: str) -> Prices | None:
    """Return the prices of a model; those of a name with a date are those of the name. None if they aren't known."""
    base, _, day = model.partition("-20")
    return prices.get(model) or (prices.get(base) if day else None)
