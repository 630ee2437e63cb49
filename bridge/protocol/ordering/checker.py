"""A checker for the order of server events: feed it every event of a session, and it returns the rules they break.

It needs only the server's events of one session, so a proxy, a probe or a test can use it. It is tolerant where
recordings and specifications differ (rate limits, conversation.created, the order of audio and transcript, what a
cancelled response leaves open), ignores unknown event types and fields, and never raises.

Theory of operation. Three state machines run side by side. The session has one state (`_Stage` below): new, open,
refused, closed. `items.py` gives every conversation item a state, from speech over the commit to done or deleted; the
legal steps are a table per dialect. `responses.py` keeps a tree of each running response: output items, their content
parts, and their streams of text, audio and arguments. A step that no table allows is a violation; the state then moves
on as if the step had been legal, so that one mistake of a server is reported once. Memory is bounded: where old entries
were evicted, an unknown id is no longer a violation. `rules.py` has each rule's sentence.
Sources: recordings of 2026-09 (text turn, transcription, refusals); OpenAPI of 2026-08 and 2025-04 for the rest.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import BETA_TO_GA, DIALECTS, Dialect, SessionKind
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
    """Events came before the session was created. That is reported once, not for each of them."""
    OPEN = auto()
    REFUSED = auto()
    CLOSED = auto()


#: Errors that always end a session. (As the first frame, every error does.)
_FATAL_CODES: frozenset[str] = frozenset({"session_expired"})

#: Events that the specification has in another dialect, but that live servers send, or may send, in this one.
_TOLERATED: Mapping[Dialect, frozenset[str]] = {
    # The live GA service lists session.close among the types that it accepts; its answer was never recorded.
    Dialect.GA: frozenset({"session.closed"}),
    Dialect.BETA: frozenset(),
    Dialect.TRANSLATION: frozenset(),
}
_EVERY_TYPE: frozenset[str] = frozenset().union(*SERVER_EVENTS.values())

#: Fields that the beta's specification requires and its older servers omit: `usage` was added in mid-2025.
_OMITTED_IN_PRACTICE: Mapping[str, frozenset[str]] = MappingProxyType(
    {"conversation.item.input_audio_transcription.completed": frozenset({"usage"})}
)

#: Beta names to the GA names that `responses.py` uses. Item events keep their beta names: their states differ.
_GA_NAMES: Mapping[str, str] = {old: new[0] for old, new in BETA_TO_GA.items() if len(new) == 1}


class OrderChecker:
    """Checks the server events of one session, one by one. Memory is bounded: an hour of events costs a few MB."""

    def __init__(self, dialect: Dialect, kind: SessionKind = SessionKind.CONVERSATION) -> None:
        self._dialect = dialect
        self._kind = SessionKind.TRANSLATION if dialect is Dialect.TRANSLATION else kind
        facts = DIALECTS[dialect].kinds.get(self._kind)
        self._opening = facts.first_event if facts else "session.created"
        self._session_type = facts.session_type if facts else None
        self._stage = _Stage.NEW
        self._count = 0
        self._conversation_announced = False
        self._event_ids: BoundedDict[None] = BoundedDict(MAX_REMEMBERED_EVENT_IDS)
        self._items = ItemOrder(dialect)
        self._responses = ResponseOrder(self._items)

    def feed(self, event: Mapping[str, object]) -> list[Violation]:
        """Check the next event (decoded JSON). Return its violations, usually none."""
        event_type = get_text(event, "type") or ""
        found = [Violation(rule, self._count, event_type, message) for rule, message in self._check(event_type, event)]
        self._count += 1
        return found

    def finish(self) -> list[Violation]:
        """Return what was left open. Only for a session at rest: a connection that was cut leaves things open."""
        if self._stage in {_Stage.REFUSED, _Stage.CLOSED}:
            return []
        return [Violation(rule, self._count, "", message) for rule, message in self._left_open()]

    def _check(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        yield from self._check_fields(event_type, event)
        if event_type not in SERVER_EVENTS[self._dialect]:
            yield from self._check_dialect(event_type)
            if event_type not in _GA_NAMES and event_type not in _TOLERATED[self._dialect]:
                return
        yield from self._check_stage(event_type, event)
        yield from self._check_session(event_type, event)
        yield from self._items.feed(event_type, event)
        if event_type == "conversation.item.done":
            yield from self._responses.check_item_done(event)
        yield from self._responses.feed(_GA_NAMES.get(event_type, event_type), event)

    def _check_fields(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check the event by itself: it has its required fields, and its event_id is new."""
        missing = missing_fields(event, self._dialect, from_server=True)
        if self._dialect is Dialect.BETA:
            missing -= _OMITTED_IN_PRACTICE.get(event_type, frozenset())
        if missing:
            yield "missing-field", f"{event_type or 'the event'} lacks {', '.join(sorted(missing))}"
        event_id = get_text(event, "event_id")
        if event_id is None:
            return
        if event_id in self._event_ids:
            yield "event-id-repeated", f"{event_id} is the id of an earlier event"
        self._event_ids[event_id] = None

    def _check_dialect(self, event_type: str) -> Iterator[RuleMessage]:
        if event_type not in _EVERY_TYPE or event_type in _TOLERATED[self._dialect]:
            return
        names = " and ".join(BETA_TO_GA.get(event_type, ()))
        instead = f"; here it is {names}" if names and self._dialect is Dialect.GA else ""
        yield "event-of-other-dialect", f"{event_type} is not an event of the {self._dialect} dialect{instead}"

    def _check_stage(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        match self._stage, event_type:
            case _Stage.REFUSED, _:
                yield "event-after-fatal-error", f"{event_type} came after the error that ended the session"
            case _Stage.CLOSED, _:
                yield "event-after-session-closed", f"{event_type} came after session.closed"
            case _Stage.NEW, "error":
                self._stage = _Stage.REFUSED
            case ((_Stage.NEW | _Stage.ASSUMED), _) if event_type == self._opening:
                self._stage = _Stage.OPEN
            case _Stage.NEW, _ if event_type != "conversation.created":  # xAI's server sends this first
                self._stage = _Stage.ASSUMED
                yield "event-before-session-created", f"{event_type} came before {self._opening}"
            case _Stage.OPEN, _ if event_type in SESSION_CREATED:
                yield "session-created-twice", f"{event_type} came in a session that was already open"
            case _Stage.OPEN, "error" if str(get_object(event, "error").get("code")) in _FATAL_CODES:
                self._stage = _Stage.REFUSED
            case _Stage.OPEN, "session.closed":
                self._stage = _Stage.CLOSED

    def _check_session(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        if event_type in SESSION_CREATED | SESSION_UPDATED:
            yield from self._check_session_object(get_object(event, "session"))
        elif event_type == "conversation.created":
            yield from self._check_conversation()
        elif self._kind is SessionKind.TRANSCRIPTION and event_type.startswith("response."):
            yield "response-in-transcription", f"{event_type} came in a transcription session"

    def _check_session_object(self, session: Mapping[str, object]) -> Iterator[RuleMessage]:
        expected = self._session_type
        session_type = session.get("type", expected)
        if expected and session_type != expected:
            yield "session-of-other-kind", f"the session's type is {session_type!r}, expected {expected!r}"
        input_config = get_object(get_object(session, "audio"), "input") or session
        if input_config.get("turn_detection", "") is None:
            self._items.discard_turn()
        if "turn_detection" in input_config:
            self._items.merges_starts = get_text(get_object(input_config, "turn_detection"), "type") == "semantic_vad"

    def _check_conversation(self) -> Iterator[RuleMessage]:
        if self._conversation_announced:
            yield "conversation-created-twice", "the conversation was announced already"
        elif self._items.has_items() or self._responses.has_responses():
            yield "conversation-created-late", "the conversation is announced after its first item or response"
        self._conversation_announced = True

    def _left_open(self) -> Iterator[RuleMessage]:
        if self._stage is not _Stage.OPEN:
            yield "session-not-created", f"the session ended without {self._opening} or an error"
        yield from self._items.finish()
        yield from self._responses.finish()
