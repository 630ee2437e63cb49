"""What an exceeded budget means, and what to do next: one row per measurement. Values only.

Most budgets are upper limits. A lower limit (`turns >= 40`) is about something that did not happen, so it has a row of
its own. `URL` and `CODE` in a fix are filled in by the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtests.metrics.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtests.metrics.budgets import Budget


@dataclass(frozen=True, slots=True)
class Advice:
    """Why a budget is exceeded, and the next step."""

    cause: str
    fix: str


_WITHOUT_TARGET = (
    "Time the service without the target (sherpa-probe events --script audio); the rest is the target's own"
)
_ONE_CALL = "Watch one call from end to end: sherpa-probe bridge --url URL"
_ALONE = "Repeat it with --users 1: if it passes, the target is overloaded; if not, it is a bug"

#: Measurement -> what it means that there was too much of it, or that it took too long.
_TOO_MUCH: Mapping[str, Advice] = {
    "connect": Advice(
        "The target takes long to accept a socket: its event loop is blocked, or it looks each one up elsewhere.",
        "Watch its CPU while the callers start (--watch bridge=PID); compare with a slower --spawn-rate",
    ),
    "ready": Advice(
        "The target takes long to open a session: it waits for the service, or opens sessions one after another.",
        "Time the service without the target (sherpa-probe events --script text), then let the target open sessions in "
        "parallel",
    ),
    "first_text": Advice(
        "Answers start late: the service is slow, or the target holds audio or events back on their way.",
        _WITHOUT_TARGET,
    ),
    "first_audio": Advice(
        "Answers start late: the service is slow, or the target holds audio or events back on their way.",
        _WITHOUT_TARGET,
    ),
    "turn": Advice(
        "Answers take long to complete: the service is slow, or the target forwards its events slowly.", _WITHOUT_TARGET
    ),
    "audio_gap": Advice(
        "Audio of an answer arrives more slowly than it plays, so the caller hears gaps: the target's event loop is "
        "blocked, or it does too much work for each event.",
        "Forward audio deltas without parsing or logging them. " + _ALONE,
    ),
    "reconnect": Advice(
        "After a loss, the target waits too long before it dials again, or its attempts take long or fail.",
        "Dial at once, then back off from 0.5 s to 8 s with full jitter. To see one caller's losses with their times: "
        "--users 1 -v",
    ),
    "lost_ms": Advice(
        "Audio that callers sent never reached the service: dropped before the session was ready, with a lost session, "
        "or in a full queue.",
        "Keep audio until session.updated, and after a loss send again what has no answer yet. To see when it is lost: "
        "--users 1 -v",
    ),
    "silently_lost_ms": Advice(
        "Audio was lost and the target did not tell the caller, who goes on speaking to nobody.",
        "Send audio_dropped for whatever the target gives up, also when a session fails for good",
    ),
    "repeated_ms": Advice(
        "The service received audio twice: after a loss, the target sent audio again that was answered, or without "
        "saying so in resentMs.",
        "Drop kept audio as soon as its answer begins (input_audio_buffer.speech_stopped has the position), and report "
        "the rest in resentMs",
    ),
    "reordered_ms": Advice(
        "Later audio overtook earlier audio: live and buffered audio take different ways to the service.",
        "Send all audio of a call through one queue, and put live audio behind what is buffered",
    ),
    "crosstalk_ms": Advice(
        "Audio of one caller reached another caller's session: state is shared between calls.",
        "Look for globals, class attributes and buffers that more than one connection uses",
    ),
    "resent_ms": Advice(
        "The target sends more audio again after a loss than the budget allows.",
        "Drop kept audio as soon as its answer begins",
    ),
    "dropped_ms": Advice(
        "The target gave up audio that it held: its buffer is too short, or keeps audio for too short a time.",
        "Hold at least 30 s of audio for each call while there is no session",
    ),
    "errors": Advice(
        "Callers received errors. What the service itself said is in brackets.",
        "Look up the most frequent one: sherpa-probe explain CODE",
    ),
    "upstream_errors": Advice(
        "Callers received errors that the service reported, or whose answer failed. Its own reasons are in brackets.",
        "Look up the most frequent one: sherpa-probe explain CODE",
    ),
    "input_tokens": Advice(
        "The conversation takes more input than the budget allows: each response reads everything before it again.",
        "Shorten the instructions and tools, or let the service drop old items (truncation with a retention ratio)",
    ),
    "cached_tokens": Advice(
        "More of the input was cached than the budget allows. Cached input is cheaper.", "Limit input_tokens instead"
    ),
    "output_tokens": Advice(
        "Answers are longer than the budget allows.",
        "Ask for short answers in the instructions, and set max_output_tokens",
    ),
    "transcribed_ms": Advice(
        "More speech was transcribed than the budget allows: the length of what callers say is paid for.",
        "Switch transcription off where nobody reads it, or choose a model that is billed by tokens",
    ),
    "cost_usd": Advice(
        "The run cost more than the budget allows. The row of the cost says how much a call took.",
        "Look at input_tokens, cached_tokens and output_tokens to see what it was spent on; a smaller model costs less",
    ),
    "unpriced": Advice(
        "A model has no known price, so the cost of the run is not known. The row of the cost names the model.",
        "Remove the budget on cost_usd for this model, and set one on input_tokens and output_tokens",
    ),
    "told_to_wait": Advice(
        "Callers spoke while there was no session, and were told so.", "Hold early audio instead of refusing it"
    ),
    "unanswered_messages": Advice(
        "Callers sent invalid messages and got no error for 5 s: the target swallows them, or the code that reads the "
        "socket died of one of them.",
        "Catch errors for each message, and answer each with an error",
    ),
    "error_window_violations": Advice(
        "The target sent a caller a second error within 2 s: one fault becomes a flood.",
        "Hold further errors back for 2 s, then send the most severe one with the number of the others in `suppressed`",
    ),
    "endings_without_error": Advice(
        "The target closed sockets because of a fault and did not say which, so callers can't tell what to do.",
        "Send an error with a code before you close; on a planned end, session_closed with its reason, then close with "
        "1001",
    ),
    "stale_events": Advice(
        "Events of a session that had been replaced reached the caller.",
        "Number the upstream sessions of each call, and forward only what the newest one sends",
    ),
    "failed_connects": Advice(
        "Callers got no socket, or no first message on it. The reasons are listed, most frequent first.",
        "Read the target's log for that time. " + _ALONE,
    ),
    "failed_calls": Advice(
        "Callers got a socket but no session. The reasons are listed, most frequent first.",
        f"{_ONE_CALL}; look up a code: sherpa-probe explain CODE",
    ),
    "stranded_calls": Advice(
        "Callers had no session and heard nothing about it any more: the target stopped trying, or its throttle "
        "swallowed the last error.",
        "Announce each attempt, and always send the error that ends a session, throttled or not",
    ),
    "mute_sessions": Advice(
        "Callers spoke in a session that was there and got no part of an answer for 8 s: after a loss, the target does "
        "not forward audio or events of the new session.",
        "Check that a new upstream session gets the configuration (turn detection) and all handlers. " + _ONE_CALL,
    ),
    "silent_answers": Advice(
        "Answers had text but no audio.",
        "Check that output_modalities has audio after every session.update, and that audio deltas are forwarded",
    ),
    "uncalled_ends": Advice(
        "The target ended sessions that nobody asked it to end.",
        "Look for a timeout, or a handler that closes the call when a single response ends",
    ),
    "left_waiting": Advice(
        "Callers who lost their session had no new one 12 s later.",
        "Keep dialling after a failed attempt, with delays of at most 8 s, until the caller hangs up",
    ),
    "unanswered_turns": Advice(
        "Callers spoke and got no answer. Why answers failed is listed, as the service says it.",
        f"{_ONE_CALL}; look up a code: sherpa-probe explain CODE",
    ),
    "unfinished_turns": Advice(
        "Callers hung up while an answer was still running.", "Give answers more time: a longer --duration"
    ),
    "passed_over_ms": Advice(
        "Callers had no session when they should have spoken, or the target blocked their sends.",
        "See `ready` and `reconnect` for how long they waited. " + _ALONE,
    ),
    "reconnections": Advice(
        "Sessions were lost and replaced more often than the budget allows.",
        "Look for a proxy's idle timeout, missed pings and the service's age limit (expires_at) in the target's log",
    ),
    "unclean_ends": Advice(
        "Callers asked to end and the target did not confirm: no session_closed, or no close frame, within 3 s.",
        "Answer end_session at once and close the socket, whatever the upstream is doing",
    ),
    "dials": Advice(
        "The target opened more upstream connections than the budget allows: it dials twice, or retries too often.",
        "One attempt at a time for each call, with back-off and full jitter",
    ),
    "dials_per_second_max": Advice(
        "The target dials in bursts: callers who lost their sessions together retry together, or each dials twice.",
        "One attempt at a time for each call; a random delay between 0 and a limit that doubles (full jitter)",
    ),
    "sessions_left": Advice(
        "Upstream sockets stay open after their calls have ended. Each of them costs money until the service ends it.",
        "Close the upstream socket in a `finally` of the client connection, also if opening it was still under way",
    ),
    "memory_grown_mb": Advice(
        "Memory still grows after warm-up, so something is kept for each call, each event or each slow reader.",
        "Compare two heap snapshots a few minutes apart. Suspects: listeners and timers that are never removed, queues "
        "without a limit",
    ),
    "pace_lag": Advice(
        "The load generator itself was late, so this says nothing about the target.",
        "Use more processes (--processes N), 100 ms chunks (--chunk-ms 100), or a machine of its own",
    ),
}

#: Measurement -> what it means that there was too little of it, or that it came too early.
_TOO_LITTLE: Mapping[str, Advice] = {
    "calls": Advice("Calls take longer than planned, or callers can't connect.", _ONE_CALL),
    "turns": Advice(
        "Too few turns were answered: answers are missing, fail, or take too long.",
        f"Look at unanswered_turns and first_audio. {_ONE_CALL}",
    ),
    "errors": Advice(
        "Callers caused errors on purpose and were told of too few: the target swallows them.",
        "Send each error to its caller; hold back no more than those within 2 s of another one",
    ),
    "upstream_errors": Advice(
        "The service reported errors, and the callers were told of too few: the target swallows them.",
        "Pass each `error` event of the service on to its caller; hold back only those within 2 s of another one",
    ),
    "ready": Advice(
        "Sessions were reported as ready too early, or some callers never got one.",
        "Send session_ready only after the service has confirmed the configuration (session.updated)",
    ),
    "reconnect": Advice(
        "Callers who lost their session never got another one.",
        "Open a new upstream session when the socket closes, whatever its close code. " + _ONE_CALL,
    ),
    "reconnections": Advice(
        "Fewer sessions were replaced than were cut: the target gives up after a loss.",
        "Open a new upstream session when the socket closes, whatever its close code. " + _ONE_CALL,
    ),
    "dials": Advice(
        "Too few new sessions were opened: the target does not replace sessions before they expire.",
        "Read expires_at in session.created, and open the next session before that time",
    ),
}
_GENERAL = Advice(
    "The measured value is beyond the limit.", "For the exact meaning of a measurement: sherpa-load list --measures"
)


def advice_for(budget: Budget) -> Advice:
    """Return what it means that this budget was exceeded."""
    table = _TOO_LITTLE if budget.comparison in (">", ">=") else _TOO_MUCH
    return table.get(budget.measure, _GENERAL)


def advice_without_data(budget: Budget) -> Advice:
    """Return what it means that nothing was measured for this budget."""
    phase = f" in the phase {budget.phase}" if budget.phase else ""
    return Advice(
        f"It didn't happen once{phase}: {MEASURES[budget.measure].meaning}.",
        "Run it longer (--duration), and check that the scenario causes it: sherpa-load list SCENARIO",
    )
