"""What is known of a session, entry by entry: the facts that scripts wait for and that the verdict judges.

It sees entries only, so a kept session gives the same facts as the live one. Names of events are GA's here, whatever
was spoken. It judges nothing and knows no clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.protocol.dialects.detection import BETA_TO_GA, Dialect, SessionKind, detect_dialect
from bridge.protocol.events.groups import SESSION_CREATED, TEXT_DELTAS, TRANSCRIPT_DELTAS
from probes.conversation.ordering import TEXT_RULE, EventOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.protocol.dialects.detection import DetectedDialect
    from probes.recording.capture import CaptureEntry

#: A remark of the script: the user's turn is over, from here on an answer is waited for.
TURN_ENDED = "turn over"
#: Errors that say nothing but that two things crossed on the way.
HARMLESS_ERRORS = frozenset({"response_cancel_not_active"})
COMPLETED = "completed"
_TRANSCRIPTION = "conversation.item.input_audio_transcription."
#: A bridge's own messages that say that the upstream session is another one from here on.
_AFRESH = frozenset({"reconnecting", "session_initializing"})
#: A bridge's word at its native door that the session was lost and opened again; it is no fault of its own.
_NOT_RESTORED = "session_not_restored"


@dataclass(slots=True)
class ResponseFacts:
    """One response, as far as it has come. Times are seconds since the run began."""

    id: str
    created_at: float
    status: str = ""
    """Empty while it runs."""
    reason: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)
    done_index: int = -1
    """Of the entry that ended it."""
    done_at: float = 0.0
    item_id: str = ""
    """The last thing that it began to say."""
    first_text_at: float | None = None
    characters: int = 0
    audio_chunks: list[tuple[float, float]] = field(default_factory=list)
    """Each piece: when it came, and its length in ms."""
    audible: bool = False
    function_calls: list[tuple[str, str]] = field(default_factory=list)
    """Functions that it calls: call id and name."""

    @property
    def audio_ms(self) -> float:
        """How much audio came."""
        return sum(ms for _, ms in self.audio_chunks)

    @property
    def interrupted(self) -> bool:
        """Whether the user's own speech ended it, as turn detection does by itself."""
        return self.status == "cancelled" and self.reason == "turn_detected"


@dataclass(frozen=True, slots=True)
class ReceivedError:
    """An error of some kind, with the entry that told it. `native` is False for a bridge's own error."""

    index: int
    error: Mapping[str, Any]
    native: bool = True


@dataclass(slots=True)
class SessionFacts:
    """The facts of one session. `asked` is the dialect that was asked for."""

    requested_dialect: Dialect
    kind: SessionKind = SessionKind.CONVERSATION
    entry_times: list[float] = field(default_factory=list)
    """When each entry came."""
    detected_dialect: DetectedDialect | None = None
    """What the opening event gave away; None before it."""
    session: Mapping[str, Any] = field(default_factory=dict)
    """As the server showed it last."""
    session_id: str = ""
    first_event_at: float | None = None
    opened_at: float | None = None
    ready_at: float | None = None
    ready_index: int = -1
    """Of the entry that confirmed the configuration."""
    turns_ended_at: list[float] = field(default_factory=list)
    """When each turn of the user was over."""
    responses: dict[str, ResponseFacts] = field(default_factory=dict)
    finished_responses: list[ResponseFacts] = field(default_factory=list)
    committed_items: list[str] = field(default_factory=list)
    transcriptions: dict[str, ReceivedError | None] = field(default_factory=dict)
    """Transcriptions that have ended, by item; with the error where they failed."""
    user_item_ids: list[str] = field(default_factory=list)
    event_counts: Counter[str] = field(default_factory=Counter)
    """Native events, by GA's names."""
    wire_event_counts: Counter[str] = field(default_factory=Counter)
    """The same by the names that they came under."""
    errors: list[ReceivedError] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    violations: list[tuple[int, str, str]] = field(default_factory=list)
    """Rules of order that were broken: entry, rule, what was seen."""
    upstream_losses: list[tuple[int, str]] = field(default_factory=list)
    """Where a bridge lost its upstream session and opened another one, and what it says of that."""
    _order: EventOrder = field(init=False)

    def __post_init__(self) -> None:
        self._order = EventOrder(self.requested_dialect, self.kind)

    @property
    def dialect(self) -> Dialect:
        """What is spoken, as far as it is known."""
        return (self.detected_dialect.dialect if self.detected_dialect else None) or self.requested_dialect

    @property
    def transcribes(self) -> bool:
        """Whether what is said in this session is written down."""
        heard = _inner(_inner(self.session, "audio"), "input").get("transcription")
        return bool(heard or self.session.get("input_audio_transcription"))

    @property
    def speaks(self) -> bool | None:
        """Whether answers are audio in this session; None where it does not say."""
        modalities = self.session.get("output_modalities") or self.session.get("modalities")
        return "audio" in modalities if isinstance(modalities, list) else None

    @property
    def pending_transcriptions(self) -> list[str]:
        """Turns whose transcription is still to come."""
        return [item for item in self.committed_items if item not in self.transcriptions] if self.transcribes else []

    def feed(self, entry: CaptureEntry) -> bool:
        """Take the next entry. Gives whether the other end moved on: repeated frames and errors are no progress."""
        index = len(self.entry_times)
        self.entry_times.append(entry.at)
        match entry.who:
            case "server" | "bridge" if entry.unreadable:
                self.unreadable.append((index, entry.unreadable))
                return False
            case "server":
                return self._native(entry, index)
            case "bridge":
                return self._of_bridge(entry, index)
            case "probe" if entry.type == TURN_ENDED:
                self.turns_ended_at.append(entry.at)
        return False

    def _failed(self, index: int, error: Mapping[str, Any]) -> None:
        if is_bridge_error(error) and error.get("code") == _NOT_RESTORED:
            self.upstream_losses.append((index, str(error.get("message") or "")))
        else:
            self.errors.append(ReceivedError(index, error))

    def response(self, name: object, at: float) -> ResponseFacts:
        """Give the response of this id; a new one where nothing announced it, so that none is lost from view."""
        return self.responses.setdefault(str(name), ResponseFacts(str(name), at))

    def mark_ready(self, at: float, index: int) -> None:
        """The configuration is confirmed; by a bridge, which confirms it too, for the second time."""
        if self.ready_at is None:
            self.ready_at, self.ready_index = at, index

    def open_at_end(self) -> list[tuple[str, str]]:
        """Say what is left open: rules and what was seen. Only for a session that came to rest."""
        return list(self._order.finish())

    def _of_bridge(self, entry: CaptureEntry, index: int) -> bool:
        if entry.type == "error":
            self.errors.append(ReceivedError(index, entry.event, native=False))
            return False
        if entry.type == "session_ready":
            self.mark_ready(entry.at, index)
        if entry.type in _AFRESH and self.opened_at is not None:
            if entry.type == "reconnecting":
                self.upstream_losses.append((index, str(entry.event.get("reason") or "")))
            self._order.restart()
        return True

    def _native(self, entry: CaptureEntry, index: int) -> bool:
        event, name = _with_a_name(entry.event), _ga_name(entry.type)
        self.first_event_at = entry.at if self.first_event_at is None else self.first_event_at
        if self._order.is_repeat(event):
            self.repeats.append(index)
            return False
        self.wire_event_counts[entry.type] += 1
        self.event_counts[name] += 1
        broken = self._order.feed(event)
        if entry.differs and not any(rule == TEXT_RULE for rule, _ in broken):
            broken.append((TEXT_RULE, ""))
        self.violations += [(index, rule, message) for rule, message in broken]
        if name == "error":
            self._failed(index, _inner(event, "error"))
            return False
        if (take := _TAKERS.get(name)) is not None:
            take(self, entry, index)
        return True


