"""The facts of one session, collected entry by entry: what scripts wait for and what the verdict judges.

The only input is capture entries, so a session read from a file gives the same facts as a live one. Event names are
those of the GA dialect, whichever dialect the server speaks. Nothing here judges, and nothing here reads a clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.client_protocol.native_errors import bridge_code
from bridge.protocol.dialects.detection import BETA_TO_GA, Dialect, SessionKind, detect_dialect
from bridge.protocol.events.groups import SESSION_CREATED, TEXT_DELTAS, TRANSCRIPT_DELTAS
from probes.conversation.ordering import TEXT_RULE, EventOrder
from probes.conversation.response_facts import COMPLETED, ResponseFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.protocol.dialects.detection import DetectedDialect
    from probes.recording.capture import CaptureEntry

#: Marker entry of the script: the user's turn has ended, and a response is due. The value is part of capture files.
TURN_ENDED = "turn over"
#: Marker entry of the script, followed by a name: the next sent event is invalid. The value is part of capture files.
INVALID_SENT = "invalid: "
#: Errors that only mean that two messages crossed on the way.
HARMLESS_ERRORS = frozenset({"response_cancel_not_active"})
#: What a client sends to interrupt a response: to a service, and to a bridge.
_INTERRUPTIONS = frozenset({"response.cancel", "interrupt"})
_TRANSCRIPTION = "conversation.item.input_audio_transcription."
#: Messages of a bridge after which its upstream session is a new one.
_NEW_UPSTREAM = frozenset({"reconnecting", "session_initializing"})
#: Error code of a bridge's native endpoint: the upstream session was lost and replaced. A notice, not a failure.
_NOT_RESTORED = "session_not_restored"


@dataclass(frozen=True, slots=True)
class ReceivedError:
    """An error and the index of the entry that carried it. `native` is False for an error message of a bridge."""

    index: int
    fields: Mapping[str, Any]
    """The error object of the event, or the bridge's whole message."""
    native: bool = True


