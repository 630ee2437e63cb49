"""One call over a real socket on loopback: how it starts, how it talks, and every way it can end."""

from __future__ import annotations

import json
import time
from random import Random
from typing import TYPE_CHECKING, Any, cast

import gevent
import pytest

from bridge.protocol.audio.tracer import TracerReceiver, TracerSource
from loadtests.callers.backoff import Backoff
from loadtests.callers.call import CallOutcome, CallTarget, VoiceCall
from loadtests.callers.session import new_session
from loadtests.callers.speech_clock import SpeechClock
from loadtests.metrics.recorder import ProcessRecorder
from loadtests.scenarios.behaviour import CallerBehaviour
from tests.loadtests.gevent_bridge import GeventBridge, ServedCaller, StallingSocket, gevent_bridge, good_bridge
from tests.retry import retried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadtests.callers.websocket import CallerSocket

QUICK = CallerBehaviour(chunk_ms=20, speech_ms=200, start_spread_ms=0)


@pytest.fixture(autouse=True)
def within_a_minute() -> Iterator[None]:
    with gevent.Timeout(60):
        yield


class StopSwitch:
    """Tells a call to stop when the test says so."""

    now = False

    def __call__(self) -> bool:
        return self.now


def call_to(
    url: str, behaviour: CallerBehaviour = QUICK, quiet_seconds: float = 0.05
) -> tuple[VoiceCall, ProcessRecorder]:
    recorder = ProcessRecorder(fire=lambda **_: None)
    due = time.monotonic()
    session = new_session(
        behaviour,
        TracerSource(7),
        speech_clock=SpeechClock(behaviour.chunk_ms, behaviour.speech_ms, due),
        recorder=recorder,
        backoff=Backoff(Random(1)),
    )
    return VoiceCall(CallTarget(url, "gpt-realtime-2.1"), session, due, quiet_seconds=quiet_seconds), recorder


def counts(recorder: ProcessRecorder) -> dict[str, float]:
    """Counts without the chunks."""
    recorder.flush()
    measurements = recorder.measurements
    return {
        name: measurements.total(name) or 0
        for name in measurements.measured_names()
        if name not in {"chunks", "sent_ms", "pace_lag"}
    }


def until_accepted(running: GeventBridge, greenlet: gevent.Greenlet[Any, Any]) -> None:
    """Wait until the bridge has the caller, which takes its time on a busy machine."""
    while not greenlet.ready() and not any(caller.path for caller in running.callers):
        gevent.sleep(0.002)


def make_call(
    script: Callable[[ServedCaller], None], seconds: float = 0.3, behaviour: CallerBehaviour = QUICK
) -> tuple[CallOutcome, ProcessRecorder, list[ServedCaller], VoiceCall]:
    """Call a bridge with this script, and stop after some time."""
    stop = StopSwitch()
    with gevent_bridge(script) as running:
        call, recorder = call_to(running.url, behaviour)
        greenlet = gevent.spawn(call.run, stop)
        until_accepted(running, greenlet)
        greenlet.join(timeout=seconds)
        stop.now = True
        return greenlet.get(), recorder, running.callers, call


def heard(caller: ServedCaller) -> Any:
    account = TracerReceiver()
    account.feed(caller.speech)
    account.finish()
    return account.counts()[7]


def test_a_good_call_sends_what_it_records_and_ends_normally() -> None:
    outcome, recorder, (caller,), _ = make_call(good_bridge, 0.4)
    assert outcome is CallOutcome.COMPLETED
    (spoken,) = recorder.sent_audio
    assert spoken.expected_ms == spoken.sent_ms
    assert spoken.sent_ms > 0
    assert heard(caller).received_ms == spoken.sent_ms
    assert heard(caller).clean
    assert caller.types() == ["create_session", "end_session"]
    assert caller.close_code == 1000
    assert counts(recorder) == {"calls": 1, "connect": 1, "ready": 1, "unfinished_turns": 1}


def stopped_after(
    seconds: float, script: Callable[[ServedCaller], None], quiet_seconds: float
) -> tuple[ProcessRecorder, ServedCaller]:
    """Call, and stop after some time."""
    stop = StopSwitch()
    with gevent_bridge(script) as running:
        call, recorder = call_to(running.url, quiet_seconds=quiet_seconds)
        greenlet = gevent.spawn(call.run, stop)
        until_accepted(running, greenlet)
        greenlet.join(timeout=seconds)
        stop.now = True
        greenlet.get()
        (caller,) = running.callers
        return recorder, caller


@pytest.mark.alone
@retried()
def test_a_caller_is_silent_for_a_moment_before_it_hangs_up() -> None:
    recorder, caller = stopped_after(0.2, good_bridge, quiet_seconds=0.5)
    assert caller.types()[-1] == "end_session"
    *_, last_word, goodbye = caller.received_at
    assert 0.45 < goodbye - last_word < 1
    assert recorder.sent_audio[0].expected_ms == recorder.sent_audio[0].sent_ms


