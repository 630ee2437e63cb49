"""What must hold in every run, one function each: they read the books of a visit and yield what is broken.

The promises are those of the client protocol; where a link or a client that left makes one void, the function says so.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bridge.protocol.events.groups import SESSION_CREATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bridge.simulation.connection import ConnectionRecord, ReceivedMessage
    from bridge.simulation.runner import SimulationRun

#: Everything of a client that left is gone after so long (the client protocol's own figure).
CLEANUP_SECONDS = 1.0
#: Saying goodbye itself: what was told last, and two Close frames.
CLOSE_SECONDS = 4.5
ERROR_WINDOW_SECONDS = 2.0
#: Times of day are written in whole milliseconds.
_ROUNDING = 0.0011


def speech_is_accounted_for(_: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """Every word arrived once and in order, or was sent again as told, or was reported as dropped."""
    report = visit.service.tracer_account.counts({visit.source.caller: visit.source.sent_ms})
    count = report[visit.source.caller]
    if len(report) > 1 or visit.service.tracer_account.other_ms:
        yield "audio of somebody else arrived"
    if count.damaged_ms:
        yield f"{count.damaged_ms:g} ms arrived hurt"
    if count.repeated_ms > visit.resent_ms + 1:
        yield f"{count.repeated_ms} ms arrived twice, {visit.resent_ms:g} ms were sent again"
    if count.reordered_ms > visit.resent_ms + 1:
        yield f"{count.reordered_ms} ms arrived out of order, {visit.resent_ms:g} ms were sent again"
    missing = visit.missing_speech(within_heard=True)
    if missing > visit.logged_dropped_ms + 1:
        yield f"{missing} ms of speech are missing in the middle, {visit.logged_dropped_ms:g} ms were given up"
    if visit.verified and visit.missing_speech() > visit.reported_dropped_ms + 1:
        yield f"{visit.missing_speech()} ms of speech never arrived, {visit.reported_dropped_ms:g} ms were reported"


def nothing_is_sent_before_ready(_: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """Nothing but the configuration reaches a session that has not confirmed it."""
    if visit.service.early_events:
        yield f"{visit.service.early_events[0]} arrived before the session was confirmed"


def errors_are_throttled(_: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """At most one error in any window, but for the last one before the bridge closes the socket."""
    by_bridge = all(name != "client.gone" for _, name, _ in visit.log_events)
    if visit.native:  # its errors do not say when they were told
        times = [at for at, name, _ in visit.log_events if name == "error.sent"]
    else:
        times = [_time(told) for told in visit.received if told.type == "error"]
    pairs = list(pairwise(times))
    last = len(pairs) - 1
    for index, (earlier, later) in enumerate(pairs):
        if later - earlier < ERROR_WINDOW_SECONDS - _ROUNDING and not (index == last and by_bridge):
            yield f"two errors within {later - earlier:.3f} s"


def final_errors_are_delivered(_: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """Whoever stays is told of every session that failed. An SDK's socket ends with it."""
    ended = visit.native and visit.closed is not None and visit.closed[1].startswith("bridge_error.")
    if not visit.verified and not visit.problem and not ended:  # it left, or its socket was cut
        return
    told = [(told.at, str(told.body["code"])) for told in visit.received if told.type == "error"]
    for at, name, fields in visit.log_events:
        if name != "session.failed" or at >= visit.left_at:
            continue
        if not any(when >= at and code == fields["code"] for when, code in told):
            yield f"the session failed with {fields['code']} and the client was not told"


