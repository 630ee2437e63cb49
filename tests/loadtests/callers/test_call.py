"""One call over a real socket, on loopback: how it begins, how it talks, and every way that it ends."""

from __future__ import annotations

import json
import time
from random import Random
from typing import TYPE_CHECKING, Any, cast

import gevent
import pytest

from bridge.protocol.audio.tracer import TracerAccount, TracerSource
from loadtests.callers.backoff import Waits
from loadtests.callers.call import Call, Fate, Where
from loadtests.callers.protocols import line_for
from loadtests.callers.session import Talk
from loadtests.callers.speech_clock import Pace
from loadtests.metrics.recorder import Meter
from loadtests.scenarios.behaviour import Behaviour
from tests.loadtests.gevent_bridge import Guest, Stalling, bridge, good

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadtests.callers.websocket import Wire

QUICK = Behaviour(chunk_ms=20, speech_ms=200, spread_ms=0)


@pytest.fixture(autouse=True)
def within_five_seconds() -> Iterator[None]:
    with gevent.Timeout(5):
        yield


class Told:
    """Tells a call to stop, when the test says so."""

    now = False

    def __call__(self) -> bool:
        return self.now


def call_to(url: str, behaviour: Behaviour = QUICK, breath: float = 0.05) -> tuple[Call, Meter]:
    meter = Meter(fire=lambda **_: None)
    due = time.monotonic()
    talk = Talk(
        behaviour=behaviour,
        line=line_for(behaviour),
        source=TracerSource(7),
        pace=Pace(behaviour.chunk_ms, behaviour.speech_ms, due),
        notes=meter,
        waits=Waits(Random(1)),
    )
    return Call(Where(url, "gpt-realtime-2.1"), talk, due, breath=breath), meter


def counts(meter: Meter) -> dict[str, float]:
    """What was counted, but for chunks."""
    meter.flush()
    figures = meter.figures
    return {name: figures.total(name) or 0 for name in figures.names() if name not in {"chunks", "sent_ms", "pace_lag"}}


def lived(
    script: Callable[[Guest], None], seconds: float = 0.3, behaviour: Behaviour = QUICK
) -> tuple[Fate, Meter, list[Guest], Call]:
    """Call a bridge of this script, and stop after so long."""
    stop = Told()
    with bridge(script) as running:
        call, meter = call_to(running.url, behaviour)
        greenlet = gevent.spawn(call.run, stop)
        greenlet.join(timeout=seconds)
        stop.now = True
        return greenlet.get(), meter, running.guests, call


def heard(guest: Guest) -> Any:
    account = TracerAccount()
    account.feed(guest.speech)
    account.finish()
    return account.report()[7]


def test_a_good_call_says_all_it_says_it_said_and_ends_in_good_order() -> None:
    fate, meter, (guest,), _ = lived(good, 0.4)
    assert fate is Fate.DONE
    (spoken,) = meter.spoken
    assert spoken.sure_ms == spoken.sent_ms
    assert spoken.sent_ms == pytest.approx(400, abs=100)
    assert heard(guest).received_ms == spoken.sent_ms
    assert heard(guest).clean
    assert guest.types() == ["create_session", "end_session"]
    assert guest.closed_with == 1000
    assert counts(meter) == {"calls": 1, "connect": 1, "ready": 1, "unfinished_turns": 1}


def stopped_after(seconds: float, script: Callable[[Guest], None], breath: float) -> tuple[Meter, Guest]:
    """Call, and stop after so long."""
    stop = Told()
    with bridge(script) as running:
        call, meter = call_to(running.url, breath=breath)
        greenlet = gevent.spawn(call.run, stop)
        greenlet.join(timeout=seconds)
        stop.now = True
        greenlet.get()
        (guest,) = running.guests
        return meter, guest


def test_a_caller_is_silent_for_a_breath_before_he_says_goodbye() -> None:
    meter, guest = stopped_after(0.2, good, breath=0.5)
    assert guest.types()[-1] == "end_session"
    *_, last_word, goodbye = guest.heard_at
    assert 0.45 < goodbye - last_word < 1
    assert meter.spoken[0].sure_ms == meter.spoken[0].sent_ms


def test_who_loses_his_session_in_that_breath_is_owed_no_account_of_the_end() -> None:
    def loses(guest: Guest) -> None:
        guest.say("connected", clientId="c", protocol=1)
        guest.say("session_ready", generation=1)
        gevent.sleep(0.3)
        guest.say("reconnecting", attempt=1, generation=1)
        while True:
            guest.hear()

    meter, _ = stopped_after(0.1, loses, breath=0.5)
    assert meter.spoken[0].sure_ms == 0


