"""What tokens and speech cost, by model: one dated table, as the service's pages have it.

US dollars for a million tokens; `minute` is for a minute of speech, where that is what is billed. Pure data. What is
missing here has no known price. `bridge/core/spending/usage.py` has the arithmetic.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: When the prices were read.
PRICES_DATE: Final = date(2026, 11, 28)

PRICES: Final[Mapping[str, Mapping[str, float]]] = {
    "gpt-realtime-2.1": {
        "text": 4.0,
        "cached_text": 0.40,
        "output_text": 24.0,
        "audio": 32.0,
        "cached_audio": 0.40,
        "output_audio": 64.0,
        "image": 5.0,
        "cached_image": 0.50,
    },
    "gpt-realtime-2.1-mini": {
        "text": 0.60,
        "cached_text": 0.06,
        "output_text": 2.40,
        "audio": 10.0,
        "cached_audio": 0.30,
        "output_audio": 20.0,
        "image": 0.80,
        "cached_image": 0.08,
    },
    "gpt-live-transcribe": {"minute": 0.017},
    "gpt-realtime-whisper": {"minute": 0.017},
    "gpt-transcribe": {"minute": 0.0045},
    "whisper-1": {"minute": 0.006},
    "gpt-4o-transcribe": {"text": 2.50, "audio": 6.0, "output_text": 10.0},
    "gpt-4o-mini-transcribe": {"text": 1.25, "audio": 3.0, "output_text": 5.0},
    "gpt-realtime-translate": {"minute": 0.034},
}
