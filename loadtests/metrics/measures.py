"""Every figure that a load test measures, by its stable name: what budgets, reports and Locust's own page call it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class MeasureKind(StrEnum):
    """How a figure adds up."""

    DURATION = "duration"
    """Milliseconds, many of them: percentiles are asked for."""
    COUNT = "count"
    """A sum."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. Less is better, unless it says otherwise."""

    name: str
    kind: MeasureKind
    meaning: str
    more_is_better: bool = False


_DURATIONS = (
    ("connect", "from the moment a call was due to begin to the bridge's first frame"),
    ("ready", "from create_session to session_ready"),
    ("first_text", "from the end of speech, or the typed turn, to the first text of the answer"),
    ("first_audio", "from the end of speech, or the typed turn, to the first audio of the answer"),
    ("turn", "from the end of speech, or the typed turn, to response.done"),
    ("audio_gap", "how long the caller would have heard nothing in the middle of an answer"),
    ("reconnect", "from the loss of a session, as the caller sees it, to the next one that is ready"),
    ("pace_lag", "how late this generator itself sent a chunk of speech: beyond 20 ms its other figures are doubtful"),
)
_COUNTS = (
    ("calls", "calls that were begun", True),
    ("turns", "turns that were answered", True),
    ("chunks", "chunks of speech that were sent", True),
    ("sent_ms", "speech that was sent", True),
    ("lost_ms", "speech that was sent and never arrived upstream"),
    ("silently_lost_ms", "speech that was lost and of which no audio_dropped told the caller"),
    ("repeated_ms", "speech that arrived more than once, without the bridge having said that it sends it again"),
    ("reordered_ms", "speech that arrived behind later speech"),
    ("crosstalk_ms", "speech that came to another caller's session upstream, or in another caller's answer"),
    ("echoed_ms", "speech that came back in an answer, where the service echoes", True),
    ("resent_ms", "speech that the bridge said it sent again to a fresh session"),
    ("dropped_ms", "speech that the bridge said it gave up"),
    ("errors", "error messages that callers got, but for those that only told them to wait"),
    ("told_to_wait", "error messages that only said that what was sent is held: SESSION_NOT_READY, NO_SESSION_EXISTS"),
    ("error_window_violations", "errors that came within two seconds of the one before, to the same caller"),
    ("endings_without_error", "sockets that the bridge closed for a fault without saying which"),
    ("stale_events", "events of a generation that was over"),
    ("failed_connects", "calls that never got a socket, or no first frame"),
    ("failed_calls", "calls that got a socket and never a session"),
    ("stranded_calls", "calls without a session of which the bridge said nothing more: no attempt, and no error"),
    ("mute_sessions", "callers who had a session and waited eight seconds without a sign of any answer"),
    ("silent_answers", "answers without any audio"),
    ("uncalled_ends", "sessions that the bridge called over though nobody had asked, and they were not too old"),
    ("left_waiting", "callers who hung up more than twelve seconds behind a loss that was never mended"),
    ("unanswered_turns", "turns to which no answer came"),
    ("unfinished_turns", "turns whose answer was still under way when the caller hung up: no fault of anybody"),
    ("passed_over_ms", "speech that was due while there was no session to speak to, or that could not go out in time"),
    ("reconnections", "sessions that a fresh one replaced, in the middle of a call"),
    ("unclean_ends", "calls that asked for their end and did not get it in good order"),
    ("dials", "sockets that the simulator saw opened"),
    ("dials_per_second_max", "the most of them in any second"),
    ("sessions_left", "sockets upstream that are still open after every call has ended"),
    ("memory_grown_mb", "by how many MB the bridge's memory grew, from its first steady moment to its highest"),
)

#: Durations are kept in microseconds from one on, which stands for nothing.
MIN_US = 1
#: What happens before the first act of a scenario belongs to this phase.
FIRST_PHASE = "start"
#: Counts that are a peak: of several phases the highest stands for the run, not their sum.
PEAK_MEASURES = frozenset({"dials_per_second_max"})

MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        *(Measure(name, MeasureKind.DURATION, meaning) for name, meaning in _DURATIONS),
        *(Measure(name, MeasureKind.COUNT, meaning, *more) for name, meaning, *more in _COUNTS),
    )
}