def test_a_session_lost_during_the_final_silence_need_not_deliver_its_end() -> None:
    def loses(caller: ServedCaller) -> None:
        caller.send("connected", clientId="c", protocol=1)
        caller.send("session_ready", generation=1)
        gevent.sleep(0.3)
        caller.send("reconnecting", attempt=1, generation=1)
        while True:
            caller.receive()

    recorder, _ = stopped_after(0.1, loses, quiet_seconds=0.5)
    assert recorder.sent_audio[0].expected_ms == 0


def test_reported_drops_are_recorded_with_the_sent_audio() -> None:
    def drops(caller: ServedCaller) -> None:
        caller.send("connected", clientId="c", protocol=1)
        caller.send("audio_dropped", ms=60, chunks=3, reason="too_old")
        good_bridge(caller)

    recorder, _ = stopped_after(0.1, drops, quiet_seconds=0.05)
    assert recorder.sent_audio[0].dropped_ms == 60


@pytest.mark.alone
@retried()
def test_stopping_is_quick() -> None:
    began = time.monotonic()
    make_call(good_bridge, 0.1)
    assert time.monotonic() - began < 1


def test_a_call_with_a_number_of_turns_hangs_up_by_itself() -> None:
    with gevent_bridge(good_bridge) as running:
        call, recorder = call_to(running.url, CallerBehaviour(sends_text=True, turns=2, pause_ms=20))
        assert call.run(lambda: False) is CallOutcome.COMPLETED
    assert (counts(recorder)["turns"], counts(recorder)["first_text"]) == (2, 2)


def test_a_killed_call_ends_normally() -> None:
    with gevent_bridge(good_bridge) as running:
        call, recorder = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        until_accepted(running, greenlet)
        greenlet.join(timeout=0.2)
        greenlet.kill(timeout=60)
        (caller,) = running.callers
        assert caller.types()[-1] == "end_session"
    assert recorder.sent_audio[0].expected_ms == recorder.sent_audio[0].sent_ms
    assert "unclean_ends" not in counts(recorder)


def test_a_bridge_that_does_not_confirm_the_end_is_left_and_counted() -> None:
    def unresponsive(caller: ServedCaller) -> None:
        caller.send("connected")
        caller.send("session_ready", generation=1)
        while True:
            caller.receive()

    with gevent_bridge(unresponsive) as running:
        call, recorder = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        until_accepted(running, greenlet)
        greenlet.join(timeout=0.1)
        greenlet.kill(block=False)
        gevent.sleep(0.05)
        greenlet.kill(timeout=60)  # the second kill does not wait
        assert greenlet.ready()
    assert recorder.sent_audio[0].expected_ms == 0


def test_audio_sent_without_a_session_need_not_arrive() -> None:
    def never_ready(caller: ServedCaller) -> None:
        caller.send("connected")
        while True:
            if "end_session" in str(caller.receive()):
                caller.send("session_closed", reason="ended")

    outcome, recorder, _, _ = make_call(never_ready, behaviour=CallerBehaviour(speaks_before_ready=True))
    assert outcome is CallOutcome.COMPLETED
    assert recorder.sent_audio[0].expected_ms == 0


def after_ready(*last: Callable[[ServedCaller], None]) -> Callable[[ServedCaller], None]:
    """Be a bridge that has a session and then does this."""

    def script(caller: ServedCaller) -> None:
        caller.send("connected")
        caller.receive()
        caller.send("session_ready", generation=1)
        caller.receive()
        for phase in last:
            phase(caller)

    return script


@pytest.mark.parametrize(
    ("script", "counted"),
    [
        (after_ready(lambda caller: caller.close(1011)), {"endings_without_error": 1}),
        (after_ready(lambda _: None), {"endings_without_error": 1}),
        (after_ready(lambda one: one.send("error", code="X"), lambda one: one.close(1011)), {"errors": 1}),
        (
            after_ready(
                lambda caller: caller.send("session_closed", reason="draining"), lambda caller: caller.close(1001)
            ),
            {},
        ),
    ],
    ids=["closed for no reason", "broken off", "closed behind an error", "drained"],
)
def test_a_call_that_the_bridge_ends_is_lost_and_its_end_is_judged(
    script: Callable[[ServedCaller], None], counted: dict[str, float]
) -> None:
    outcome, recorder, _, call = make_call(script)
    assert outcome is CallOutcome.LOST
    assert call.session.lifecycle.lost_at is not None
    assert counts(recorder) == {"calls": 1, "connect": 1, "ready": 1, **counted}
    assert recorder.sent_audio[0].expected_ms == 0


def test_an_early_error_right_before_a_close_is_excused_and_another_is_not() -> None:
    def two(caller: ServedCaller) -> None:
        for _ in range(2):
            caller.send("error", code="X")

    _, recorder, _, _ = make_call(after_ready(two, lambda caller: caller.close(1011)))
    assert "error_window_violations" not in counts(recorder)

    def stays(caller: ServedCaller) -> None:
        while "end_session" not in str(caller.receive()):
            pass
        caller.send("session_closed", reason="ended")
        caller.receive()

    _, recorder, _, _ = make_call(after_ready(two, stays))
    assert counts(recorder)["error_window_violations"] == 1