@dataclass(slots=True)
class SessionFacts:
    """The facts of one session. `requested_dialect` applies until the first event shows which dialect is spoken."""

    requested_dialect: Dialect
    kind: SessionKind = SessionKind.CONVERSATION
    entry_times: list[float] = field(default_factory=list)
    """Time of each entry."""
    detected_dialect: DetectedDialect | None = None
    """What the session.created event shows; None before it."""
    session: Mapping[str, Any] = field(default_factory=dict)
    """The session object that the server sent last."""
    session_id: str = ""
    first_event_at: float | None = None
    opened_at: float | None = None
    ready_at: float | None = None
    ready_index: int = -1
    """Index of the entry that confirmed the configuration."""
    turns_ended_at: list[float] = field(default_factory=list)
    """When each turn of the user ended."""
    invalid_sent: list[tuple[int, str]] = field(default_factory=list)
    """Invalid events that the script sent: index of the marker before each, and its name."""
    interruptions: list[tuple[int, float]] = field(default_factory=list)
    """Index and time of each interruption that the client sent."""
    speech_starts: list[tuple[int, float]] = field(default_factory=list)
    """Index and time of each start of speech that turn detection reported."""
    responses: dict[str, ResponseFacts] = field(default_factory=dict)
    finished_responses: list[ResponseFacts] = field(default_factory=list)
    usages: list[tuple[bool, Mapping[str, Any]]] = field(default_factory=list)
    """What each response and each transcript took, as the server told it; True for a response."""
    committed_items: list[str] = field(default_factory=list)
    transcriptions: dict[str, ReceivedError | None] = field(default_factory=dict)
    """Finished transcriptions by item id, with the error of those that failed."""
    user_item_ids: list[str] = field(default_factory=list)
    event_counts: Counter[str] = field(default_factory=Counter)
    """Number of server events by GA name."""
    wire_event_counts: Counter[str] = field(default_factory=Counter)
    """Number of server events by the name that they had on the wire."""
    errors: list[ReceivedError] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    violations: list[tuple[int, str, str]] = field(default_factory=list)
    """Violated ordering rules: index of the entry, rule, message."""
    upstream_losses: list[tuple[int, str]] = field(default_factory=list)
    """Index of each entry by which a bridge reports a lost and replaced upstream session, with the reason."""
    _upstream_session: str = ""
    """Id in the last session.updated; empty once a bridge has reported that it opens another session."""
    _order: EventOrder = field(init=False)

    def __post_init__(self) -> None:
        self._order = EventOrder(self.requested_dialect, self.kind)

    @property
    def dialect(self) -> Dialect:
        """The dialect of the session: detected, or the requested one until then."""
        return (self.detected_dialect.dialect if self.detected_dialect else None) or self.requested_dialect

    @property
    def transcribes(self) -> bool:
        """Whether the session transcribes the user's speech."""
        transcription = _inner(_inner(self.session, "audio"), "input").get("transcription")
        return bool(transcription or self.session.get("input_audio_transcription"))

    @property
    def speaks(self) -> bool | None:
        """Whether responses are audio; None if the session object does not say."""
        modalities = self.session.get("output_modalities") or self.session.get("modalities")
        return "audio" in modalities if isinstance(modalities, list) else None

    @property
    def pending_transcriptions(self) -> list[str]:
        """Committed items whose transcription has not finished; empty if the session does not transcribe."""
        return [item for item in self.committed_items if item not in self.transcriptions] if self.transcribes else []

    def feed(self, entry: CaptureEntry) -> bool:
        """Take the next entry. Return whether it is progress of the other side; repeated frames and errors are not."""
        index = len(self.entry_times)
        self.entry_times.append(entry.at)
        match entry.who:
            case "server" | "bridge" if entry.unreadable:
                self.unreadable.append((index, entry.unreadable))
                return False
            case "server":
                return self._take_server_event(entry, index)
            case "bridge":
                return self._take_bridge_message(entry, index)
            case "client" if entry.type in _INTERRUPTIONS:
                self.interruptions.append((index, entry.at))
            case "probe" if entry.type == TURN_ENDED:
                self.turns_ended_at.append(entry.at)
            case "probe" if entry.type.startswith(INVALID_SENT):
                self.invalid_sent.append((index, entry.type.removeprefix(INVALID_SENT)))
        return False

    def _take_error(self, index: int, error: Mapping[str, Any]) -> None:
        if bridge_code(error) == _NOT_RESTORED:
            self.upstream_losses.append((index, str(error.get("message") or "")))
        else:
            self.errors.append(ReceivedError(index, error))

    def session_updated(self, index: int) -> None:
        """Compare the session that answers with the one before: another one means that a bridge has replaced it."""
        found = str(self.session.get("id") or "")
        if self._upstream_session and found and found != self._upstream_session:
            self.upstream_losses.append((index, "session.updated of another session"))
        self._upstream_session = found or self._upstream_session

    def response(self, response_id: object, at: float) -> ResponseFacts:
        """Return the response with this id, creating it if no response.created announced it."""
        return self.responses.setdefault(str(response_id), ResponseFacts(str(response_id), at))

    def mark_ready(self, at: float, index: int) -> None:
        """Set when the configuration was confirmed. Only the first call counts: a bridge confirms a second time."""
        if self.ready_at is None:
            self.ready_at, self.ready_index = at, index

    def open_at_end(self) -> list[tuple[str, str]]:
        """Return the ordering rules that still wait for an event, with messages. Only for a session at rest."""
        return list(self._order.finish())

    def _take_bridge_message(self, entry: CaptureEntry, index: int) -> bool:
        if entry.type == "error":
            self.errors.append(ReceivedError(index, entry.event, native=False))
            return False
        if entry.type == "session_ready":
            self.mark_ready(entry.at, index)
        if entry.type in _NEW_UPSTREAM and self.opened_at is not None:
            if entry.type == "reconnecting":
                self.upstream_losses.append((index, str(entry.event.get("reason") or "")))
            self._upstream_session = ""
            self._order.restart()
        return True

    def _take_server_event(self, entry: CaptureEntry, index: int) -> bool:
        event, name = _with_text_codes(entry.event), _ga_name(entry.type)
        self.first_event_at = entry.at if self.first_event_at is None else self.first_event_at
        if self._order.is_repeat(event):
            self.repeats.append(index)
            return False
        self.wire_event_counts[entry.type] += 1
        self.event_counts[name] += 1
        violations = self._order.feed(event)
        if entry.differs and not any(rule == TEXT_RULE for rule, _ in violations):
            violations.append((TEXT_RULE, ""))
        self.violations += [(index, rule, message) for rule, message in violations]
        if name == "error":
            self._take_error(index, _inner(event, "error"))
            return False
        if (handle := _HANDLERS.get(name)) is not None:
            handle(self, entry, index)
        return True


