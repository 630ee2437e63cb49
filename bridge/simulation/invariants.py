"""What must hold in every run: one function for each promise of the client protocol.

Each reads the record of a run and of one of its connections, and yields every violation. Where a broken link or a
client that left makes a promise void, the function says so.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from bridge.client_protocol.errors import ERROR_WINDOW_SECONDS
from bridge.client_protocol.fields import parse_timestamp
from bridge.client_protocol.messages import BRIDGE_MESSAGES, is_native
from bridge.core.client_items import ANNOUNCEMENTS
from bridge.core.spending.caps import Caps
from bridge.protocol.events.groups import SESSION_CREATED
from bridge.simulation.service import announcement_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.simulation.connection import ConnectionRecord, ReceivedMessage
    from bridge.simulation.record import RunRecord
    from bridge.simulation.service import Announcement

#: Everything that belongs to a client is gone this long after it left (client protocol, "End").
CLEANUP_SECONDS = 1.0
#: For the close itself: the last messages, and two Close frames.
CLOSE_SECONDS = 4.5
#: Timestamps have whole milliseconds.
_ROUNDING = 0.0011
#: How the ids of the native events begin that the bridge makes: those that end a lost response.
_BRIDGE_EVENTS = "event_bridge_"


def speech_is_accounted_for(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """Speech arrives once and in order, or is sent again as reported, or is reported as dropped."""
    report = connection.service.tracer_account.counts({connection.source.caller: connection.source.sent_ms})
    count = report[connection.source.caller]
    resent, dropped = connection.resent_ms, connection.logged_dropped_ms
    if len(report) > 1 or connection.service.tracer_account.other_ms:
        yield "audio of another caller arrived"
    if count.damaged_ms:
        yield f"{count.damaged_ms:g} ms arrived damaged"
    if count.repeated_ms > resent + 1:
        yield f"{count.repeated_ms} ms arrived twice, {resent:g} ms were reported as sent again"
    if count.reordered_ms > resent + 1:
        yield f"{count.reordered_ms} ms arrived out of order, {resent:g} ms were reported as sent again"
    missing = connection.missing_speech(within_heard=True)
    if missing > dropped + 1:
        yield f"{missing} ms of speech are missing in the middle, {dropped:g} ms were dropped"
    if connection.verified and connection.missing_speech() > connection.reported_dropped_ms + 1:
        reported = connection.reported_dropped_ms
        yield f"{connection.missing_speech()} ms of speech never arrived, {reported:g} ms were reported as dropped"


def nothing_is_sent_before_ready(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """Only the configuration reaches a session that hasn't confirmed it."""
    if connection.service.early_events:
        yield f"{connection.service.early_events[0]} arrived before the session was confirmed"


