"""One call over a real socket, on loopback: how it begins, how it talks, and every way that it ends."""

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
from loadtests.callers.protocols import protocol_for
from loadtests.callers.session import CallerSession
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


class Told:
    """Tells a call to stop, when the test says so."""

    now = False

    def __call__(self) -> bool:
        return self.now


def call_to(url: str, behaviour: CallerBehaviour = QUICK, breath: float = 0.05) -> tuple[VoiceCall, ProcessRecorder]:
    meter = ProcessRecorder(fire=lambda **_: None)
    due = time.monotonic()
    talk = CallerSession(
        behaviour=behaviour,
        protocol=protocol_for(behaviour),
        audio_source=TracerSource(7),
        speech_clock=SpeechClock(behaviour.chunk_ms, behaviour.speech_ms, due),
        recorder=meter,
        backoff=Backoff(Random(1)),
    )
    return VoiceCall(CallTarget(url, "gpt-realtime-2.1"), talk, due, quiet_seconds=breath), meter


def counts(meter: ProcessRecorder) -> dict[str, float]:
    """What was counted, but for chunks."""
    meter.flush()
    figures = meter.measurements
    return {
        name: figures.total(name) or 0
        for name in figures.measured_names()
        if name not in {"chunks", "sent_ms", "pace_lag"}
    }


def until_accepted(running: GeventBridge, greenlet: gevent.Greenlet[Any, Any]) -> None:
    """Wait until the bridge has the caller, which takes its time on a busy machine."""
    while not greenlet.ready() and not any(caller.path for caller in running.callers):
        gevent.sleep(0.002)


def lived(
    script: Callable[[ServedCaller], None], seconds: float = 0.3, behaviour: CallerBehaviour = QUICK
) -> tuple[CallOutcome, ProcessRecorder, list[ServedCaller], VoiceCall]:
    """Call a bridge of this script, and stop after so long."""
    stop = Told()
    with gevent_bridge(script) as running:
        call, meter = call_to(running.url, behaviour)
        greenlet = gevent.spawn(call.run, stop)
        until_accepted(running, greenlet)
        greenlet.join(timeout=seconds)
        stop.now = True
        return greenlet.get(), meter, running.callers, call


def heard(guest: ServedCaller) -> Any:
    account = TracerReceiver()
    account.feed(guest.speech)
    account.finish()
    return account.counts()[7]


def test_a_good_call_says_all_it_says_it_said_and_ends_in_good_order() -> None:
    fate, meter, (guest,), _ = lived(good_bridge, 0.4)
    assert fate is CallOutcome.COMPLETED
    (spoken,) = meter.sent_audio
    assert spoken.expected_ms == spoken.sent_ms
    assert spoken.sent_ms > 0
    assert heard(guest).received_ms == spoken.sent_ms
    assert heard(guest).clean
    assert guest.types() == ["create_session", "end_session"]
    assert guest.close_code == 1000
    assert counts(meter) == {"calls": 1, "connect": 1, "ready": 1, "unfinished_turns": 1}


def stopped_after(
    seconds: float, script: Callable[[ServedCaller], None], breath: float
) -> tuple[ProcessRecorder, ServedCaller]:
    """Call, and stop after so long."""
    stop = Told()
    with gevent_bridge(script) as running:
        call, meter = call_to(running.url, breath=breath)
        greenlet = gevent.spawn(call.run, stop)
        until_accepted(running, greenlet)
        greenlet.join(timeout=seconds)
        stop.now = True
        greenlet.get()
        (guest,) = running.callers
        return meter, guest


@pytest.mark.alone
@retried()
def test_a_caller_is_silent_for_a_breath_before_he_says_goodbye() -> None:
    meter, guest = stopped_after(0.2, good_bridge, breath=0.5)
    assert guest.types()[-1] == "end_session"
    *_, last_word, goodbye = guest.received_at
    assert 0.45 < goodbye - last_word < 1
    assert meter.sent_audio[0].expected_ms == meter.sent_audio[0].sent_ms


def test_who_loses_his_session_in_that_breath_is_owed_no_account_of_the_end() -> None:
    def loses(guest: ServedCaller) -> None:
        guest.send("connected", clientId="c", protocol=1)
        guest.send("session_ready", generation=1)
        gevent.sleep(0.3)
        guest.send("reconnecting", attempt=1, generation=1)
        while True:
            guest.receive()

    meter, _ = stopped_after(0.1, loses, breath=0.5)
    assert meter.sent_audio[0].expected_ms == 0


