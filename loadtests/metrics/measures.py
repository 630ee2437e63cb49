"""Every measurement of a load test by its stable name, as budgets, reports and Locust's web UI use it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class MeasureKind(StrEnum):
    """How values of a measurement are combined."""

    DURATION = "duration"
    """Many values in ms, from which percentiles are computed."""
    COUNT = "count"
    """A sum."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement. Lower is better unless it says otherwise."""

    name: str
    kind: MeasureKind
    meaning: str
    more_is_better: bool = False


_DURATIONS = (
    ("connect", "from the moment when a call was due to start until the bridge's first frame"),
    ("ready", "from create_session until session_ready"),
    ("first_text", "from the end of speech (or the text turn) until the first text of the answer"),
    ("first_audio", "from the end of speech (or the text turn) until the first audio of the answer"),
    ("turn", "from the end of speech (or the text turn) until response.done"),
    ("audio_gap", "longest silence inside an answer, as the caller hears it"),
    ("reconnect", "from the loss of a session, as the caller sees it, until the next one is ready"),
    ("pace_lag", "how late the load generator sent a chunk; above 20 ms, other measurements are unreliable"),
)
_COUNTS = (
    ("calls", "calls started", True),
    ("turns", "turns answered", True),
    ("chunks", "chunks of audio sent", True),
    ("sent_ms", "audio sent", True),
    ("lost_ms", "audio sent that never arrived upstream"),
    ("silently_lost_ms", "lost audio that the bridge did not report in audio_dropped"),
    ("repeated_ms", "audio that arrived more than once and was not reported as resent"),
    ("reordered_ms", "audio that arrived after later audio"),
    ("crosstalk_ms", "audio that arrived in another caller's upstream session or answer"),
    ("echoed_ms", "audio that came back in an answer, if the service echoes", True),
    ("resent_ms", "audio that the bridge reported as resent to a new session"),
    ("dropped_ms", "audio that the bridge reported as dropped"),
    ("errors", "error messages received, except those counted in told_to_wait"),
    ("told_to_wait", "errors SESSION_NOT_READY and NO_SESSION_EXISTS: the bridge buffers what was sent"),
    ("upstream_errors", "errors among them that pass on what the service reported"),
    ("unanswered_messages", "times that a caller sent invalid messages and got no error for 5 s"),
    ("error_window_violations", "errors sent to the same caller less than 2 s after the previous one"),
    ("endings_without_error", "sockets that the bridge closed because of a fault without sending the error"),
    ("stale_events", "events of an earlier generation (a session that has been replaced)"),
    ("failed_connects", "calls that got no socket, or no first frame"),
    ("failed_calls", "calls that got a socket but no session"),
    ("stranded_calls", "calls without a session about which the bridge sends no news: no attempt, no error"),
    ("mute_sessions", "sessions in which the caller waited 8 s without any part of an answer"),
    ("silent_answers", "answers without audio"),
    ("uncalled_ends", "sessions that the bridge ended without a request, and not because of their age"),
    ("left_waiting", "callers who hung up without a session more than 12 s after losing theirs"),
    ("unanswered_turns", "turns that got no answer"),
    ("unfinished_turns", "turns whose answer was still running when the caller hung up (not a fault)"),
    ("passed_over_ms", "audio not sent because there was no session, or because it was too late"),
    ("reconnections", "sessions replaced by a new one during a call"),
    ("unclean_ends", "calls that asked to end and were not ended properly"),
    ("dials", "upstream connection attempts, as the simulator counts them"),
    ("dials_per_second_max", "the most upstream connection attempts in one second"),
    ("input_tokens", "tokens of input that responses and transcripts took, cached or not"),
    ("cached_tokens", "the part of them that was cached"),
    ("output_tokens", "tokens of output that responses and transcripts took"),
    ("transcribed_ms", "transcribed speech that is paid for by its length"),
    ("cost_usd", "cost of all responses and transcripts in US dollars, if every model has a known price"),
    ("unpriced", "responses and transcripts without a known price"),
    ("sessions_left", "upstream sockets still open after every call has ended"),
    (
        "memory_grown_mb",
        "lasting growth of the bridge's memory in MB: the rate after warm-up, over the whole run",
    ),
)

#: Durations are stored in microseconds; 1 stands for 0.
MIN_US = 1
#: Everything before the first phase of a scenario belongs to this phase.
FIRST_PHASE = "start"
#: What responses and transcripts took: known only if the service tells it.
SPENDING_MEASURES = (
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "transcribed_ms",
    "cost_usd",
    "unpriced",
)
#: Counts that are a maximum: the run's value is the highest phase, not the sum.
PEAK_MEASURES = frozenset({"dials_per_second_max"})

MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        *(Measure(name, MeasureKind.DURATION, meaning) for name, meaning in _DURATIONS),
        *(Measure(name, MeasureKind.COUNT, meaning, *more) for name, meaning, *more in _COUNTS),
    )
}
