"""The legal order of server events, as a checker: feed it every event of a session, it says which rules they break.

It sees one session's server events and nothing of the client's, so it can sit in a proxy, a probe or a test. It is
tolerant where recordings and descriptions differ (rate limits, conversation.created, the order of audio and transcript,
what a cancelled response leaves open), ignores event types and fields that it does not know, and never raises.
The rules stand in `order_rules.py`; the lives of items and responses in `order_items.py` and `order_responses.py`.
Sources: recordings of 2026-09 (text turn, transcription, refusals), the OpenAPI of 2026-08 and 2025-04 for the rest.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import BETA_TO_GA, Dialect, SessionKind
from bridge.protocol.events.fields import SERVER_EVENTS, missing_fields
from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATED
from bridge.protocol.ordering.items import ItemOrder
from bridge.protocol.ordering.responses import ResponseOrder
from bridge.protocol.ordering.rules import (
    MAX_REMEMBERED_EVENT_IDS,
    ORDER_RULES,
    BoundedDict,
    RuleMessage,
    Violation,
    get_object,
    get_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ORDER_RULES", "OrderChecker", "Violation"]


class _Stage(Enum):
    NEW = auto()
    ASSUMED = auto()
    """Events came before the session was created: that was reported, and is not said again for each of them."""
    OPEN = auto()
    REFUSED = auto()
    CLOSED = auto()


#: The event that opens a session; everything but the beta's transcription session says session.created.
_OPENING: Mapping[tuple[Dialect, SessionKind], str] = {
    (Dialect.BETA, SessionKind.TRANSCRIPTION): "transcription_session.created"
}

#: What a GA session says about its type. The flat shape does not say it.
_SESSION_TYPE: Mapping[tuple[Dialect, SessionKind], str] = {
    (Dialect.GA, SessionKind.CONVERSATION): "realtime",
    (Dialect.GA, SessionKind.TRANSCRIPTION): "transcription",
    (Dialect.TRANSLATION, SessionKind.TRANSLATION): "translation",
}
#: Errors that end a session whenever they come. (As first frame every error does.)
_FATAL_CODES: frozenset[str] = frozenset({"session_expired"})

#: Events that belong to one dialect by the book and are sent in another by live servers, or may be.
_TOLERATED: Mapping[Dialect, frozenset[str]] = {
    # The live GA service lists session.close among the types it takes; what it answers is not recorded.
    Dialect.GA: frozenset({"session.closed"}),
    Dialect.BETA: frozenset(),
    Dialect.TRANSLATION: frozenset(),
}
_EVERY_TYPE: frozenset[str] = frozenset().union(*SERVER_EVENTS.values())

#: Fields that a dialect's description requires and its older servers leave out: `usage` came in mid-2025.
_FORGIVEN: Mapping[str, frozenset[str]] = MappingProxyType(
    {"conversation.item.input_audio_transcription.completed": frozenset({"usage"})}
)

#: Beta names to the GA names that the parts of the checker use. An item's beta event keeps its name: its life differs.
_GA_NAMES: Mapping[str, str] = {old: new[0] for old, new in BETA_TO_GA.items() if len(new) == 1}


class OrderChecker:
    """Checks the server events of one session as they come. Its memory is bounded: an hour of events costs a few MB."""

    def __init__(self, dialect: Dialect, kind: SessionKind = SessionKind.CONVERSATION) -> None:
        self._dialect = dialect
        self._kind = SessionKind.TRANSLATION if dialect is Dialect.TRANSLATION else kind
        self._stage = _Stage.NEW
        self._count = 0
        self._conversation_announced = False
        self._event_ids: BoundedDict[None] = BoundedDict(MAX_REMEMBERED_EVENT_IDS)
        self._items = ItemOrder(dialect)
        self._responses = ResponseOrder(self._items)

    def feed(self, event: Mapping[str, object]) -> list[Violation]:
        """Take the next event, decoded, and say what is wrong with its place; usually nothing."""
        event_type = get_text(event, "type") or ""
        found = [Violation(rule, self._count, event_type, message) for rule, message in self._judge(event_type, event)]
        self._count += 1
        return found

    def finish(self) -> list[Violation]:
        """Say what is left open. Only for a session at rest: a cut leaves things open by right."""
        if self._stage in {_Stage.REFUSED, _Stage.CLOSED}:
            return []
        return [Violation(rule, self._count, "", message) for rule, message in self._left_open()]

    def _judge(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        yield from self._whole(event_type, event)
        if event_type not in SERVER_EVENTS[self._dialect]:
            yield from self._foreign(event_type)
            if event_type not in _GA_NAMES and event_type not in _TOLERATED[self._dialect]:
                return
        yield from self._stage_rules(event_type, event)
        yield from self._session_rules(event_type, event)
        yield from self._items.feed(event_type, event)
        if event_type == "conversation.item.done":
            yield from self._responses.check_item_done(event)
        yield from self._responses.feed(_GA_NAMES.get(event_type, event_type), event)

    def _whole(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check the event by itself: its fields are there, and it is not the same frame again."""
        missing = missing_fields(event, self._dialect, from_server=True)
        if self._dialect is Dialect.BETA:
            missing -= _FORGIVEN.get(event_type, frozenset())
        if missing:
            yield "missing-field", f"{event_type or 'the event'} lacks {', '.join(sorted(missing))}"
        event_id = get_text(event, "event_id")
        if event_id is None:
            return
        if event_id in self._event_ids:
            yield "event-id-repeated", f"{event_id} was the id of an earlier event"
        self._event_ids[event_id] = None

    def _foreign(self, event_type: str) -> Iterator[RuleMessage]:
        if event_type not in _EVERY_TYPE or event_type in _TOLERATED[self._dialect]:
            return
        names = " and ".join(BETA_TO_GA.get(event_type, ()))
        instead = f"; here it is {names}" if names and self._dialect is Dialect.GA else ""
        yield "event-of-other-dialect", f"{event_type} is not an event of the {self._dialect} dialect{instead}"

    def _stage_rules(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        match self._stage, event_type:
            case _Stage.REFUSED, _:
                yield "event-after-fatal-error", f"{event_type} came after the error that ended the session"
            case _Stage.CLOSED, _:
                yield "event-after-session-closed", f"{event_type} came after session.closed"
            case _Stage.NEW, "error":
                self._stage = _Stage.REFUSED
            case ((_Stage.NEW | _Stage.ASSUMED), _) if event_type == self._opening():
                self._stage = _Stage.OPEN
            case _Stage.NEW, _ if event_type != "conversation.created":  # which xAI's server sends first
                self._stage = _Stage.ASSUMED
                yield "event-before-session-created", f"{event_type} came before {self._opening()}"
            case _Stage.OPEN, _ if event_type in SESSION_CREATED:
                yield "session-created-twice", f"{event_type} came in a session that was open"
            case _Stage.OPEN, "error" if str(get_object(event, "error").get("code")) in _FATAL_CODES:
                self._stage = _Stage.REFUSED
            case _Stage.OPEN, "session.closed":
                self._stage = _Stage.CLOSED

    def _session_rules(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        if event_type in SESSION_CREATED | SESSION_UPDATED:
            yield from self._session_shown(get_object(event, "session"))
        elif event_type == "conversation.created":
            yield from self._conversation_created()
        elif self._kind is SessionKind.TRANSCRIPTION and event_type.startswith("response."):
            yield "response-in-transcription", f"{event_type} came in a transcription session"

    def _session_shown(self, session: Mapping[str, object]) -> Iterator[RuleMessage]:
        expected = _SESSION_TYPE.get((self._dialect, self._kind))
        named = session.get("type", expected)
        if expected and named != expected:
            yield "session-of-other-kind", f"the session's type is {named!r}, expected {expected!r}"
        heard = get_object(get_object(session, "audio"), "input") or session
        if heard.get("turn_detection", "") is None:
            self._items.discard_turn()

    def _conversation_created(self) -> Iterator[RuleMessage]:
        if self._conversation_announced:
            yield "conversation-created-twice", "the conversation was announced before"
        elif self._items.has_items() or self._responses.has_responses():
            yield "conversation-created-late", "the conversation is announced after its first item or response"
        self._conversation_announced = True

    def _left_open(self) -> Iterator[RuleMessage]:
        if self._stage is not _Stage.OPEN:
            yield "session-not-created", f"the session ended without {self._opening()} or an error"
        yield from self._items.finish()
        yield from self._responses.finish()

    def _opening(self) -> str:
        return _OPENING.get((self._dialect, self._kind), "session.created")
