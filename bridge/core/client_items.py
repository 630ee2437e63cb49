"""What an SDK knows of the conversation's items and the fresh session doesn't: after a loss the two differ.

The fresh session has earlier turns as text, under the ids that the client knows. So

- the service announces items that the client has already: such an *echo* is not forwarded, since SDKs take it for a
  second item of the same id;
- an item may have no audio any more: the service would refuse to cut it, with an error that some SDKs end at;
- an item may be *gone*: speech that is replayed becomes a new item, and speech without a transcript can't be restored.
  The client is told so when the session is lost, but what it sent before it knew still names the item.

Events of the client about such items are answered here as the service would have answered them before the loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.json_access import as_object, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Events by which the service announces an item.
ANNOUNCEMENTS = frozenset({"conversation.item.added", "conversation.item.created", "conversation.item.done"})


def deleted(item_id: str) -> Mapping[str, Any]:
    """Return the service's event for an item that is no longer in the conversation."""
    return {"type": "conversation.item.deleted", "item_id": item_id}


@dataclass(slots=True)
class ClientItems:
    """The items of one upstream session that the client knows from an earlier one."""

    restored: dict[str, frozenset[str]] = field(default_factory=dict)
    """Items that were created again, as text: the announcements that the client has seen already, by item id."""
    gone: frozenset[str] = frozenset()
    """Items that the client knows, and that no longer exist."""

    def is_echo(self, event_type: str, body: Mapping[str, Any]) -> bool:
        """Whether an event announces an item that the client has seen announced before."""
        return bool(self.restored) and event_type in self.restored.get(str(as_object(body.get("item")).get("id")), ())

    def answer(self, event_type: str, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the answer to a client's event that the session can't answer; None if it is to go upstream."""
        item_id = as_text(body.get("item_id"))
        if item_id is None:
            return None
        if event_type == "conversation.item.delete" and item_id in self.gone:
            return deleted(item_id)
        if event_type == "conversation.item.truncate" and (item_id in self.gone or item_id in self.restored):
            place = {name: body.get(name) or 0 for name in ("content_index", "audio_end_ms")}
            return {"type": "conversation.item.truncated", "item_id": item_id, **place}
        return None

    def without_lost_anchor(self, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return an item's creation without the previous item that is gone: it goes to the end. None: as it is."""
        if as_text(body.get("previous_item_id")) not in self.gone:
            return None
        return {name: value for name, value in body.items() if name != "previous_item_id"}