def test_a_call_that_is_cut_ends_at_once_and_is_no_loss() -> None:
    with gevent_bridge(good_bridge) as running:
        call, recorder = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        until_accepted(running, greenlet)
        greenlet.join(timeout=0.2)
        call.cut()
        assert greenlet.get(timeout=60) is CallOutcome.CUT
        assert running.callers[0].close_code is None
    assert call.session.lifecycle.lost_at is not None
    assert recorder.sent_audio[0].expected_ms == 0
    assert "endings_without_error" not in counts(recorder)


def test_a_refused_connection_is_a_failed_connect() -> None:
    with gevent_bridge(good_bridge) as running:
        url = running.url
    call, recorder = call_to(url)
    assert call.run(lambda: False) is CallOutcome.REFUSED
    assert counts(recorder) == {"calls": 1, "failed_connects": 1}
    assert recorder.attempts.failed == 1
    assert recorder.sent_audio == []


def test_a_socket_without_a_first_frame_is_a_failed_connect() -> None:
    outcome, recorder, _, _ = make_call(lambda _: None)
    assert outcome is CallOutcome.REFUSED
    assert counts(recorder) == {"calls": 1, "failed_connects": 1}


def test_a_session_that_cannot_be_had_ends_the_call() -> None:
    def poor(caller: ServedCaller) -> None:
        caller.send("connected")
        caller.receive()
        caller.send("error", code="QUOTA_EXHAUSTED", retryable=False)
        caller.receive()

    with gevent_bridge(poor) as running:
        call, recorder = call_to(running.url)
        assert call.run(lambda: False) is CallOutcome.REFUSED
    assert counts(recorder)["failed_calls"] == 1


def test_what_is_no_message_ends_no_call() -> None:
    def odd(caller: ServedCaller) -> None:
        caller.protocol.send_text(b"[1]")
        caller.protocol.send_text(b"no json")
        caller._flush()
        good_bridge(caller)

    outcome, recorder, _, _ = make_call(odd)
    assert outcome is CallOutcome.COMPLETED
    assert counts(recorder)["ready"] == 1


@pytest.mark.alone
@retried()
def test_a_slow_reader_reads_no_faster_than_its_rate() -> None:
    taken: list[float] = []

    def generous(caller: ServedCaller) -> None:
        caller.send("connected")
        caller.receive()
        caller.send("session_ready", generation=1)
        for _ in range(10_000):
            caller.send_bytes(bytes(960))
            taken.append(time.monotonic())
        while "end_session" not in str(caller.receive()):
            pass
        caller.send("session_closed", reason="ended")
        caller.receive()

    behaviour = CallerBehaviour(speech_ms=100, read_bytes_per_second=20_000)
    _, recorder, _, _ = make_call(generous, 0.5, behaviour)
    in_the_first_half_second = len([at for at in taken if at < taken[0] + 0.5]) * 960
    assert in_the_first_half_second < 3_500_000  # what kernels hold on loopback; an eager reader takes all ten MB
    assert counts(recorder)["calls"] == 1


@pytest.mark.alone
@retried()
def test_a_target_that_makes_us_wait_makes_the_caller_late_and_not_the_generator() -> None:
    call, recorder = call_to("ws://127.0.0.1:1", CallerBehaviour(chunk_ms=20, speech_ms=5000))
    call.open_socket = lambda *_, **__: cast("CallerSocket", StallingSocket())
    began = time.monotonic()
    call.run(lambda: time.monotonic() > began + 0.6)
    recorder.flush()
    assert recorder.measurements.total("chunks") == pytest.approx(5, abs=2)
    assert (recorder.measurements.percentile("pace_lag", 50) or 0) < 20


def test_an_end_that_only_closes_the_socket_is_unclean() -> None:
    def curt(caller: ServedCaller) -> None:
        caller.send("connected")
        caller.receive()
        caller.send("session_ready", generation=1)
        while "end_session" not in str(caller.receive()):
            pass
        caller.close(1000)

    outcome, recorder, _, _ = make_call(curt)
    assert outcome is CallOutcome.COMPLETED
    assert counts(recorder)["unclean_ends"] == 1
    assert recorder.sent_audio[0].expected_ms == 0


def test_the_native_endpoint_gets_base64_and_ends_with_a_close() -> None:
    def native(caller: ServedCaller) -> None:
        caller.send("session.created")
        while True:
            for frame in caller.receive():
                if json.loads(frame)["type"] == "session.update":
                    caller.send("session.updated")

    outcome, recorder, (caller,), _ = make_call(native, behaviour=CallerBehaviour(endpoint="native", speech_ms=200))  # type: ignore[arg-type]  # as a command line says it
    assert outcome is CallOutcome.COMPLETED
    assert caller.path.startswith("/v1/realtime?model=")
    assert set(caller.types()) == {"session.update", "input_audio_buffer.append"}
    assert caller.close_code == 1000
    assert recorder.sent_audio[0].expected_ms == recorder.sent_audio[0].sent_ms
