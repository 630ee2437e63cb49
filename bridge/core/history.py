"""The conversation so far, for a fresh session: earlier turns as text, function calls and their outputs.

It is fed by the upstream's own item events, so it has what the service had, and by items that went upstream and are
not confirmed yet; these are kept as JSON, not as trees. Bounded in turns, characters and bytes. Turns past the bounds,
and speech without a transcript, are counted and reported to the client.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.json_access import as_object, as_text, read_object
from bridge.core.speech.heard import heard_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: 200 turns are an hour of lively conversation; 64 KiB of text are a third of the smallest model's context.
MAX_TURNS, MAX_CHARACTERS = 200, 64 * 1024
#: JSON of items that went upstream and are not confirmed (or were refused in silence): a photo or all texts of a long
#: conversation. The newest is kept whatever its size, which the endpoint bounds.
MAX_SENT_BYTES = 4 * 2**20


@dataclass(slots=True)
class _Turn:
    item: Mapping[str, Any]
    """Its type and the fields that are restored, without the content."""
    text: str | None
    """None: speech without a transcript (so far)."""
    seen: frozenset[str] = frozenset()
    """The announcements of the item that the client has seen."""
    spoken_ms: float = 0.0
    """How much audio of it the client was sent."""
    played_ms: float | None = None
    """How much of that it has played; None if it didn't say."""

    @property
    def heard(self) -> str | None:
        """What was heard of its text, as far as the client said."""
        if self.text is None or self.played_ms is None:
            return self.text
        return heard_text(self.text, self.played_ms, self.spoken_ms)

    @property
    def size(self) -> int:
        return len(self.text or "") + len(str(self.item.get("arguments") or self.item.get("output") or ""))


@dataclass(frozen=True, slots=True)
class _SentItem:
    creation: bytes
    """The event that created it, as JSON."""
    item_id: str | None
    likeness: int
    """Equal for an announced item that may be this one, if it was sent without an id."""

    @property
    def item(self) -> Mapping[str, Any]:
        return as_object(read_object(self.creation).get("item"))


@dataclass(frozen=True, slots=True)
class RestoredHistory:
    """The items that restore the conversation in a fresh session, and what could not be restored."""

    items: tuple[Mapping[str, Any], ...]
    turns: int
    pending_tools: int
    lost: tuple[str, ...]
    seen: Mapping[str, frozenset[str]]
    """By item id, the announcements that the client has seen already."""


