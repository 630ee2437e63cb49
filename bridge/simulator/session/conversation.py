"""The conversation: items in order. Values and bookkeeping only; the events about them are `items.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class ConversationItem:
    """One item. `content` holds parts in GA shape; `shown()` gives either dialect's."""

    id: str
    type: str = "message"
    role: str | None = None
    status: str = "completed"
    content: list[dict[str, Any]] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    """What a function call or its output carries: `call_id`, `name`, `arguments`, `output`."""
    audio_ms: float = 0.0
    """How much audio it holds; the audio itself is not kept."""
    truncated: bool = False
    """Whether what the user did not hear was cut: what is streamed after that stays outside the item."""

    def as_json(self, *, beta: bool) -> dict[str, Any]:
        """Give the item as an event shows it."""
        shown: dict[str, Any] = {"id": self.id, "object": "realtime.item", "type": self.type, "status": self.status}
        if self.type == "message":
            shown["role"] = self.role
            shown["content"] = [_beta_part(part) if beta else dict(part) for part in self.content]
        return {**shown, **self.fields}

    @property
    def text(self) -> str:
        """What was typed, said or answered, as far as it is known."""
        return " ".join(part.get("text") or part.get("transcript") or "" for part in self.content).strip()


_BETA_PART_TYPES = {"output_text": "text", "output_audio": "audio"}


def _beta_part(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "type": _BETA_PART_TYPES.get(part["type"], part["type"])}


class ConversationItems:
    """Items in conversation order."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: dict[str, ConversationItem] = {}

    def __len__(self) -> int:
        return len(self._items)

    def get(self, item_id: object) -> ConversationItem | None:
        """Find an item by its id."""
        return self._items.get(item_id) if isinstance(item_id, str) else None

    @property
    def last(self) -> ConversationItem | None:
        """The newest item."""
        return next(reversed(self._items.values()), None)

    @property
    def items(self) -> list[ConversationItem]:
        """Every item, oldest first."""
        return list(self._items.values())

    def has_call(self, call_id: object) -> bool:
        """Whether a function call of this id was made."""
        return any(
            item.type == "function_call" and item.fields.get("call_id") == call_id for item in self._items.values()
        )

    def add(self, item: ConversationItem, after: str | None = None) -> str | None:
        """Put an item at the end, behind `after`, or first (`after="root"`). Returns the id before it.

        Raises KeyError when `after` names no item.
        """
        if after is None:
            previous = self.last.id if self.last else None
            self._items[item.id] = item
            return previous
        order = list(self._items.values())
        place = 0 if after == "root" else [known.id for known in order].index(self._items[after].id) + 1
        order.insert(place, item)
        self._items = {known.id: known for known in order}
        return None if place == 0 else after

    def remove(self, item_id: str) -> None:
        """Take an item out."""
        del self._items[item_id]