def test_what_the_bridge_said_it_dropped_is_told_with_what_was_said() -> None:
    def drops(guest: ServedCaller) -> None:
        guest.send("connected", clientId="c", protocol=1)
        guest.send("audio_dropped", ms=60, chunks=3, reason="too_old")
        good_bridge(guest)

    meter, _ = stopped_after(0.1, drops, breath=0.05)
    assert meter.sent_audio[0].dropped_ms == 60


@pytest.mark.alone
@retried()
def test_stopping_is_quick() -> None:
    began = time.monotonic()
    lived(good_bridge, 0.1)
    assert time.monotonic() - began < 1


def test_a_call_with_a_number_of_turns_hangs_up_by_itself() -> None:
    with gevent_bridge(good_bridge) as running:
        call, meter = call_to(running.url, CallerBehaviour(sends_text=True, turns=2, pause_ms=20))
        assert call.run(lambda: False) is CallOutcome.COMPLETED
    assert (counts(meter)["turns"], counts(meter)["first_text"]) == (2, 2)


def test_a_killed_call_says_goodbye_too() -> None:
    with gevent_bridge(good_bridge) as running:
        call, meter = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        until_accepted(running, greenlet)
        greenlet.join(timeout=0.2)
        greenlet.kill(timeout=60)
        (guest,) = running.callers
        assert guest.types()[-1] == "end_session"
    assert meter.sent_audio[0].expected_ms == meter.sent_audio[0].sent_ms
    assert "unclean_ends" not in counts(meter)


def test_a_bridge_that_says_no_goodbye_is_left_all_the_same_and_that_is_counted() -> None:
    def rude(guest: ServedCaller) -> None:
        guest.send("connected")
        guest.send("session_ready", generation=1)
        while True:
            guest.receive()

    with gevent_bridge(rude) as running:
        call, meter = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        until_accepted(running, greenlet)
        greenlet.join(timeout=0.1)
        greenlet.kill(block=False)
        gevent.sleep(0.05)
        greenlet.kill(timeout=60)  # the second kill does not wait
        assert greenlet.ready()
    assert meter.sent_audio[0].expected_ms == 0


def test_what_was_said_without_a_session_need_not_arrive() -> None:
    def never_ready(guest: ServedCaller) -> None:
        guest.send("connected")
        while True:
            if "end_session" in str(guest.receive()):
                guest.send("session_closed", reason="ended")

    fate, meter, _, _ = lived(never_ready, behaviour=CallerBehaviour(speaks_before_ready=True))
    assert fate is CallOutcome.COMPLETED
    assert meter.sent_audio[0].expected_ms == 0


def after_ready(*last: Callable[[ServedCaller], None]) -> Callable[[ServedCaller], None]:
    """Be a bridge that has a session, and then does this."""

    def script(guest: ServedCaller) -> None:
        guest.send("connected")
        guest.receive()
        guest.send("session_ready", generation=1)
        guest.receive()
        for act in last:
            act(guest)

    return script


@pytest.mark.parametrize(
    ("script", "counted"),
    [
        (after_ready(lambda guest: guest.close(1011)), {"endings_without_error": 1}),
        (after_ready(lambda _: None), {"endings_without_error": 1}),
        (after_ready(lambda guest: guest.send("error", code="X"), lambda guest: guest.close(1011)), {"errors": 1}),
        (
            after_ready(lambda guest: guest.send("session_closed", reason="draining"), lambda guest: guest.close(1001)),
            {},
        ),
    ],
    ids=["closed for no reason", "broken off", "closed behind an error", "drained"],
)
def test_a_call_that_the_bridge_ends_is_lost_and_its_end_is_judged(
    script: Callable[[ServedCaller], None], counted: dict[str, float]
) -> None:
    fate, meter, _, call = lived(script)
    assert fate is CallOutcome.LOST
    assert call.session.lost_at is not None
    assert counts(meter) == {"calls": 1, "connect": 1, "ready": 1, **counted}
    assert meter.sent_audio[0].expected_ms == 0


def test_an_early_error_right_before_a_close_is_excused_and_another_is_not() -> None:
    def two(guest: ServedCaller) -> None:
        for _ in range(2):
            guest.send("error", code="X")

    _, meter, _, _ = lived(after_ready(two, lambda guest: guest.close(1011)))
    assert "error_window_violations" not in counts(meter)

    def stays(guest: ServedCaller) -> None:
        while "end_session" not in str(guest.receive()):
            pass
        guest.send("session_closed", reason="ended")
        guest.receive()

    _, meter, _, _ = lived(after_ready(two, stays))
    assert counts(meter)["error_window_violations"] == 1


