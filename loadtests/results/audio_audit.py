"""The audio audit: what the callers sent against what the simulator received. Also counts upstream dials.

Every gap in the received audio is lost audio. Missing audio at the end of a call counts only if the call ended
normally: the caller was silent for a second before it hung up (`call.py`), so a bridge that has not delivered by then
never will. Lost audio is *silently* lost unless the bridge reported as much to that caller in `audio_dropped`. Repeated
audio is unexplained unless the bridge reported it in `resentMs`.

Everything here is pure, except `finish_audit`, which waits until the bridge has closed every upstream session.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadtests.metrics.measures import FIRST_PHASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from loadtests.control.simulator import ControlClient, ReceivedAudio, UpstreamSnapshot
    from loadtests.metrics.histograms import RunMeasurements
    from loadtests.metrics.recorder import SentAudio

#: A closed call takes its upstream session with it within a second (client protocol, "End"). The rest is slack.
UPSTREAM_CLOSE_SECONDS = 6.0
_TENTHS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioAudit:
    """What became of all audio, in ms."""

    callers: int
    """Callers whose audio was audited."""
    sent_ms: float = 0
    lost_ms: float = 0
    silently_lost_ms: float = 0
    """Lost, and the bridge had not reported as much to the caller."""
    repeated_ms: float = 0
    """Received more than once, and the bridge had not reported it."""
    reordered_ms: float = 0
    crosstalk_ms: float = 0
    """Received in another caller's session."""
    untracked_ms: float = 0
    """Audio of callers that the simulator had no room to track."""
    worst_callers: tuple[tuple[int, float], ...] = ()
    """The callers that lost most, with the lost ms."""


@dataclass(frozen=True, slots=True)
class PhaseStart:
    """When a phase started, in Unix seconds."""

    phase: str
    at: float


#: How many of the callers that lost most are named.
_MAX_NAMED = 5


def audit_audio(sent_audio: Iterable[SentAudio], received: Mapping[int, ReceivedAudio]) -> AudioAudit:
    """Compare what was sent with what was received. Each caller number must occur once in `sent_audio`."""
    callers = list(sent_audio)
    lost = {sent.caller: _lost_ms(sent, received.get(sent.caller)) for sent in callers}
    matched = [(received[sent.caller], _plausible(sent.resent_ms, sent)) for sent in callers if sent.caller in received]
    worst = sorted(((caller, ms) for caller, ms in lost.items() if ms), key=lambda row: -row[1])
    return AudioAudit(
        callers=len(callers),
        sent_ms=sum(sent.sent_ms for sent in callers),
        lost_ms=sum(lost.values()),
        silently_lost_ms=sum(max(0.0, lost[sent.caller] - _plausible(sent.dropped_ms, sent)) for sent in callers),
        repeated_ms=sum(max(0.0, one.repeated_ms - resent) for one, resent in matched),
        reordered_ms=sum(one.reordered_ms for one, _ in matched),
        worst_callers=tuple(worst[:_MAX_NAMED]),
    )


def _plausible(reported_ms: float, sent: SentAudio) -> float:
    """Accept the bridge's own report of dropped or resent audio, unless it exceeds what was sent."""
    return reported_ms if reported_ms <= sent.sent_ms else 0.0


def _lost_ms(sent: SentAudio, received: ReceivedAudio | None) -> float:
    received_ms, gaps_ms = (received.received_ms, received.lost_ms) if received is not None else (0, 0)
    return gaps_ms + max(0, sent.expected_ms - received_ms - gaps_ms)


def peak_per_second(dials: Sequence[tuple[float, int]]) -> int:
    """Return the most dials in any second: any ten consecutive tenths."""
    tenths = {round(at * _TENTHS): count for at, count in dials}
    return max((sum(tenths.get(first + step, 0) for step in range(_TENTHS)) for first in tenths), default=0)


def split_by_phase(
    dials: Sequence[tuple[float, int]], phase_starts: Sequence[PhaseStart]
) -> Mapping[str, list[tuple[float, int]]]:
    """Split the dials by phase. Dials before the first phase belong to `start`.

    A tenth of a second in which a phase starts belongs to that phase.
    """
    shared: dict[str, list[tuple[float, int]]] = {}
    for at, count in dials:
        started_phases = [start.phase for start in phase_starts if start.at < at + 1 / _TENTHS]
        shared.setdefault(started_phases[-1] if started_phases else FIRST_PHASE, []).append((at, count))
    return shared


def finish_audit(
    client: ControlClient,
    sent_audio: Iterable[SentAudio],
    measurements: RunMeasurements,
    *,
    started_at: float,
    phase_starts: Sequence[PhaseStart] = (),
    open_before: int = 0,
    bridge_reports_loss: bool = True,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> AudioAudit:
    """Wait until every upstream session has closed, and record what the simulator received. Raises ControlError.

    `started_at` is the start of the run in Unix seconds. `open_before` is the number of upstream sockets before the
    run. `bridge_reports_loss` says whether the callers' protocol reports dropped and resent audio; without these
    reports, the two counts that need them stay unmeasured. Returns the audit.
    """
    snapshot = _wait_until_closed(client, open_before, sleep, clock)
    speech = replace(
        audit_audio(sent_audio, snapshot.received),
        untracked_ms=snapshot.untracked_ms,
        crosstalk_ms=snapshot.crosstalk_ms,
    )
    now = time.time() - started_at
    measurements.add_count("lost_ms", speech.lost_ms, now)
    measurements.add_count("reordered_ms", speech.reordered_ms, now)
    measurements.add_count("crosstalk_ms", speech.crosstalk_ms, now)
    if bridge_reports_loss:
        measurements.add_count("silently_lost_ms", speech.silently_lost_ms, now)
        measurements.add_count("repeated_ms", speech.repeated_ms, now)
    measurements.add_count("sessions_left", max(0, snapshot.open_sockets - open_before), now)
    _record_dials(snapshot, measurements, started_at, phase_starts)
    return speech


def _wait_until_closed(
    client: ControlClient, live_before: int, sleep: Callable[[float], object], clock: Callable[[], float]
) -> UpstreamSnapshot:
    until = clock() + UPSTREAM_CLOSE_SECONDS
    snapshot = client.snapshot()
    while snapshot.open_sockets > live_before and clock() < until:
        sleep(0.2)
        snapshot = client.snapshot()
    return snapshot


def _record_dials(
    snapshot: UpstreamSnapshot, measurements: RunMeasurements, started_at: float, phase_starts: Sequence[PhaseStart]
) -> None:
    last = measurements.phase
    for phase, dials in split_by_phase(snapshot.dials, phase_starts).items():
        measurements.phase = phase
        for at, count in dials:
            measurements.add_count("dials", count, max(0.0, at - started_at))
        measurements.add_count("dials_per_second_max", peak_per_second(dials), max(0.0, dials[-1][0] - started_at))
    measurements.phase = last
