"""Mistakes in what an SDK is told, and not told, about the items of a lost session."""

from __future__ import annotations

from tests.core.mutant import Mutant

CLIENT_ITEM_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "to_client",
        "if body is None or not data.generation.items.is_echo(event.type, body):",
        "if True:",
        "a restored item is announced twice",
    ),
    Mutant("to_client", ', (str(body.get("type")),))', ")", "what the client has not seen of an item is an echo"),
    Mutant(
        "recovery",
        "        data.emit(SendNative(deleted(item_id)))\n",
        "",
        "an SDK goes on with items that are gone",
    ),
    Mutant(
        "recovery",
        "(item_id for item_id in gone if item_id not in kept)",
        "gone",
        "a half-spoken answer that is restored is gone",
    ),
    Mutant(
        "recovery",
        "        data.history.record_item(item, ANNOUNCEMENTS)\n    for item_id",
        "        pass\n    for item_id",
        "a half-spoken answer is not restored",
    ),
    Mutant(
        "recovery", "    while len(data.gone_items) > MAX_GONE:\n", "    while False:\n", "items that are gone pile up"
    ),
    Mutant(
        "client_items",
        'event_type == "conversation.item.truncate" and (item_id in self.gone or item_id in self.restored)',
        'event_type == "conversation.item.truncate" and item_id in self.gone',
        "a text is cut as if it were audio",
    ),
    Mutant(
        "client_items",
        'event_type == "conversation.item.truncate" and (item_id in self.gone or item_id in self.restored)',
        'event_type == "conversation.item.truncate" and item_id in self.restored',
        "an item that is gone is cut",
    ),
    Mutant(
        "client_items",
        'event_type == "conversation.item.delete" and item_id in self.gone',
        "False",
        "an item that is gone is deleted again",
    ),
    Mutant(
        "client_items",
        'as_text(body.get("previous_item_id")) not in self.gone',
        "True",
        "an item behind one that is gone is refused",
    ),
    Mutant(
        "to_upstream",
        '{**event, "event_id": OWN_EVENT_ID} if data.native else event',
        "event",
        "an SDK is told that a restored item was refused",
    ),
    Mutant(
        "to_client",
        "data.native and (code == UNREADABLE_FRAME or ",
        "data.native and (",
        "an SDK is told of a frame that it could not have read",
    ),
    Mutant(
        "to_upstream",
        'detail = {"upstream": _too_many(request)} if data.native else None',
        "detail = None",
        "a request too many is not answered",
    ),
    Mutant(
        "to_client",
        "if again or not awaited:",
        "if True or not awaited:",
        "the answer to a request that nobody repeats is left out",
    ),
    Mutant(
        "recovery",
        'about = {"eventId": event_id} if event_id else {}',
        "about = {}",
        "a refused update does not name the event",
    ),
)
