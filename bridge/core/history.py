"""What a fresh session must be told: the earlier turns as text, function calls with their answers, pending ones.

Fed by the upstream's own item events, so that it holds what the service had, whoever put it there; and by what went up
and was not confirmed yet. Bounded in turns and in characters; what does not fit, and speech that was never written
down, is counted and named to the client.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.json_access import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

#: 200 turns are an hour of lively talk; 64 KiB of text are a third of the smallest model's context.
MAX_TURNS, MAX_CHARACTERS = 200, 64 * 1024


@dataclass(slots=True)
class _Turn:
    item: dict[str, Any]
    text: str | None
    """None: speech that is not written down (yet)."""

    @property
    def size(self) -> int:
        return len(self.text or "") + len(str(self.item.get("arguments") or self.item.get("output") or ""))


@dataclass(frozen=True, slots=True)
class RestoredHistory:
    """What came back, and what did not."""

    items: tuple[Mapping[str, Any], ...]
    turns: int
    pending_tools: int
    lost: tuple[str, ...]


@dataclass(slots=True)
class ConversationHistory:
    """One client's conversation so far."""

    _turns: dict[str, _Turn] = field(default_factory=dict)
    _sent: deque[Mapping[str, Any]] = field(default_factory=deque)
    """Items that went up and that the service has not announced yet."""
    _forgotten: int = 0

    def item_sent(self, item: Mapping[str, Any]) -> None:
        """An item went up: a fresh session needs it even when the old one dies before it says a word about it."""
        kind = as_text(item.get("type"))
        if kind in _RESTORED and (kind != "message" or _text(item) is not None):
            self._sent.append(item)
            if len(self._sent) > MAX_TURNS:
                self._sent.popleft()
                self._forgotten += 1

    def record_item(self, item: Mapping[str, Any]) -> None:
        """Take an item as the upstream announced or finished it."""
        item_id, kind = as_text(item.get("id")), as_text(item.get("type"))
        if item_id is None or kind not in _RESTORED:
            return
        known = self._turns.get(item_id)
        if known is None:
            self._confirm(item)
        text = _text(item) or (known.text if known else None)
        self._turns[item_id] = _Turn(dict(item), text)
        self._trim()

    def _confirm(self, item: Mapping[str, Any]) -> None:
        """Items are announced in the order in which they went up: an earlier one that was not, was refused."""
        for index, sent in enumerate(self._sent):
            if _same(sent, item):
                for _ in range(index + 1):
                    self._sent.popleft()
                return

    def record_transcript(self, item_id: object, text: object) -> None:
        """Take the transcript of a user's speech."""
        turn = self._turns.get(item_id) if isinstance(item_id, str) else None
        if turn is not None and isinstance(text, str):
            turn.text = text
            self._trim()

    def delete_item(self, item_id: object) -> None:
        """The client deleted an item."""
        if isinstance(item_id, str):
            self._turns.pop(item_id, None)

    def clear(self) -> None:
        """The session was ended by intent: the next one begins without a past."""
        self._turns.clear()
        self._sent.clear()
        self._forgotten = 0

    def _trim(self) -> None:
        size = sum(turn.size for turn in self._turns.values())
        while len(self._turns) > MAX_TURNS or (size > MAX_CHARACTERS and len(self._turns) > 1):
            size -= self._turns.pop(next(iter(self._turns))).size
            self._forgotten += 1

    def restore(self, dialect: str) -> RestoredHistory:
        """Give the items to create in a fresh session. Speech without words is forgotten, and counted in `lost`."""
        unwritten = [
            item_id for item_id, turn in self._turns.items() if turn.item["type"] == "message" and turn.text is None
        ]
        for item_id in unwritten:
            del self._turns[item_id]
        lost = []
        if self._forgotten:
            lost.append(f"{self._forgotten} turns past the bound")
        if unwritten:
            lost.append(f"{len(unwritten)} spoken turns without a transcript")
        items = [_as_created(item_id, turn, dialect) for item_id, turn in self._turns.items()]
        items.extend(self._sent)
        answered = [item.get("call_id") for item in items if item["type"] == "function_call_output"]
        return RestoredHistory(
            items=tuple(items),
            turns=sum(item["type"] == "message" for item in items),
            pending_tools=sum(
                item["type"] == "function_call" and item.get("call_id") not in answered for item in items
            ),
            lost=tuple(lost),
        )


#: Item types that can be created anew, and the fields that a creation may hold.
_RESTORED: Mapping[str, tuple[str, ...]] = {
    "message": ("role",),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
}
_PART_TYPES = {"user": "input_text", "system": "input_text"}


def _as_created(item_id: str, turn: _Turn, dialect: str) -> Mapping[str, Any]:
    kind = str(turn.item["type"])
    created = {"id": item_id, "type": kind, **{name: turn.item.get(name) for name in _RESTORED[kind]}}
    if kind == "message":
        spoken = "text" if dialect == "beta" else "output_text"
        part = _PART_TYPES.get(str(turn.item.get("role")), spoken)
        created["content"] = [{"type": part, "text": turn.text}]
    return created


def _same(sent: Mapping[str, Any], announced: Mapping[str, Any]) -> bool:
    """Whether the upstream announces what went up. It gives an id to what had none."""
    if sent.get("id") is not None:
        return bool(sent["id"] == announced.get("id"))
    said = [(item.get("type"), item.get("role"), item.get("call_id"), _text(item)) for item in (sent, announced)]
    return said[0] == said[1]


def _text(item: Mapping[str, Any]) -> str | None:
    """What an item says in words, as far as it is known."""
    parts = item.get("content")
    if not isinstance(parts, list):
        return None
    words = [part.get("text") or part.get("transcript") for part in parts if isinstance(part, dict)]
    said = " ".join(word for word in words if isinstance(word, str) and word)
    return said or None