@dataclass(slots=True)
class ConversationHistory:
    """The conversation of one client connection so far."""

    _turns: dict[str, _Turn] = field(default_factory=dict)
    _sent: list[_SentItem] = field(default_factory=list)
    """Items that went upstream and that the service has not announced yet."""
    _sent_bytes: int = 0
    _forgotten: int = 0
    _unwritten: int = 0
    _silent: str | None = None
    """The item that an idle time-out commits, until the service announces it."""

    @property
    def sent_bytes(self) -> int:
        """How much the items take that the upstream has not confirmed."""
        return self._sent_bytes

    def item_sent(self, item: Mapping[str, Any], creation: bytes | None = None) -> None:
        """Record an item that went upstream: it must be restored even if this session dies before confirming it.

        `creation` is the JSON of its `conversation.item.create`, if the client wrote one.
        """
        kind = as_text(item.get("type"))
        if kind in _RESTORED_FIELDS and (kind != "message" or _text(item) is not None):
            if creation is None:
                creation = json.dumps({"item": item}).encode()
            self._sent.append(_SentItem(creation, as_text(item.get("id")), _likeness(item)))
            self._sent_bytes += len(creation)
            while len(self._sent) > MAX_TURNS or (self._sent_bytes > MAX_SENT_BYTES and len(self._sent) > 1):
                self._forget_sent()
                self._forgotten += 1

    def _forget_sent(self) -> None:
        self._sent_bytes -= len(self._sent.pop(0).creation)

    def record_item(self, item: Mapping[str, Any], seen: Iterable[str] = ()) -> None:
        """Record an item as the upstream announced or finished it; `seen`: how the client was told of it."""
        item_id, kind = as_text(item.get("id")), as_text(item.get("type"))
        if item_id is None or kind not in _RESTORED_FIELDS:
            return
        known = self._turns.get(item_id)
        if known is None:
            self._confirm(item)
        text = _text(item) or (known.text if known else None)
        if item_id == self._silent:
            self._silent, text = None, ""
        turn = known or _Turn(_facts(item), text)
        turn.item, turn.text, turn.seen = _facts(item), text, turn.seen.union(seen)
        self._turns[item_id] = turn
        self._trim()

    def _confirm(self, item: Mapping[str, Any]) -> None:
        """Items are announced in the order they were sent in: an earlier one that was not announced was refused."""
        for index, sent in enumerate(self._sent):
            if _same(sent, item):
                for _ in range(index + 1):
                    self._forget_sent()
                return

    def record_silence(self, item_id: object) -> None:
        """Record that an idle time-out commits this item: it is no turn of the user, and nothing of it is restored."""
        self._silent = as_text(item_id) or self._silent

    def record_transcript(self, item_id: object, text: object) -> None:
        """Record the transcript of the user's speech."""
        turn = self._turns.get(item_id) if isinstance(item_id, str) else None
        if turn is not None and isinstance(text, str):
            turn.text = text
            self._trim()

    def record_spoken(self, item_id: str, ms: float) -> None:
        """Record how much audio of an answer the client was sent."""
        if (turn := self._turns.get(item_id)) is not None:
            turn.spoken_ms = max(turn.spoken_ms, ms)

    def record_played(self, item_id: str, ms: float) -> None:
        """Record how much of an answer the client has played."""
        if (turn := self._turns.get(item_id)) is not None:
            turn.played_ms = ms

    def text_of(self, item_id: str) -> str:
        """Return what an item says, as far as it is known; empty if it isn't."""
        turn = self._turns.get(item_id)
        return "" if turn is None else turn.text or ""

    def delete_item(self, item_id: object) -> bool:
        """Remove an item, because the client deleted it or because it will be replayed. False if it was not known."""
        return isinstance(item_id, str) and self._turns.pop(item_id, None) is not None

    def delete_unwritten(self) -> list[str]:
        """Remove speech without a transcript, which counts as lost, and silence, which doesn't. Returns the items."""
        removed = [name for name, turn in self._turns.items() if turn.item["type"] == "message" and not turn.text]
        for item_id in removed:
            self._unwritten += self._turns[item_id].text is None
            del self._turns[item_id]
        return removed

    def clear(self) -> None:
        """Start over: the session was ended by intent, so the next one has no history."""
        self._turns.clear()
        self._sent.clear()
        self._sent_bytes = 0
        self._silent = None
        self._forgotten = self._unwritten = 0

    def _trim(self) -> None:
        size = sum(turn.size for turn in self._turns.values())
        while len(self._turns) > MAX_TURNS or (size > MAX_CHARACTERS and len(self._turns) > 1):
            size -= self._turns.pop(next(iter(self._turns))).size
            self._forgotten += 1

    def restore(self, dialect: str) -> RestoredHistory:
        """Return the items to create in a fresh session. Removes speech without a transcript, and counts it as lost."""
        self.delete_unwritten()
        lost = []
        if self._forgotten:
            lost.append(f"{self._forgotten} turns past the bound")
        if self._unwritten:
            lost.append(f"{self._unwritten} spoken turns without a transcript")
            self._unwritten = 0
        if any(turn.heard != turn.text for turn in self._turns.values()):
            lost.append("the part of an answer that was not heard")
        items = [
            _item_to_create(item_id, turn, dialect)
            for item_id, turn in self._turns.items()
            if turn.heard or not turn.text
        ]
        items.extend(one.item for one in self._sent)
        answered = [item.get("call_id") for item in items if item["type"] == "function_call_output"]
        return RestoredHistory(
            items=tuple(items),
            turns=sum(item["type"] == "message" for item in items),
            pending_tools=sum(
                item["type"] == "function_call" and item.get("call_id") not in answered for item in items
            ),
            lost=tuple(lost),
            seen={item_id: turn.seen for item_id, turn in self._turns.items()},
        )


#: The item types that a client can create, and the fields to send for each.
_RESTORED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "message": ("role",),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
}
_PART_TYPES = {"user": "input_text", "system": "input_text"}


def _facts(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: item.get(name) for name in ("type", *_RESTORED_FIELDS[item["type"]])}


def _item_to_create(item_id: str, turn: _Turn, dialect: str) -> Mapping[str, Any]:
    kind = str(turn.item["type"])
    item = {"id": item_id, **turn.item}
    if kind == "message":
        assistant_part = "text" if dialect == "beta" else "output_text"
        part = _PART_TYPES.get(str(turn.item.get("role")), assistant_part)
        item["content"] = [{"type": part, "text": turn.heard}]
    return item


def _same(sent: _SentItem, announced: Mapping[str, Any]) -> bool:
    """Return whether the upstream announces the item that was sent; it gives an id to an item that had none."""
    if sent.item_id is not None:
        return bool(sent.item_id == announced.get("id"))
    return sent.likeness == _likeness(announced)


def _likeness(item: Mapping[str, Any]) -> int:
    return hash((*(as_text(item.get(name)) for name in ("type", "role", "call_id")), _text(item)))


def _text(item: Mapping[str, Any]) -> str | None:
    """Return what an item says, as far as it is known as text."""
    parts = item.get("content")
    if not isinstance(parts, list):
        return None
    texts = [part.get("text") or part.get("transcript") for part in parts if isinstance(part, dict)]
    joined = " ".join(text for text in texts if isinstance(text, str) and text)
    return joined or None