def generations_only_grow(_: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """The generation never goes back; an error that had to wait speaks of the session it came from."""
    newest = 0
    for told in visit.received:
        generation = told.body.get("generation")
        if generation is None:
            continue
        if generation < newest and told.type != "error":
            yield f"{told.type} of generation {generation} came behind generation {newest}"
        newest = max(newest, generation)


def events_are_complete_and_in_order(_: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """What the client got of a session is the beginning of what the service sent; nothing of an old one comes late."""
    witness = visit.service.recorder
    unlike = witness.truncated | (witness.session_events if visit.native else set())
    got: dict[str, list[str]] = {}
    newest = ""
    for told in visit.received:
        name = told.body.get("event_id")
        if not isinstance(name, str) or name in unlike:
            continue
        stem = name[6:20]
        if stem != newest and stem in got:
            yield f"{told.type} of an earlier session was forwarded"
        newest = stem
        got.setdefault(stem, []).append(name)
    if visit.counts["(speech)"]:  # audio deltas came as bytes: they have no ids
        return
    for stem, names in got.items():
        sent = [name for name in witness.sent.get(stem, []) if name not in unlike]
        if names != sent[: len(names)]:
            yield f"the events of session {stem} were not forwarded as they were sent"


def one_upstream_at_a_time(_: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """A session is let go before, or within a second after, the next one is opened."""
    ends = [link.near for link in visit.service.links]
    for older, newer in pairwise(ends):
        if older.closed_at is None or older.closed_at > newer.opened_at + CLEANUP_SECONDS:
            yield f"two upstream sessions at {newer.opened_at:.3f}"


def nothing_leaks(world: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """Within a second after the bridge can know that a client left, no upstream session and no task of it is left."""
    knows_at = visit.link.far.sees_end_at
    parting = visit.closed is not None or world.drained_at is not None
    for link in visit.service.links:
        closed_at = link.near.closed_at
        if closed_at is None and visit.served_until is not None:
            yield "an upstream session was left behind"
        elif closed_at is not None and closed_at > max(knows_at, link.near.opened_at) + CLEANUP_SECONDS + _ROUNDING:
            yield f"an upstream session ended {closed_at - knows_at:.3f} s after its client"
    if visit.served_until is None:
        could_know = not visit.link.silent and knows_at + CLOSE_SECONDS <= world.ended_at
        if could_know or world.hung:
            yield "tasks were left behind"
    elif visit.served_until > knows_at + (CLOSE_SECONDS if parting else CLEANUP_SECONDS) + _ROUNDING:
        yield f"tasks ended {visit.served_until - knows_at:.3f} s after their client"


def messages_are_complete(_: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """Every message has a time and the fields of its row; an SDK is told native events and errors only."""
    if visit.native:
        yield from _only_native(visit)
        return
    for told in visit.received:
        wanted = FIELDS.get(told.type)
        if wanted is None:
            if "." not in told.type and told.type != "(speech)":
                yield f"there is no message of type {told.type}"
            continue
        missing = {*wanted, "timestamp"} - set(told.body)
        if missing:
            yield f"{told.type} lacks {', '.join(sorted(missing))}"
    if visit.received and visit.received[0].type != "connected":
        yield f"the first message was {visit.received[0].type}"


def _only_native(visit: ConnectionRecord) -> Iterator[str]:
    for told in visit.received:
        if "." not in told.type and told.type not in _NATIVE_ERRORS:
            yield f"an SDK knows no event of type {told.type}"
    if visit.received and visit.received[0].type not in _NATIVE_FIRST:
        yield f"the first event was {visit.received[0].type}"


#: What the bridge's own native errors are read as, and what an SDK may hear first.
_NATIVE_ERRORS = frozenset({"error", "audio_dropped", "session_not_restored"})
_NATIVE_FIRST = _NATIVE_ERRORS | SESSION_CREATED


def clients_recover(world: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """Once the faults have stopped, whoever stays gets a session, an answer, and an account of every word."""
    if visit.problem and world.drained_at is None:
        yield visit.problem


def bridge_raises_no_exceptions(world: SimulationRun, visit: ConnectionRecord) -> Iterator[str]:
    """No exception gets as far as a door, here or at the service, and nothing hangs."""
    for error in (*world.errors, *visit.service.errors):
        yield f"{type(error).__name__}: {error}"
    if world.hung:
        yield "the run never ended"


#: The messages about a session all carry their generation.
_ABOUT_SESSION: Mapping[str, tuple[str, ...]] = {
    "session_initializing": ("attempt", "maxAttempts"),
    "session_ready": ("message", "sessionId", "model", "dialect", "bufferedChunks", "bufferedMs"),
    "reconnecting": ("attempt", "maxAttempts", "delayMs", "reason"),
    "reconnected": ("message", "sessionId", "heldMs", "resentMs", "restored", "lost"),
    "session_expiring": ("expiresAt",),
    "audio_dropped": ("chunks", "ms", "messages", "reason"),
    "session_closed": ("reason",),
    "error": ("code", "message", "retryable", "suppressed"),
}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "connected": ("clientId", "protocol"),
    "pong": (),
    **{name: (*fields, "generation") for name, fields in _ABOUT_SESSION.items()},
}

INVARIANTS: tuple[Callable[[SimulationRun, ConnectionRecord], Iterator[str]], ...] = (
    speech_is_accounted_for,
    nothing_is_sent_before_ready,
    errors_are_throttled,
    final_errors_are_delivered,
    generations_only_grow,
    events_are_complete_and_in_order,
    one_upstream_at_a_time,
    nothing_leaks,
    messages_are_complete,
    clients_recover,
    bridge_raises_no_exceptions,
)


def find_violations(world: SimulationRun) -> list[str]:
    """Judge a run: everything that does not hold, with who and which."""
    return [
        f"{visit.name}: {check.__name__}: {fault}"
        for visit in world.connections
        for check in INVARIANTS
        for fault in dict.fromkeys(check(world, visit))
    ]


def _time(told: ReceivedMessage) -> float:
    stamp: Any = told.body["timestamp"]
    return datetime.fromisoformat(stamp).timestamp()
