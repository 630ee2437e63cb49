"""The order of item events: the user's speech, its commit, the item in the conversation, and later events about it.

Each item has a state. The tables below list the legal steps from each state; a step that they do not list breaks a
rule. The few rules that concern two items at once are code below the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.ordering.rules import BoundedDict, RuleMessage, get_index, get_object, get_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class ItemState(Enum):
    """The state of an item, in the order of progress. An item that was never mentioned is `NEW`."""

    NEW = auto()
    SPEAKING = auto()
    """Announced by speech_started: the user is speaking."""
    STOPPED = auto()
    DISCARDED = auto()
    """Announced, but then the buffer was cleared or turn detection was turned off."""
    COMMITTED = auto()
    ANNOUNCED = auto()
    """Announced by response.output_item.added."""
    OUT_OF_BAND = auto()
    """Belongs to an out-of-band response."""
    CREATED = auto()
    """A GA server said conversation.item.created, as some do in addition to added and done."""
    ADDED = auto()
    ABANDONED = auto()
    """Added, but its response was cancelled, incomplete or failed. The server may still send conversation.item.done."""
    DONE = auto()
    DELETED = auto()


_BEFORE_COMMIT: Mapping[ItemState, Mapping[str, ItemState]] = {
    ItemState.SPEAKING: {"speech_stopped": ItemState.STOPPED},
    ItemState.STOPPED: {"committed": ItemState.COMMITTED},
    # A server may finish the sentence after the buffer was cleared, or start again under the same id.
    ItemState.DISCARDED: {
        "speech_started": ItemState.SPEAKING,
        "speech_stopped": ItemState.DISCARDED,
        "committed": ItemState.COMMITTED,
    },
    ItemState.OUT_OF_BAND: {"output": ItemState.OUT_OF_BAND},
    ItemState.DELETED: {"done": ItemState.DELETED},
}

_GA_TRANSITIONS: Mapping[ItemState, Mapping[str, ItemState]] = {
    **_BEFORE_COMMIT,
    ItemState.NEW: {
        "speech_started": ItemState.SPEAKING,
        "timeout": ItemState.STOPPED,
        "committed": ItemState.COMMITTED,
        "output": ItemState.ANNOUNCED,
        "created": ItemState.CREATED,
        "added": ItemState.ADDED,
    },
    ItemState.COMMITTED: {"created": ItemState.CREATED, "added": ItemState.ADDED},
    ItemState.ANNOUNCED: {"created": ItemState.CREATED, "added": ItemState.ADDED, "deleted": ItemState.DELETED},
    ItemState.CREATED: {
        "added": ItemState.ADDED,
        "done": ItemState.DONE,
        "deleted": ItemState.DELETED,
        "output": ItemState.CREATED,
    },
    ItemState.ADDED: {
        "created": ItemState.ADDED,
        "done": ItemState.DONE,
        "deleted": ItemState.DELETED,
        "output": ItemState.ADDED,
    },
    ItemState.ABANDONED: {"created": ItemState.ABANDONED, "done": ItemState.DONE, "deleted": ItemState.DELETED},
    ItemState.DONE: {"created": ItemState.DONE, "deleted": ItemState.DELETED, "output": ItemState.DONE},
}

#: The beta has one event per item.
_BETA_TRANSITIONS: Mapping[ItemState, Mapping[str, ItemState]] = {
    **_BEFORE_COMMIT,
    ItemState.NEW: {
        "speech_started": ItemState.SPEAKING,
        "committed": ItemState.COMMITTED,
        "output": ItemState.ANNOUNCED,
        "created": ItemState.DONE,
    },
    ItemState.COMMITTED: {"created": ItemState.DONE},
    ItemState.ANNOUNCED: {"created": ItemState.DONE, "deleted": ItemState.DELETED},
    ItemState.DONE: {"deleted": ItemState.DELETED, "output": ItemState.DONE},
}

#: The rule that an illegal step breaks: by step and state, else (`_RULES_BY_STEP`) by step alone.
_RULES_BY_STATE: Mapping[tuple[str, ItemState], str] = {
    ("committed", ItemState.SPEAKING): "committed-before-speech-stopped",
    ("added", ItemState.SPEAKING): "item-before-commit",
    ("added", ItemState.STOPPED): "item-before-commit",
    ("created", ItemState.SPEAKING): "item-before-commit",
    ("created", ItemState.STOPPED): "item-before-commit",
    ("added", ItemState.OUT_OF_BAND): "out-of-band-item-added",
    ("created", ItemState.OUT_OF_BAND): "out-of-band-item-added",
    ("done", ItemState.OUT_OF_BAND): "out-of-band-item-added",
    ("done", ItemState.DONE): "item-done-twice",
}
_RULES_BY_STEP: Mapping[str, str] = {
    "speech_started": "speech-started-twice",
    "speech_stopped": "speech-stopped-without-start",
    "committed": "committed-twice",
    "added": "item-added-twice",
    "created": "item-added-twice",
    "done": "item-done-before-added",
    "deleted": "item-unknown",
    # The rule output-item-added-twice of responses reports it already.
    "output": "",
    "timeout": "",
}

#: The state that a step leads to at least, after a violation or if the item may have been evicted.
_AFTER_VIOLATION: Mapping[str, ItemState] = {
    "speech_started": ItemState.SPEAKING,
    "speech_stopped": ItemState.STOPPED,
    "timeout": ItemState.STOPPED,
    "committed": ItemState.COMMITTED,
    "output": ItemState.ANNOUNCED,
    "created": ItemState.CREATED,
    "added": ItemState.ADDED,
    "done": ItemState.DONE,
    "deleted": ItemState.DELETED,
}

_STEPS: Mapping[str, str] = {
    "input_audio_buffer.speech_started": "speech_started",
    "input_audio_buffer.speech_stopped": "speech_stopped",
    "input_audio_buffer.timeout_triggered": "timeout",
    "input_audio_buffer.committed": "committed",
    "conversation.item.created": "created",
    "conversation.item.added": "added",
    "conversation.item.done": "done",
    "conversation.item.deleted": "deleted",
}
_EVENTS: Mapping[str, str] = {step: event_type for event_type, step in _STEPS.items()}
#: What an illegal step finds, in the order of events: it names the event that is missing before, or came already.
_FOUND: Mapping[ItemState, str] = {
    ItemState.NEW: "which no earlier event named",
    ItemState.SPEAKING: "which is still being spoken",
    ItemState.STOPPED: "which is not committed yet",
    ItemState.DISCARDED: "whose speech was discarded",
    ItemState.COMMITTED: "which was committed already",
    ItemState.ANNOUNCED: "which response.output_item.added named already",
    ItemState.OUT_OF_BAND: "which belongs to an out-of-band response",
    ItemState.CREATED: "which was created already",
    ItemState.ADDED: "which was added already",
    ItemState.ABANDONED: "whose response ended before it was complete",
    ItemState.DONE: "which was done already",
    ItemState.DELETED: "which was deleted",
}
_EDITS: frozenset[str] = frozenset({"conversation.item.truncated", "conversation.item.retrieved"})
_TRANSCRIPTION = "conversation.item.input_audio_transcription."
_TRANSCRIPTION_ENDS: frozenset[str] = frozenset({"completed", "failed"})
_NOT_IN_CONVERSATION: frozenset[ItemState] = frozenset(
    {ItemState.SPEAKING, ItemState.STOPPED, ItemState.DISCARDED, ItemState.OUT_OF_BAND}
)
_NOT_THERE: frozenset[ItemState] = _NOT_IN_CONVERSATION | {ItemState.DELETED}
_ROLES: frozenset[str | None] = frozenset({"user", "assistant", "system"})
#: Items that speech events announced and that are not committed yet.
_TURN_OPEN: frozenset[ItemState] = frozenset({ItemState.SPEAKING, ItemState.STOPPED})


@dataclass(slots=True)
class _Item:
    state: ItemState
    role: str | None = None


class ItemOrder:
    """Checks the item events of one session."""

    def __init__(self, dialect: Dialect) -> None:
        self._transitions = _BETA_TRANSITIONS if dialect is Dialect.BETA else _GA_TRANSITIONS
        self._items: BoundedDict[_Item] = BoundedDict()
        self._transcriptions: BoundedDict[bool] = BoundedDict()
        self.merges_starts = False
        """Whether speech may start again before it stopped, under another id (`semantic_vad`; pydantic-ai). The last
        item is committed, with the speech of all."""
        self._turn: str | None = None
        self._committed: str | None = None

    def feed(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check an event about an item, under its own dialect's name. Ignore other events."""
        if event_type.startswith(_TRANSCRIPTION):
            yield from self._transcribed(event_type.removeprefix(_TRANSCRIPTION), event)
        elif step := _STEPS.get(event_type):
            yield from self._step(step, event)
        elif event_type in _EDITS:
            yield from self._edited(event_type, event)
        elif event_type == "input_audio_buffer.cleared":
            self.discard_turn()

    def state(self, item_id: str) -> ItemState:
        """Return the state of an item."""
        item = self._items.get(item_id)
        return item.state if item else ItemState.NEW

    def has_items(self) -> bool:
        """Whether there was any item."""
        return len(self._items) > 0

    def discard_turn(self) -> None:
        """Drop the current speech: its buffer was cleared, or turn detection was turned off."""
        if self._turn and (item := self._items.get(self._turn)):
            item.state = ItemState.DISCARDED
        self._turn = None

    def announce(self, item_id: str, *, out_of_band: bool) -> None:
        """Record an item that a response announced. Items of an out-of-band response stay out of the conversation."""
        if out_of_band:
            self._items[item_id] = _Item(ItemState.OUT_OF_BAND, "assistant")
        else:
            self._apply("output", item_id, "assistant")

    def abandon(self, item_id: str) -> None:
        """Record that the response of this item ended before the item was complete."""
        item = self._items.get(item_id)
        if item and item.state in {ItemState.ADDED, ItemState.CREATED}:
            item.state = ItemState.ABANDONED

    def finish(self) -> Iterator[RuleMessage]:
        """Report what is left open in a session at rest."""
        for item_id, item in self._items.items():
            if item.state is ItemState.STOPPED:
                yield "speech-not-committed", f"{item_id} stopped speaking and was never committed"
            elif item.state is ItemState.COMMITTED:
                yield "committed-item-missing", f"{item_id} was committed and never added to the conversation"
            elif item.state in {ItemState.ADDED, ItemState.CREATED}:
                name = _named(item_id, item.role)
                yield "item-not-done", f"conversation.item.done never came for {name}, which was added"
        for key, ended in self._transcriptions.items():
            if not ended:
                yield "transcription-not-ended", f"the transcription of {key} began and neither completed nor failed"

    def _step(self, step: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        item = get_object(event, "item")
        item_id = get_text(event, "item_id") or get_text(item, "id")
        if item_id is None:
            return
        state = self.state(item_id)
        yield from self._turn_rules(step, item_id, state)
        if (
            step in {"added", "created"}
            and state is ItemState.NEW
            and _being_written(item)
            and not self._items.has_evicted
        ):
            yield "item-before-output-item", f"{item_id} is in progress, but no response.output_item.added named it"
        yield from self._previous(event, item_id)
        yield from self._check_step(step, item_id, state, get_text(item, "role"))

    def _check_step(self, step: str, item_id: str, state: ItemState, role: str | None) -> Iterator[RuleMessage]:
        if self._apply(step, item_id, role):
            return
        rule = _RULES_BY_STATE.get((step, state)) or _RULES_BY_STEP[step]
        if rule:
            without = rule == "item-done-before-added"
            found = " without conversation.item.added" if without else f", {_FOUND[state]}"
            yield rule, f"{_EVENTS[step]} came for {_named(item_id, role)}{found}"

    def _apply(self, step: str, item_id: str, role: str | None) -> bool:
        """Apply a step. False if the table does not allow it in the item's state."""
        item = self._items.get(item_id)
        known = item.state if item else ItemState.NEW
        after = self._transitions.get(known, {}).get(step)
        unsure = item is None and self._items.has_evicted
        kept = role or (item.role if item else None)
        self._items[item_id] = _Item(after or max(known, _AFTER_VIOLATION[step], key=_progress), kept)
        return after is not None or unsure

    def _turn_rules(self, step: str, item_id: str, state: ItemState) -> Iterator[RuleMessage]:
        """Check the rules about the user's turn as a whole: one at a time, and commits in order."""
        open_turn = self._turn if self._turn and self.state(self._turn) in _TURN_OPEN else None
        match step:
            case "speech_started" if self.merges_starts and open_turn and self.state(open_turn) is ItemState.SPEAKING:
                if open_turn != item_id:
                    self.discard_turn()
            case "speech_started" | "timeout" if open_turn and open_turn != item_id:
                stopped = self.state(open_turn) is ItemState.STOPPED
                rule = "speech-not-committed" if stopped else "speech-started-twice"
                yield rule, f"{item_id} starts while {open_turn} is {self.state(open_turn).name.lower()}"
            case "committed" if open_turn and open_turn != item_id and state is ItemState.NEW:
                yield "committed-other-item", f"{item_id} is committed, but the speech was announced as {open_turn}"
        if step in {"speech_started", "timeout"}:
            self._turn = item_id
        elif step == "committed":
            self._turn = None
            if self._committed not in {None, item_id} and self.state(self._committed or "") is ItemState.COMMITTED:
                yield "committed-item-missing", f"{item_id} is committed before {self._committed} was added"
            self._committed = item_id

    def _previous(self, event: Mapping[str, object], item_id: str) -> Iterator[RuleMessage]:
        previous = get_text(event, "previous_item_id")
        if previous is None or previous == "root":
            return
        known = self._items.get(previous)
        unknown = not self._items.has_evicted if known is None else known.state in _NOT_IN_CONVERSATION
        if unknown or previous == item_id:
            yield "previous-item-unknown", f"{item_id} follows {previous}, which is not an earlier item"

    def _edited(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        item_id = get_text(event, "item_id") or get_text(get_object(event, "item"), "id")
        if item_id is None:
            return
        item = self._items.get(item_id)
        missing = (
            not self._items.has_evicted if item is None else item.state in {*_NOT_IN_CONVERSATION, ItemState.DELETED}
        )
        if missing:
            yield "item-unknown", f"{item_id} is not an item of the conversation"
        elif item and event_type == "conversation.item.truncated" and item.role not in {"assistant", None}:
            yield "truncated-item-not-assistant", f"{item_id} is an item of the {item.role}"

    def _transcribed(self, step: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        item_id = get_text(event, "item_id")
        if item_id is None:
            return
        if self.state(item_id) in {ItemState.NEW, ItemState.OUT_OF_BAND} and not self._items.has_evicted:
            yield "transcription-unknown-item", f"{item_id} was neither announced nor committed nor added"
        key = f"{item_id}/{get_index(event, 'content_index')}"
        if self._transcriptions.get(key):
            yield "transcription-after-end", f"the transcription of {item_id} had ended when {step} came"
        self._transcriptions[key] = bool(self._transcriptions.get(key)) or step in _TRANSCRIPTION_ENDS


def _named(item_id: str, role: str | None) -> str:
    """Name an item as users know it: whose it is, then its id."""
    return f"the {role}'s item {item_id}" if role in _ROLES else item_id


def _progress(state: ItemState) -> int:
    return state.value


def _being_written(item: Mapping[str, object]) -> bool:
    """Whether the model is still writing an item, as opposed to an item that the client created."""
    by_model = item.get("role") == "assistant" or item.get("type") == "function_call"
    return by_model and item.get("status") == "in_progress"
