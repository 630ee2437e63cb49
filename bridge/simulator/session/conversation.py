"""The conversation of a session: its items, in order. `items.py` handles the events about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class ConversationItem:
    """One conversation item. `content` holds its parts in GA shape; `as_json` returns either dialect's shape."""

    id: str
    type: str = "message"
    role: str | None = None
    status: str | None = "completed"
    """None for kinds of items that have no status, unless the client gave them one."""
    content: list[dict[str, Any]] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    """The other fields: those of a call and its output, the `phase` of a message, everything of MCP items."""
    audio_ms: float = 0.0
    """The duration of its audio in ms. The audio itself is not kept."""
    truncated: bool = False
    """Whether the client has truncated the item. What is streamed after that is not added to it."""
    is_silence: bool = False
    """Whether an idle time-out committed it: audio in which nobody speaks."""

    def as_json(self, *, beta: bool) -> dict[str, Any]:
        """Return the item as it appears in events. In GA, items have no `object` (recorded 2026-07)."""
        plain: dict[str, Any] = {"id": self.id, "type": self.type}
        if beta:
            plain["object"] = "realtime.item"
        if self.status is not None:
            plain["status"] = self.status
        if self.type == "message":
            plain["role"] = self.role
            plain["content"] = [_beta_part(part) if beta else dict(part) for part in self.content]
        return {**plain, **self.fields}

    @property
    def text(self) -> str:
        """Its texts and transcripts, joined by spaces."""
        return " ".join(part.get("text") or part.get("transcript") or "" for part in self.content).strip()


_BETA_PART_TYPES = {"output_text": "text", "output_audio": "audio"}


def _beta_part(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "type": _BETA_PART_TYPES.get(part["type"], part["type"])}


class ConversationItems:
    """The items of a conversation, in order."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: dict[str, ConversationItem] = {}

    def __len__(self) -> int:
        return len(self._items)

    def get(self, item_id: object) -> ConversationItem | None:
        """Return the item with this id; None if there is none."""
        return self._items.get(item_id) if isinstance(item_id, str) else None

    @property
    def last(self) -> ConversationItem | None:
        """The last item; None if there is none."""
        return next(reversed(self._items.values()), None)

    @property
    def items(self) -> list[ConversationItem]:
        """All items in the order of the conversation, in a new list."""
        return list(self._items.values())

    def has_call(self, call_id: object) -> bool:
        """Whether there is a function call with this id."""
        return any(
            item.type == "function_call" and item.fields.get("call_id") == call_id for item in self._items.values()
        )

    def add(self, item: ConversationItem, after: str | None = None) -> str | None:
        """Add an item at the end, after the item `after`, or at the start (`after="root"`).

        Returns the id of the item before it; None if it is the first. Raises KeyError if there is no item `after`.
        """
        if after is None:
            previous = self.last.id if self.last else None
            self._items[item.id] = item
            return previous
        order = list(self._items.values())
        index = 0 if after == "root" else [known.id for known in order].index(self._items[after].id) + 1
        order.insert(index, item)
        self._items = {known.id: known for known in order}
        return None if index == 0 else after

    def remove(self, item_id: str) -> None:
        """Remove an item. Raises KeyError if there is none with this id."""
        del self._items[item_id]