def test_a_call_that_is_cut_ends_at_once_and_nobody_is_blamed() -> None:
    with gevent_bridge(good_bridge) as running:
        call, meter = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        until_accepted(running, greenlet)
        greenlet.join(timeout=0.2)
        call.cut()
        assert greenlet.get(timeout=60) is CallOutcome.CUT
        assert running.callers[0].close_code is None
    assert call.session.lost_at is not None
    assert meter.sent_audio[0].expected_ms == 0
    assert "endings_without_error" not in counts(meter)


def test_nobody_there_is_a_failed_connect() -> None:
    with gevent_bridge(good_bridge) as running:
        url = running.url
    call, meter = call_to(url)
    assert call.run(lambda: False) is CallOutcome.REFUSED
    assert counts(meter) == {"calls": 1, "failed_connects": 1}
    assert meter.attempts.failed == 1
    assert meter.sent_audio == []


def test_a_socket_without_a_first_frame_is_a_failed_connect() -> None:
    fate, meter, _, _ = lived(lambda _: None)
    assert fate is CallOutcome.REFUSED
    assert counts(meter) == {"calls": 1, "failed_connects": 1}


def test_a_session_that_cannot_be_had_ends_the_call() -> None:
    def poor(guest: ServedCaller) -> None:
        guest.send("connected")
        guest.receive()
        guest.send("error", code="QUOTA_EXHAUSTED", retryable=False)
        guest.receive()

    with gevent_bridge(poor) as running:
        call, meter = call_to(running.url)
        assert call.run(lambda: False) is CallOutcome.REFUSED
    assert counts(meter)["failed_calls"] == 1


def test_what_is_no_message_ends_no_call() -> None:
    def odd(guest: ServedCaller) -> None:
        guest.protocol.send_text(b"[1]")
        guest.protocol.send_text(b"no json")
        guest._flush()
        good_bridge(guest)

    fate, meter, _, _ = lived(odd)
    assert fate is CallOutcome.COMPLETED
    assert counts(meter)["ready"] == 1


@pytest.mark.alone
@retried()
def test_a_slow_reader_takes_no_more_than_it_says() -> None:
    taken: list[float] = []

    def generous(guest: ServedCaller) -> None:
        guest.send("connected")
        guest.receive()
        guest.send("session_ready", generation=1)
        for _ in range(10_000):
            guest.send_bytes(bytes(960))
            taken.append(time.monotonic())
        while "end_session" not in str(guest.receive()):
            pass
        guest.send("session_closed", reason="ended")
        guest.receive()

    behaviour = CallerBehaviour(speech_ms=100, read_bytes_per_second=20_000)
    _, meter, _, _ = lived(generous, 0.5, behaviour)
    in_the_first_half_second = len([at for at in taken if at < taken[0] + 0.5]) * 960
    assert in_the_first_half_second < 3_500_000  # what kernels hold on loopback; an eager reader takes all ten MB
    assert counts(meter)["calls"] == 1


@pytest.mark.alone
@retried()
def test_a_target_that_makes_us_wait_makes_the_caller_late_and_not_the_generator() -> None:
    call, meter = call_to("ws://127.0.0.1:1", CallerBehaviour(chunk_ms=20, speech_ms=5000))
    call.open_socket = lambda *_, **__: cast("CallerSocket", StallingSocket())
    began = time.monotonic()
    call.run(lambda: time.monotonic() > began + 0.6)
    meter.flush()
    assert meter.measurements.total("chunks") == pytest.approx(5, abs=2)
    assert (meter.measurements.percentile("pace_lag", 50) or 0) < 20


def test_a_goodbye_that_only_closes_the_socket_is_unclean() -> None:
    def curt(guest: ServedCaller) -> None:
        guest.send("connected")
        guest.receive()
        guest.send("session_ready", generation=1)
        while "end_session" not in str(guest.receive()):
            pass
        guest.close(1000)

    fate, meter, _, _ = lived(curt)
    assert fate is CallOutcome.COMPLETED
    assert counts(meter)["unclean_ends"] == 1
    assert meter.sent_audio[0].expected_ms == 0


def test_the_native_door_gets_base64_and_no_goodbye_but_the_close() -> None:
    def native(guest: ServedCaller) -> None:
        guest.send("session.created")
        while True:
            for frame in guest.receive():
                if json.loads(frame)["type"] == "session.update":
                    guest.send("session.updated")

    fate, meter, (guest,), _ = lived(native, behaviour=CallerBehaviour(endpoint="native", speech_ms=200))  # type: ignore[arg-type]  # as a command line says it
    assert fate is CallOutcome.COMPLETED
    assert guest.path.startswith("/v1/realtime?model=")
    assert set(guest.types()) == {"session.update", "input_audio_buffer.append"}
    assert guest.close_code == 1000
    assert meter.sent_audio[0].expected_ms == meter.sent_audio[0].sent_ms