def test_what_the_bridge_said_it_dropped_is_told_with_what_was_said() -> None:
    def drops(guest: Guest) -> None:
        guest.say("connected", clientId="c", protocol=1)
        guest.say("audio_dropped", ms=60, chunks=3, reason="too_old")
        good(guest)

    meter, _ = stopped_after(0.1, drops, breath=0.05)
    assert meter.spoken[0].dropped_ms == 60


def test_stopping_is_quick() -> None:
    began = time.monotonic()
    lived(good, 0.1)
    assert time.monotonic() - began < 1


def test_a_call_with_a_number_of_turns_hangs_up_by_itself() -> None:
    with bridge(good) as running:
        call, meter = call_to(running.url, Behaviour(typed=True, turns=2, pause_ms=20))
        assert call.run(lambda: False) is Fate.DONE
    assert (counts(meter)["turns"], counts(meter)["first_text"]) == (2, 2)


def test_a_killed_call_says_goodbye_too() -> None:
    with bridge(good) as running:
        call, meter = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        greenlet.join(timeout=0.2)
        greenlet.kill(timeout=1)
        (guest,) = running.guests
        assert guest.types()[-1] == "end_session"
    assert meter.spoken[0].sure_ms == meter.spoken[0].sent_ms
    assert "unclean_ends" not in counts(meter)


def test_a_bridge_that_says_no_goodbye_is_left_all_the_same_and_that_is_counted() -> None:
    def rude(guest: Guest) -> None:
        guest.say("connected")
        guest.say("session_ready", generation=1)
        while True:
            guest.hear()

    with bridge(rude) as running:
        call, meter = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        greenlet.join(timeout=0.1)
        greenlet.kill(block=False)
        gevent.sleep(0.05)
        greenlet.kill(timeout=1)  # the second kill does not wait
        assert greenlet.ready()
    assert meter.spoken[0].sure_ms == 0


def test_what_was_said_without_a_session_need_not_arrive() -> None:
    def never_ready(guest: Guest) -> None:
        guest.say("connected")
        while True:
            if "end_session" in str(guest.hear()):
                guest.say("session_closed", reason="ended")

    fate, meter, _, _ = lived(never_ready, behaviour=Behaviour(speaks_before_ready=True))
    assert fate is Fate.DONE
    assert meter.spoken[0].sure_ms == 0


def after_ready(*last: Callable[[Guest], None]) -> Callable[[Guest], None]:
    """Be a bridge that has a session, and then does this."""

    def script(guest: Guest) -> None:
        guest.say("connected")
        guest.hear()
        guest.say("session_ready", generation=1)
        guest.hear()
        for act in last:
            act(guest)

    return script


@pytest.mark.parametrize(
    ("script", "counted"),
    [
        (after_ready(lambda guest: guest.close(1011)), {"endings_without_error": 1}),
        (after_ready(lambda _: None), {"endings_without_error": 1}),
        (after_ready(lambda guest: guest.say("error", code="X"), lambda guest: guest.close(1011)), {"errors": 1}),
        (
            after_ready(lambda guest: guest.say("session_closed", reason="draining"), lambda guest: guest.close(1001)),
            {},
        ),
    ],
    ids=["closed for no reason", "broken off", "closed behind an error", "drained"],
)
def test_a_call_that_the_bridge_ends_is_lost_and_its_end_is_judged(
    script: Callable[[Guest], None], counted: dict[str, float]
) -> None:
    fate, meter, _, call = lived(script)
    assert fate is Fate.LOST
    assert call.talk.lost_at is not None
    assert counts(meter) == {"calls": 1, "connect": 1, "ready": 1, **counted}
    assert meter.spoken[0].sure_ms == 0


def test_an_early_error_right_before_a_close_is_excused_and_another_is_not() -> None:
    def two(guest: Guest) -> None:
        for _ in range(2):
            guest.say("error", code="X")

    _, meter, _, _ = lived(after_ready(two, lambda guest: guest.close(1011)))
    assert "error_window_violations" not in counts(meter)

    def stays(guest: Guest) -> None:
        while "end_session" not in str(guest.hear()):
            pass
        guest.say("session_closed", reason="ended")
        guest.hear()

    _, meter, _, _ = lived(after_ready(two, stays))
    assert counts(meter)["error_window_violations"] == 1