def _with_text_codes(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the event with code and type of its error as text: servers may send anything, and both are looked up."""
    error = _inner(event, "error")
    odd = {key: str(error[key]) for key in ("code", "type") if not isinstance(error.get(key), str | None)}
    return {**event, "error": {**error, **odd}} if odd else event


def _inner(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _ga_name(name: str) -> str:
    return BETA_TO_GA[name][0] if name in BETA_TO_GA else name


def _on_session_created(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    facts.session = _inner(entry.event, "session")
    facts.session_id = str(facts.session.get("id") or "")
    if facts.detected_dialect is None and entry.type in SESSION_CREATED:
        facts.detected_dialect, facts.opened_at = detect_dialect(entry.event), entry.at


def _on_session_updated(facts: SessionFacts, entry: CaptureEntry, index: int) -> None:
    facts.session = _inner(entry.event, "session")
    facts.session_updated(index)
    facts.mark_ready(entry.at, index)


def _on_speech_started(facts: SessionFacts, entry: CaptureEntry, index: int) -> None:
    facts.speech_starts.append((index, entry.at))


def _on_committed(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    facts.committed_items.append(str(entry.event.get("item_id")))


def _on_item_added(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    item = _inner(entry.event, "item")
    if item.get("role") == "user":
        facts.user_item_ids.append(str(item.get("id")))


def _on_transcript(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    facts.transcriptions[str(entry.event.get("item_id"))] = None
    facts.usages.append((False, _inner(entry.event, "usage")))


def _on_transcription_failed(facts: SessionFacts, entry: CaptureEntry, index: int) -> None:
    facts.transcriptions[str(entry.event.get("item_id"))] = ReceivedError(index, _inner(entry.event, "error"))


def _on_response_created(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    facts.response(_inner(entry.event, "response").get("id"), entry.at)


def _on_response_done(facts: SessionFacts, entry: CaptureEntry, index: int) -> None:
    ended = _inner(entry.event, "response")
    response = facts.response(ended.get("id"), entry.at)
    details = _inner(ended, "status_details")
    response.status, response.reason = str(ended.get("status") or COMPLETED), str(details.get("reason") or "")
    response.error, response.done_index, response.done_at = _inner(details, "error"), index, entry.at
    if response not in facts.finished_responses:
        facts.finished_responses.append(response)
        facts.usages.append((True, _inner(ended, "usage")))


def _on_output_item_added(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    item = _inner(entry.event, "item")
    if item.get("type") == "message":
        facts.response(entry.event.get("response_id"), entry.at).item_id = str(item.get("id"))


def _on_output_item_done(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    item = _inner(entry.event, "item")
    if item.get("type") == "function_call":
        call = (str(item.get("call_id")), str(item.get("name")))
        facts.response(entry.event.get("response_id"), entry.at).function_calls.append(call)


def _on_text_delta(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    response = facts.response(entry.event.get("response_id"), entry.at)
    response.first_text_at = entry.at if response.first_text_at is None else response.first_text_at
    response.characters += len(str(entry.event.get("delta") or ""))


def _on_audio_delta(facts: SessionFacts, entry: CaptureEntry, _index: int) -> None:
    response = facts.response(entry.event.get("response_id"), entry.at)
    response.audio_chunks.append((entry.at, entry.audio_ms))
    item_id = str(entry.event.get("item_id") or response.item_id)
    response.spoken[item_id] = response.spoken.get(item_id, 0.0) + entry.audio_ms
    response.audible = response.audible or not entry.silent


#: What each event, by GA name, adds to the facts.
_HANDLERS: Mapping[str, Callable[[SessionFacts, CaptureEntry, int], None]] = {
    "session.created": _on_session_created,
    "session.updated": _on_session_updated,
    "input_audio_buffer.speech_started": _on_speech_started,
    "input_audio_buffer.committed": _on_committed,
    "conversation.item.added": _on_item_added,
    f"{_TRANSCRIPTION}completed": _on_transcript,
    f"{_TRANSCRIPTION}failed": _on_transcription_failed,
    "response.created": _on_response_created,
    "response.done": _on_response_done,
    "response.output_item.added": _on_output_item_added,
    "response.output_item.done": _on_output_item_done,
    "response.output_audio.delta": _on_audio_delta,
    **dict.fromkeys(TEXT_DELTAS | TRANSCRIPT_DELTAS, _on_text_delta),
}
