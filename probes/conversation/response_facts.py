"""The facts of one response, which `facts.py` collects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPLETED: Final = "completed"


@dataclass(slots=True)
class ResponseFacts:
    """One response so far. Times are seconds since the run began."""

    id: str
    created_at: float
    status: str = ""
    """Empty while the response is in progress."""
    reason: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)
    done_index: int = -1
    """Index of the entry that ended it; -1 while it is in progress."""
    done_at: float = 0.0
    item_id: str = ""
    """The message that started last."""
    first_text_at: float | None = None
    characters: int = 0
    audio_chunks: list[tuple[float, float]] = field(default_factory=list)
    """Arrival time and length in ms of each chunk."""
    audible: bool = False
    spoken: dict[str, float] = field(default_factory=dict)
    """Length in ms of the audio of each item, in the order in which they are spoken."""
    function_calls: list[tuple[str, str]] = field(default_factory=list)
    """Function calls: call id and name."""

    @property
    def audio_ms(self) -> float:
        """Total length of the audio in ms."""
        return sum(ms for _, ms in self.audio_chunks)

    def item_at(self, played_ms: float) -> tuple[str, float]:
        """Return the item that is being heard after `played_ms` of the response, and how much of it has been heard."""
        heard = (self.item_id, played_ms)
        for item_id, ms in self.spoken.items():
            heard = (item_id, min(played_ms, ms))
            if played_ms <= ms:
                break
            played_ms -= ms
        return heard

    @property
    def interrupted(self) -> bool:
        """Whether turn detection cancelled it because the user started to speak."""
        return self.status == "cancelled" and self.reason == "turn_detected"