def test_a_call_that_is_cut_ends_at_once_and_nobody_is_blamed() -> None:
    with bridge(good) as running:
        call, meter = call_to(running.url)
        greenlet = gevent.spawn(call.run, lambda: False)
        greenlet.join(timeout=0.2)
        call.cut()
        assert greenlet.get(timeout=1) is Fate.CUT
        assert running.guests[0].closed_with is None
    assert call.talk.lost_at is not None
    assert meter.spoken[0].sure_ms == 0
    assert "endings_without_error" not in counts(meter)


def test_nobody_there_is_a_failed_connect() -> None:
    with bridge(good) as running:
        url = running.url
    call, meter = call_to(url)
    assert call.run(lambda: False) is Fate.REFUSED
    assert counts(meter) == {"calls": 1, "failed_connects": 1}
    assert meter.pulse.failed == 1
    assert meter.spoken == []


def test_a_socket_without_a_first_frame_is_a_failed_connect() -> None:
    fate, meter, _, _ = lived(lambda _: None)
    assert fate is Fate.REFUSED
    assert counts(meter) == {"calls": 1, "failed_connects": 1}


def test_a_session_that_cannot_be_had_ends_the_call() -> None:
    def poor(guest: Guest) -> None:
        guest.say("connected")
        guest.hear()
        guest.say("error", code="QUOTA_EXHAUSTED", retryable=False)
        guest.hear()

    with bridge(poor) as running:
        call, meter = call_to(running.url)
        assert call.run(lambda: False) is Fate.REFUSED
    assert counts(meter)["failed_calls"] == 1


def test_what_is_no_message_ends_no_call() -> None:
    def odd(guest: Guest) -> None:
        guest.protocol.send_text(b"[1]")
        guest.protocol.send_text(b"no json")
        guest._flush()
        good(guest)

    fate, meter, _, _ = lived(odd)
    assert fate is Fate.DONE
    assert counts(meter)["ready"] == 1


def test_a_slow_reader_takes_no_more_than_it_says() -> None:
    taken: list[float] = []

    def generous(guest: Guest) -> None:
        guest.say("connected")
        guest.hear()
        guest.say("session_ready", generation=1)
        for _ in range(10_000):
            guest.say_raw(bytes(960))
            taken.append(time.monotonic())
        while "end_session" not in str(guest.hear()):
            pass
        guest.say("session_closed", reason="ended")
        guest.hear()

    behaviour = Behaviour(speech_ms=100, reads_bytes_per_second=20_000)
    _, meter, _, _ = lived(generous, 0.5, behaviour)
    in_the_first_half_second = len([at for at in taken if at < taken[0] + 0.5]) * 960
    assert in_the_first_half_second < 3_500_000  # what kernels hold on loopback; an eager reader takes all ten MB
    assert counts(meter)["calls"] == 1


def test_a_target_that_makes_us_wait_makes_the_caller_late_and_not_the_generator() -> None:
    call, meter = call_to("ws://127.0.0.1:1", Behaviour(chunk_ms=20, speech_ms=5000))
    call.open_wire = lambda *_, **__: cast("Wire", Stalling())
    began = time.monotonic()
    call.run(lambda: time.monotonic() > began + 0.6)
    meter.flush()
    assert meter.figures.total("chunks") == pytest.approx(5, abs=2)
    assert (meter.figures.percentile("pace_lag", 50) or 0) < 20


def test_a_goodbye_that_only_closes_the_socket_is_unclean() -> None:
    def curt(guest: Guest) -> None:
        guest.say("connected")
        guest.hear()
        guest.say("session_ready", generation=1)
        while "end_session" not in str(guest.hear()):
            pass
        guest.close(1000)

    fate, meter, _, _ = lived(curt)
    assert fate is Fate.DONE
    assert counts(meter)["unclean_ends"] == 1
    assert meter.spoken[0].sure_ms == 0


def test_the_native_door_gets_base64_and_no_goodbye_but_the_close() -> None:
    def native(guest: Guest) -> None:
        guest.say("session.created")
        while True:
            for frame in guest.hear():
                if json.loads(frame)["type"] == "session.update":
                    guest.say("session.updated")

    fate, meter, (guest,), _ = lived(native, behaviour=Behaviour(door="native", speech_ms=200))  # type: ignore[arg-type]  # as a command line says it
    assert fate is Fate.DONE
    assert guest.path.startswith("/v1/realtime?model=")
    assert set(guest.types()) == {"session.update", "input_audio_buffer.append"}
    assert guest.closed_with == 1000
    assert meter.spoken[0].sure_ms == meter.spoken[0].sent_ms