def _with_a_name(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give an event whose error is named by text, as everything here looks it up; servers may send anything."""
    error = _inner(event, "error")
    odd = {key: str(error[key]) for key in ("code", "type") if not isinstance(error.get(key), str | None)}
    return {**event, "error": {**error, **odd}} if odd else event


def is_bridge_error(error: Mapping[str, Any]) -> bool:
    """Whether a native error is a bridge's own word, not the service's."""
    return error.get("type") == "bridge_error"


def _inner(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _ga_name(name: str) -> str:
    return BETA_TO_GA[name][0] if name in BETA_TO_GA else name


def _opened(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    account.session = _inner(entry.event, "session")
    account.session_id = str(account.session.get("id") or "")
    if account.detected_dialect is None and entry.type in SESSION_CREATED:
        account.detected_dialect, account.opened_at = detect_dialect(entry.event), entry.at


def _updated(account: SessionFacts, entry: CaptureEntry, index: int) -> None:
    account.session = _inner(entry.event, "session")
    account.mark_ready(entry.at, index)


def _committed(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    account.committed_items.append(str(entry.event.get("item_id")))


def _item(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    item = _inner(entry.event, "item")
    if item.get("role") == "user":
        account.user_item_ids.append(str(item.get("id")))


def _transcript(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    account.transcriptions[str(entry.event.get("item_id"))] = None


def _no_transcript(account: SessionFacts, entry: CaptureEntry, index: int) -> None:
    account.transcriptions[str(entry.event.get("item_id"))] = ReceivedError(index, _inner(entry.event, "error"))


def _created(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    account.response(_inner(entry.event, "response").get("id"), entry.at)


def _ended(account: SessionFacts, entry: CaptureEntry, index: int) -> None:
    told = _inner(entry.event, "response")
    answer = account.response(told.get("id"), entry.at)
    details = _inner(told, "status_details")
    answer.status, answer.reason = str(told.get("status") or COMPLETED), str(details.get("reason") or "")
    answer.error, answer.done_index, answer.done_at = _inner(details, "error"), index, entry.at
    if answer not in account.finished_responses:
        account.finished_responses.append(answer)


def _output(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    item = _inner(entry.event, "item")
    account.response(entry.event.get("response_id"), entry.at).item_id = str(item.get("id"))


def _output_done(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    item = _inner(entry.event, "item")
    if item.get("type") == "function_call":
        call = (str(item.get("call_id")), str(item.get("name")))
        account.response(entry.event.get("response_id"), entry.at).function_calls.append(call)


def _text(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    answer = account.response(entry.event.get("response_id"), entry.at)
    answer.first_text_at = entry.at if answer.first_text_at is None else answer.first_text_at
    answer.characters += len(str(entry.event.get("delta") or ""))


def _audio(account: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    answer = account.response(entry.event.get("response_id"), entry.at)
    answer.audio_chunks.append((entry.at, entry.audio_ms))
    answer.audible = answer.audible or not entry.silent


#: What each event, by GA's name, adds to the account.
_TAKERS: Mapping[str, Callable[[SessionFacts, CaptureEntry, int], None]] = {
    "session.created": _opened,
    "session.updated": _updated,
    "input_audio_buffer.committed": _committed,
    "conversation.item.added": _item,
    f"{_TRANSCRIPTION}completed": _transcript,
    f"{_TRANSCRIPTION}failed": _no_transcript,
    "response.created": _created,
    "response.done": _ended,
    "response.output_item.added": _output,
    "response.output_item.done": _output_done,
    "response.output_audio.delta": _audio,
    **dict.fromkeys(TEXT_DELTAS | TRANSCRIPT_DELTAS, _text),
}