def errors_are_throttled(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """At most one error in any window, except for the last one before the bridge closes the socket."""
    closed_by_bridge = all(name != "client.gone" for _, name, _ in connection.log_events)
    pairs = list(pairwise(_error_times(connection)))
    for index, (earlier, later) in enumerate(pairs):
        is_last = index == len(pairs) - 1
        if later - earlier < ERROR_WINDOW_SECONDS - _ROUNDING and not (is_last and closed_by_bridge):
            yield f"two errors within {later - earlier:.3f} s"


def _error_times(connection: ConnectionRecord) -> list[float]:
    """Return the times of the errors that are throttled. Native errors have no timestamp: their times are in the log.

    The answer to an SDK's own event is not throttled, nor is the end of its session.
    """
    if connection.native:
        sent = [(at, fields) for at, name, fields in connection.log_events if name == "error.sent"]
        ends = {at for at, name, _ in connection.log_events if name in ("session.failed", "session.closed")}
        return [at for at, fields in sent if "eventId" not in fields and at not in ends]
    times = (parse_timestamp(one.body["timestamp"]) for one in connection.received if one.type == "error")
    return [at for at in times if at is not None]


def final_errors_are_delivered(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """A client that stays gets an error for every session that failed. An SDK's socket is closed with it.

    To stay is to read, and to wait for as long as an error may be held back; those of an SDK are not.
    """
    closed = connection.native and _closed_by_bridge(connection) and connection.link.broken_at is None
    if not connection.verified and not connection.problem and not closed:  # it left, or its socket was cut
        return
    errors = [(one.at, str(one.body["code"])) for one in connection.received if one.type == "error"]
    held_back = 0.0 if connection.native else ERROR_WINDOW_SECONDS
    for at, name, fields in connection.log_events:
        if name != "session.failed" or max(at + held_back, connection.reads_from) >= connection.left_at:
            continue
        if not any(received_at >= at and (connection.native or code == fields["code"]) for received_at, code in errors):
            yield f"the session failed with {fields['code']} and the client got no error"


def generations_only_grow(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """The generation never goes back, except in an error that was held back."""
    newest = 0
    for message in connection.received:
        generation = message.body.get("generation")
        if generation is None:
            continue
        if generation < newest and message.type != "error":
            yield f"{message.type} of generation {generation} came after generation {newest}"
        newest = max(newest, generation)


def events_are_complete_and_in_order(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """A client receives a prefix of what each session sent, and nothing of an earlier session late."""
    recorder = connection.service.recorder
    ignored = recorder.truncated | (recorder.session_events if connection.native else set())
    received: dict[str, list[str]] = {}
    announced: set[Announcement] = set()
    newest = ""
    for message in connection.received:
        event_id = message.body.get("event_id")
        if message.type in ANNOUNCEMENTS:
            announced.add(announcement_of(message.type, message.body))
        if not isinstance(event_id, str) or event_id in ignored or event_id.startswith(_BRIDGE_EVENTS):
            continue
        session = event_id[6:20]
        if session != newest and session in received:
            yield f"{message.type} of an earlier session was forwarded"
        newest = session
        received.setdefault(session, []).append(event_id)
    if connection.counts["(audio)"]:  # audio deltas arrived as binary frames, which have no ids
        return
    for session, ids in received.items():
        known = {one for one, item in recorder.announcements.items() if item in announced} - set(ids)
        ignored_here = ignored | known if connection.native else ignored
        sent = [one for one in recorder.sent.get(session, []) if one not in ignored_here]
        if ids != sent[: len(ids)]:
            yield f"the events of session {session} were not forwarded as they were sent"


_NO_CLOSE_FRAME = 1006


def items_are_announced_once(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """An SDK is told of each item once, whichever sessions had it, and not again once it is gone."""
    if not connection.native:
        return
    announced: dict[Announcement, object] = {}
    gone: set[object] = set()
    for message in connection.received:
        if message.type == "conversation.item.deleted":
            gone.add(message.body.get("item_id"))
        if message.type not in ANNOUNCEMENTS:
            continue
        event_id, item = message.body.get("event_id"), announcement_of(message.type, message.body)
        if announced.setdefault(item, event_id) != event_id:  # a fault of the service sends a frame twice, with its id
            yield f"{message.type} came again for {item[1]}"
        if item[1] in gone:
            yield f"{message.type} came for {item[1]}, which is gone"


def responses_end(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """Every response that an SDK saw begin ends once, whatever happened to its session; the next one begins after.

    A fault of the service may cut a frame: if it was one of these two, no client could see it.
    """
    if not connection.native:
        return
    frames_cut = any(name == "upstream.unreadable" for _, name, _ in connection.log_events)
    active: dict[str, tuple[bool, float]] = {}
    repeated: set[object] = set()
    for message in connection.received:
        event_id = message.body.get("event_id")
        if message.type not in ("response.created", "response.done") or (event_id and event_id in repeated):
            continue  # a fault of the service sends a frame twice, with its id
        repeated.add(event_id)
        response_id, in_conversation = _response_of(message)
        if message.type == "response.done":
            if active.pop(response_id, None) is None and not frames_cut:
                yield f"{response_id} ended and was not open"
            continue
        if in_conversation and any(one for one, _ in active.values()):
            yield f"{response_id} began while another response was open"
        active[response_id] = in_conversation, message.at
    for response_id, (_in_conversation, began_at) in active.items():
        if _closed_properly(connection) or _lost_between(connection, began_at, connection.left_at - CLOSE_SECONDS):
            yield f"{response_id} never ended"


def _lost_between(connection: ConnectionRecord, first: float, last: float) -> bool:
    """Whether a client that stayed to the end lost its session between these times."""
    return connection.verified and any(
        name == "session.lost" and first < at < last for at, name, _ in connection.log_events
    )


def _response_of(message: ReceivedMessage) -> tuple[str, bool]:
    """Give the id of a response, and whether it is in the conversation."""
    response = message.body.get("response")
    known = response if isinstance(response, dict) else {}
    return str(known.get("id")), known.get("conversation_id", "") is not None


def _closed_by_bridge(connection: ConnectionRecord) -> bool:
    """Whether the bridge closed the socket after it had sent everything. A slow client doesn't get everything."""
    code, reason, by_peer = connection.closed or (None, "", False)
    return code is not None and by_peer and reason != "SLOW_CONSUMER"


def _closed_properly(connection: ConnectionRecord) -> bool:
    """Whether the bridge closed the socket with a Close frame: a connection that was reset is cut anywhere."""
    return _closed_by_bridge(connection) and connection.closed is not None and connection.closed[0] != _NO_CLOSE_FRAME


def one_upstream_at_a_time(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """A session is closed before the next one is opened, or within a second after."""
    ends = [link.near for link in connection.service.links]
    for older, newer in pairwise(ends):
        if older.closed_at is None or older.closed_at > newer.opened_at + CLEANUP_SECONDS:
            yield f"two upstream sessions at {newer.opened_at:.3f} s"


def nothing_leaks(run: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """Within a second after the bridge can know that a client left, no upstream session and no task of it is left."""
    known_at = connection.link.far.sees_end_at
    for link in connection.service.links:
        closed_at = link.near.closed_at
        if closed_at is None and connection.served_until is not None:
            yield "an upstream session was left open"
        elif closed_at is not None and closed_at > max(known_at, link.near.opened_at) + CLEANUP_SECONDS + _ROUNDING:
            yield f"an upstream session ended {closed_at - known_at:.3f} s after its client"
    if connection.served_until is None:
        could_know = not connection.link.silent and known_at + CLOSE_SECONDS <= run.ended_at
        if could_know or run.hung:
            yield "tasks were left running"
        return
    closes = connection.closed is not None or run.drained_at is not None
    if connection.served_until > known_at + (CLOSE_SECONDS if closes else CLEANUP_SECONDS) + _ROUNDING:
        yield f"tasks ended {connection.served_until - known_at:.3f} s after their client"


def messages_are_complete(_: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """Every message is valid by the client protocol; an SDK receives native events and errors only."""
    if connection.native:
        yield from _only_native(connection)
        return
    for message in connection.received:
        known = BRIDGE_MESSAGES.get(message.type)
        if known is not None:
            yield from (f"{message.type}: {problem}" for problem in known.problems(message.body))
        elif not is_native(message.type) and message.type != "(audio)":
            yield f"unknown message type {message.type}"
    if connection.received and connection.received[0].type != "connected":
        yield f"the first message was {connection.received[0].type}"


def _only_native(connection: ConnectionRecord) -> Iterator[str]:
    for message in connection.received:
        if not is_native(message.type) and message.type != "error":
            yield f"an SDK knows no event of type {message.type}"
    if connection.received and connection.received[0].type not in _NATIVE_FIRST:
        yield f"the first event was {connection.received[0].type}"


#: What an SDK may receive first.
_NATIVE_FIRST = SESSION_CREATED | {"error"}


def clients_recover(run: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """Once the faults have ended, a client that stays gets a session, an answer, and an account of all its speech."""
    if connection.problem and run.drained_at is None:
        yield connection.problem


def caps_hold(run: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """Past a cap no session is opened and one answer begun at most; and only a cap ends a session for it."""
    caps, log = run.plan.caps, connection.log_events
    if connection.capped and caps == Caps():
        yield f"a session ended for {connection.capped}, and there is no cap"
    tokens, exhausted_at = 0.0, math.inf
    for at, name, fields in log:
        if name == "usage.counted":
            tokens += sum(fields[kind] for kind in ("input_text", "input_audio", "output_text", "output_audio"))
            exhausted_at = min(exhausted_at, at) if tokens >= caps.max_tokens else exhausted_at
        if name == "upstream.opening" and at > exhausted_at:
            yield "a session was opened past the cap of tokens"
    begun = {event_id for at, event_id in connection.service.recorder.responses_begun if at > exhausted_at}
    if len(begun) > 1:
        yield f"{len(begun)} answers were begun past the cap of tokens"
    first = next((at for at, name, _ in log if name == "upstream.opening"), math.inf)
    ended = connection.served_until
    if ended is not None and ended > first + caps.max_session_seconds + CLOSE_SECONDS:
        yield f"a connection was served for {ended - first:.3f} s, longer than its cap"


def bridge_raises_no_exceptions(run: RunRecord, connection: ConnectionRecord) -> Iterator[str]:
    """Neither the bridge nor the simulator raises an unexpected exception, and nothing hangs."""
    for error in (*run.errors, *connection.service.errors):
        yield f"{type(error).__name__}: {error}"
    if run.hung:
        yield "the run never ended"


INVARIANTS: tuple[Callable[[RunRecord, ConnectionRecord], Iterator[str]], ...] = (
    speech_is_accounted_for,
    nothing_is_sent_before_ready,
    errors_are_throttled,
    final_errors_are_delivered,
    generations_only_grow,
    events_are_complete_and_in_order,
    items_are_announced_once,
    responses_end,
    one_upstream_at_a_time,
    nothing_leaks,
    messages_are_complete,
    clients_recover,
    caps_hold,
    bridge_raises_no_exceptions,
)
"""Every invariant; each must find the defect that a test builds into the bridge for it."""


def find_violations(run: RunRecord) -> list[str]:
    """Check every invariant on every connection; give each violation with the connection's and the invariant's name."""
    return [
        f"{connection.name}: {check.__name__}: {violation}"
        for connection in run.connections
        for check in INVARIANTS
        for violation in dict.fromkeys(check(run, connection))
    ]
