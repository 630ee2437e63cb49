"""The audit: what was sent against what was received."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from loadtests.control.simulator import ReceivedAudio, UpstreamSnapshot
from loadtests.metrics.histograms import RunMeasurements
from loadtests.metrics.recorder import SentAudio
from loadtests.results.audio_audit import PhaseStart, audit_audio, finish_audit, peak_per_second, split_by_phase


def heard(received: int, *, lost: int = 0, repeated: int = 0, reordered: int = 0) -> ReceivedAudio:
    return ReceivedAudio(received_ms=received, lost_ms=lost, repeated_ms=repeated, reordered_ms=reordered)


def row(caller: int, sent: int, *, whole: bool = True, resent: float = 0, dropped: float = 0) -> SentAudio:
    return SentAudio(caller, sent, sent if whole else 0, resent, dropped)


def test_speech_that_arrived_whole_is_no_loss() -> None:
    audit = audit_audio([row(1, 1000), row(2, 500)], {1: heard(1000), 2: heard(500)})
    assert (audit.callers, audit.sent_ms, audit.lost_ms, audit.worst_callers) == (2, 1500, 0, ())


@pytest.mark.parametrize(
    ("sent", "received", "lost"),
    [
        (row(1, 5000), heard(4980), 20),
        (row(1, 5000, whole=False), heard(3000), 0),
        (row(1, 5000), heard(3900, lost=60), 1100),
        (row(1, 5000), heard(4940, lost=60), 60),
        (row(1, 5000, whole=False), heard(900, lost=60), 60),
        (row(1, 2000), None, 2000),
        (row(1, 2000, whole=False), None, 0),
        (row(1, 2000), heard(2020), 0),
    ],
    ids=[
        "the last word",
        "the end of a call that was cut",
        "a hole and the end",
        "a hole",
        "a hole in a call that was cut",
        "all of it",
        "all of it, and the call was cut",
        "more came than was said",
    ],
)
def test_missing_audio_is_lost_unless_the_call_was_cut_after_it(
    sent: SentAudio, received: ReceivedAudio | None, lost: float
) -> None:
    audit = audit_audio([sent], {} if received is None else {1: received})
    assert audit.lost_ms == lost
    assert audit.worst_callers == (((1, lost),) if lost else ())


def test_the_end_of_a_good_call_must_have_arrived_even_if_the_next_call_was_cut() -> None:
    both = SentAudio(1, 1000, 1000).merge(SentAudio(1, 1600, 1000, resent_ms=40, dropped_ms=20))
    assert both == SentAudio(1, 1600, 1000, 40, 20)
    assert audit_audio([both], {1: heard(1000)}).lost_ms == 0
    assert audit_audio([both], {1: heard(900)}).lost_ms == 100


def test_reported_drops_are_not_silently_lost() -> None:
    rows = [row(1, 1000, dropped=300), row(2, 1000, dropped=40), row(3, 1000)]
    audit = audit_audio(rows, {1: heard(800, lost=200), 2: heard(900, lost=100), 3: heard(1000)})
    assert audit.lost_ms == 300
    assert audit.silently_lost_ms == 60, "what was told to one caller explains nothing of another"


def test_a_bridge_that_claims_more_than_there_was_is_not_believed() -> None:
    both = {1: heard(700, lost=300, repeated=100)}
    audit = audit_audio([row(1, 1000, dropped=10_000, resent=10_000)], both)
    assert (audit.silently_lost_ms, audit.repeated_ms) == (300, 100)


def test_reported_resends_are_no_repetition_and_count_for_one_caller_only() -> None:
    both = {1: heard(1000, repeated=200), 2: heard(1000, repeated=100)}
    assert audit_audio([row(1, 1000, resent=300), row(2, 1000)], both).repeated_ms == 100


def test_the_callers_that_lost_most_are_named_worst_first() -> None:
    rows = [row(caller, 1000) for caller in range(9)]
    audit = audit_audio(rows, {caller: heard(1000 - 20 * caller, lost=20 * caller) for caller in range(9)})
    assert audit.worst_callers == ((8, 160), (7, 140), (6, 120), (5, 100), (4, 80))
    assert audit.lost_ms == sum(20 * caller for caller in range(9))


def test_callers_of_others_are_not_accounted_for() -> None:
    audit = audit_audio([row(1, 100)], {1: heard(100, reordered=20), 99: heard(1, lost=500, reordered=40)})
    assert (audit.lost_ms, audit.reordered_ms) == (0, 20)


def test_the_busiest_second_begins_anywhere() -> None:
    assert peak_per_second([(10.5, 3), (10.9, 4), (11.4, 5), (11.5, 9)]) == 18
    assert peak_per_second([(10.0, 3), (11.0, 4)]) == 4
    assert peak_per_second([]) == 0


def test_dials_belong_to_the_phase_in_which_they_were_made() -> None:
    phase_starts = [PhaseStart("storm", 20.03), PhaseStart("calm", 30.0)]
    shared = split_by_phase([(10.0, 1), (20.0, 2), (29.9, 3), (30.0, 4)], phase_starts)
    assert shared == {"start": [(10.0, 1)], "storm": [(20.0, 2), (29.9, 3)], "calm": [(30.0, 4)]}


@dataclass
class FakeControl:
    """A simulator whose sockets close one by one."""

    live: int
    asked: int = 0
    heard: dict[int, ReceivedAudio] = field(default_factory=dict)
    turned_away_ms: float = 0

    def snapshot(self) -> UpstreamSnapshot:
        self.asked += 1
        live, self.live = self.live, max(0, self.live - 1)
        dials = ((100.0, 3), (105.0, 2))
        return UpstreamSnapshot(open_sockets=live, dials=dials, received=self.heard, untracked_ms=self.turned_away_ms)


def test_it_waits_until_all_sockets_are_closed_and_records_what_the_simulator_saw() -> None:
    control, measurements, slept = FakeControl(3, heard={1: heard(80, lost=20)}), RunMeasurements(), list[float]()
    control.turned_away_ms = 60
    speech = finish_audit(
        control,  # type: ignore[arg-type]  # as much of one as is used
        [row(1, 100)],
        measurements,
        started_at=99.0,
        phase_starts=[PhaseStart("storm", 104.0)],
        open_before=1,
        sleep=slept.append,
    )
    assert control.asked == 3
    assert slept == [0.2, 0.2]
    assert (speech.lost_ms, speech.untracked_ms) == (20, 60)
    totals = {
        name: measurements.total(name) for name in ("lost_ms", "repeated_ms", "reordered_ms", "sessions_left", "dials")
    }
    assert totals == {"lost_ms": 20, "repeated_ms": 0, "reordered_ms": 0, "sessions_left": 0, "dials": 5}
    assert measurements.total("dials_per_second_max", "storm") == 2
    assert measurements.counts_by_second("dials") == {1: 3, 6: 2}


def test_without_reports_in_the_protocol_silent_losses_stay_unmeasured() -> None:
    measurements = RunMeasurements()
    finish_audit(FakeControl(0), [row(1, 100)], measurements, started_at=99.0, bridge_reports_loss=False)  # type: ignore[arg-type]  # as above
    measured = {name: measurements.total(name) for name in ("lost_ms", "silently_lost_ms", "repeated_ms")}
    assert measured == {"lost_ms": 100, "silently_lost_ms": None, "repeated_ms": None}


def test_sockets_that_stay_open_are_counted() -> None:
    control, measurements = FakeControl(4), RunMeasurements()
    finish_audit(control, [], measurements, started_at=99.0, open_before=4)  # type: ignore[arg-type]  # as much of one as is used
    assert measurements.total("sessions_left") == 0
    stays = StaysOpen(2)
    now = iter(range(0, 1000, 2))
    finish_audit(stays, [], measurements, started_at=99.0, sleep=lambda _: None, clock=lambda: next(now))  # type: ignore[arg-type]  # same
    assert measurements.total("sessions_left") == 2


class StaysOpen(FakeControl):
    def snapshot(self) -> UpstreamSnapshot:
        return UpstreamSnapshot(open_sockets=self.live, dials=(), received={})
