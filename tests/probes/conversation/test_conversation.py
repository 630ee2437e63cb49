from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bridge.protocol.audio.pcm import silence, tone
from bridge.protocol.dialects.detection import Dialect
from bridge.transport.link import LinkClosed
from probes.conversation import conversation as module
from probes.conversation.conversation import CHUNK_MS, Recorder, RecorderFull, ScriptedConversation, play_script
from probes.conversation.facts import TURN_ENDED, SessionFacts
from probes.conversation.scripts import SCRIPTS, ConversationScript
from probes.recording.capture import ClosedEnding, FinishedEnding, LimitEnding, RefusedEnding, SilentEnding
from probes.runner.redaction import Secrets
from probes.voice.voice_client import NotReady, ReceivedFrame
from tests.probes.conversation.session_builder import SESSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio.testing import MockClock

    from probes.recording.capture import CaptureEnding
    from probes.voice.voice_client import OnFrame, OnSent, VoiceOptions


@dataclass
class FakeVoiceClient:
    """A speaker that hears what a test gives it: an event, seconds to wait, or an exception."""

    gives: list[Any] = field(default_factory=list)
    refuses: Exception | None = None
    """Raised by whatever is sent."""
    opening: list[Any] = field(default_factory=lambda: [created(), updated()])
    connected_at: float | None = None
    said: list[str] = field(default_factory=list)
    spoken: list[tuple[float, bytes]] = field(default_factory=list)
    ended: int = 0
    over_at: float = 0.0

    def __post_init__(self) -> None:
        self.on_sent: OnSent = lambda _event, _detail: None

    async def start(self, wish: VoiceOptions, on_heard: OnFrame) -> None:  # noqa: ARG002 - every speaker has the same methods
        self.connected_at = trio.current_time()
        for one in self.opening:
            on_heard(await self._given(one))

    async def receive(self) -> ReceivedFrame:
        while self.gives:
            one = self.gives.pop(0)
            if isinstance(one, int | float):
                await trio.sleep(one)
            else:
                return await self._given(one)
        await trio.sleep_forever()
        raise AssertionError

    async def _given(self, one: Any) -> ReceivedFrame:
        await trio.lowlevel.checkpoint()
        if isinstance(one, Exception):
            raise one
        if isinstance(one, int | float):
            await trio.sleep(one)
            return heard({"type": "ping"})
        return one if isinstance(one, ReceivedFrame) else heard(one)

    async def send_audio(self, pcm: bytes) -> None:
        self.spoken.append((trio.current_time(), pcm))
        await self.send_event({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()})

    async def commit(self) -> None:
        await self.send_event({"type": "input_audio_buffer.commit"})

    async def send_text(self, text: str) -> None:  # noqa: ARG002 - as above
        await self.send_event({"type": "response.create"})

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        await self.send_event({"type": f"interrupt {item_id} {played_ms}"})

    async def send_tool_output(self, call_id: str, output: str) -> None:  # noqa: ARG002 - as above
        await self.send_event({"type": f"answer {call_id}"})

    async def send_event(self, event: Mapping[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.on_sent(event, "")
        if self.refuses is not None:
            raise self.refuses
        self.said.append(str(event["type"]))

    async def close(self) -> None:
        self.ended += 1


def heard(event: dict[str, Any], **changes: Any) -> ReceivedFrame:
    return replace(ReceivedFrame(trio.current_time(), event, 100, native=True), **changes)


def created() -> dict[str, Any]:
    return {"type": "session.created", "event_id": "e1", "session": SESSION}


def updated() -> dict[str, Any]:
    return {"type": "session.updated", "event_id": "e2", "session": SESSION}


def done(name: str = "resp_1", status: str = "completed", **details: Any) -> dict[str, Any]:
    return {
        "type": "response.done",
        "event_id": f"done_{name}",
        "response": {"id": name, "status": status, "status_details": details},
    }


def recording(**changes: Any) -> Recorder:
    return Recorder(facts=SessionFacts(Dialect.GA), secrets=Secrets(), **changes)


TEXT = SCRIPTS["text"]


async def ended(
    clock: MockClock, line: FakeVoiceClient, script: ConversationScript = TEXT, recorder: Recorder | None = None
) -> CaptureEnding:
    """Play a script in virtual time, with a time-out of five seconds."""
    ending = await play_script(line, script, recorder or recording(), timeout=5)
    line.over_at = clock.current_time()
    return ending


async def test_a_script_that_comes_to_its_end_says_so_and_closes(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient([done()])
    ending = await ended(autojump_clock, line)
    assert isinstance(ending, FinishedEnding)
    assert ending.at == pytest.approx(0.3)
    assert line.ended == 1
    assert line.said == ["response.create"]


@pytest.mark.parametrize(
    ("opening", "owed", "after"), [([], "answer", 5), ([created(), 100], "ready", 5), ([100], "session", 5)]
)
async def test_silence_ends_it_when_it_has_lasted_as_long_as_the_time_out(
    opening: list[Any], owed: str, after: float, autojump_clock: MockClock
) -> None:
    line = FakeVoiceClient(opening=opening or [created(), updated()])
    ending = await ended(autojump_clock, line)
    assert isinstance(ending, SilentEnding)
    assert (ending.owed, ending.seconds) == (owed, after)
    assert line.ended == 1


async def test_a_socket_that_never_opens_is_a_silence_of_its_own(autojump_clock: MockClock) -> None:
    class Never(FakeVoiceClient):
        async def start(self, wish: VoiceOptions, on_heard: OnFrame) -> None:  # noqa: ARG002 - as above
            await trio.sleep_forever()

    ending = await ended(autojump_clock, Never())
    assert isinstance(ending, SilentEnding)
    assert ending.owed == "connection"


async def test_every_event_gives_the_other_end_the_whole_time_out_again(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient([4, {"type": "response.created", "event_id": "r", "response": {"id": "resp_1"}}, 4, done()])
    assert isinstance(await ended(autojump_clock, line), FinishedEnding)
    assert autojump_clock.current_time() == pytest.approx(8.3)


async def test_so_it_does_while_the_session_opens(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient([done()], opening=[4, created(), 4, updated()])
    assert isinstance(await ended(autojump_clock, line), FinishedEnding)
    assert line.over_at == pytest.approx(8.3)


async def test_errors_are_no_sign_of_life(autojump_clock: MockClock) -> None:
    errors = [part for n in range(10) for part in (1, {"type": "error", "event_id": f"x{n}", "error": {"code": "c"}})]
    ending = await ended(autojump_clock, FakeVoiceClient(errors))
    assert isinstance(ending, SilentEnding)
    assert autojump_clock.current_time() == pytest.approx(5)


async def test_a_link_that_ends_is_told_with_its_code(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient([1, LinkClosed(1011, "oh", by_peer=True)])
    assert await ended(autojump_clock, line) == ClosedEnding(at=1.0, code=1011, reason="oh", by_peer=True)


async def test_where_sending_meets_the_end_first_the_last_words_are_still_heard(autojump_clock: MockClock) -> None:
    error = {"type": "error", "event_id": "x", "error": {"code": "session_expired"}}
    line = FakeVoiceClient([error, LinkClosed(1001, "over", by_peer=True)], refuses=LinkClosed(None, by_peer=True))
    recorder = recording()
    ending = await ended(autojump_clock, line, TEXT, recorder)
    assert isinstance(ending, ClosedEnding)
    assert ending.code == 1001
    assert recorder.facts.errors[0].error["code"] == "session_expired"


async def test_where_nothing_more_is_heard_the_end_is_what_sending_met(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient(refuses=LinkClosed(None, by_peer=True))
    assert await ended(autojump_clock, line) == ClosedEnding(at=1.0, code=None, reason="", by_peer=True)


async def test_a_refused_configuration_is_told_with_its_error(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient(opening=[created(), NotReady({"code": "unknown_parameter"}, native=True, code=1000)])
    ending = await ended(autojump_clock, line)
    assert ending == RefusedEnding(at=0.0, error={"code": "unknown_parameter"}, native=True, code=1000)


async def test_no_script_lasts_longer_than_its_bound(autojump_clock: MockClock) -> None:
    ticking = [part for n in range(1000) for part in (1, {"type": "rate_limits.updated", "event_id": f"r{n}"})]
    ending = await ended(autojump_clock, FakeVoiceClient(ticking))
    assert isinstance(ending, LimitEnding)
    assert autojump_clock.current_time() == pytest.approx(TEXT.time_limit + TEXT.timeouts_allowed * 5)


async def test_no_more_is_kept_than_the_bounds_allow(autojump_clock: MockClock) -> None:
    flood = [{"type": "ping", "event_id": f"p{n}"} for n in range(module.MAX_ENTRIES + 10)]
    recorder = recording()
    ending = await ended(autojump_clock, FakeVoiceClient(flood), TEXT, recorder)
    assert isinstance(ending, LimitEnding)
    assert len(recorder.entries) == module.MAX_ENTRIES
    assert autojump_clock.current_time() < 5


async def test_large_frames_count_by_their_size() -> None:
    recorder = recording()
    recorder.record_received(heard({"type": "x"}, frame_bytes=module.MAX_BYTES))
    with pytest.raises(RecorderFull):
        recorder.record_received(heard({"type": "x"}, frame_bytes=1))


async def test_cancelling_closes_the_link(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient()
    with trio.move_on_after(2):
        await play_script(line, TEXT, recording(), timeout=50)
    assert line.ended == 1
    assert autojump_clock.current_time() == 2


async def test_what_connecting_fails_with_comes_out_as_it_is(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient(opening=[OSError("no way")])
    with pytest.raises(OSError, match="no way"):
        await ended(autojump_clock, line)
    assert line.ended == 1
    assert autojump_clock.current_time() == 0


@pytest.mark.parametrize("pace", [1.0, 4.0])
async def test_speech_is_sent_at_the_pace_of_speech_with_silence_behind_it(
    pace: float, autojump_clock: MockClock
) -> None:
    line, recorder = FakeVoiceClient(), recording()
    talk = ScriptedConversation(line, recorder, 5, pace)
    await talk.speak(tone(440, 200, 3000))
    assert autojump_clock.current_time() == pytest.approx((200 + module.TRAILING_SILENCE_MS - CHUNK_MS) / 1000 / pace)
    assert [round(at * pace * 50) for at, _ in line.spoken] == list(range(45))
    assert b"".join(pcm for _, pcm in line.spoken) == tone(440, 200, 3000) + silence(module.TRAILING_SILENCE_MS)
    (over,) = recorder.facts.turns_ended_at
    assert over == pytest.approx(0.2 / pace)


async def test_speech_that_is_committed_by_hand_has_no_silence_behind_it(autojump_clock: MockClock) -> None:
    line, recorder = FakeVoiceClient(), recording()
    line.on_sent = recorder.record_sent
    await ScriptedConversation(line, recorder, 5).speak(tone(440, 200, 3000), commit=True)
    assert line.said[-1] == "input_audio_buffer.commit"
    assert [entry.type for entry in recorder.entries][-2:] == [TURN_ENDED, "input_audio_buffer.commit"]
    assert autojump_clock.current_time() == pytest.approx(0.18)


async def test_an_answer_that_speech_interrupted_is_followed_by_the_next_one(autojump_clock: MockClock) -> None:
    line = FakeVoiceClient([done("a", "cancelled", reason="turn_detected"), 1, done("b")])
    assert isinstance(await ended(autojump_clock, line), FinishedEnding)
    assert autojump_clock.current_time() == pytest.approx(1.3)


async def test_an_interruption_says_what_can_have_been_played(autojump_clock: MockClock) -> None:
    sound = {
        "type": "response.output_audio.delta",
        "event_id": "d",
        "response_id": "resp_1",
        "delta": base64.b64encode(tone(440, 5000, 3000)).decode(),
    }
    added = {"type": "response.output_item.added", "event_id": "i", "response_id": "resp_1", "item": {"id": "item_9"}}
    made = {"type": "response.created", "event_id": "c", "response": {"id": "resp_1"}}

    async def play(talk: ScriptedConversation) -> None:
        await talk.listen_to_response(300)
        await talk.interrupt()

    script: ConversationScript = replace(TEXT, play=play)
    speaking = {**SESSION, "output_modalities": ["audio"]}
    opening = [{**created(), "session": speaking}, {**updated(), "session": speaking}]
    line = FakeVoiceClient([1, made, added, 1, sound], opening=opening)
    assert isinstance(await ended(autojump_clock, line, script), FinishedEnding)
    assert line.said == ["interrupt item_9 300"]
    short = {**sound, "delta": base64.b64encode(tone(440, 100, 3000)).decode()}
    line = FakeVoiceClient([made, added, short], opening=opening)
    await ended(autojump_clock, line, script)
    assert line.said == ["interrupt item_9 100"], "no more than what came"


async def test_what_is_heard_is_noted_without_its_content() -> None:
    recorder = recording()
    words = {"type": "response.output_text.delta", "event_id": "a", "delta": "hello"}
    recorder.record_received(heard(words))
    sound = {"type": "response.output_audio.delta", "event_id": "b", "delta": base64.b64encode(silence(40)).decode()}
    recorder.record_received(heard(sound))
    recorder.record_received(heard({**sound, "event_id": "c", "delta": "no base64!"}))
    recorder.record_received(heard({}, unreadable="a binary frame"))
    text, quiet, broken, binary = recorder.entries
    assert text.event["delta"] == "xxxxx"
    assert (quiet.event["delta"], quiet.audio_ms, quiet.silent) == ("[audio]", 40.0, True)
    assert broken.unreadable == "audio that is no base64"
    assert binary.unreadable == "a binary frame"


async def test_content_is_kept_where_that_was_asked_for() -> None:
    recorder = recording(show_content=True)
    sound = base64.b64encode(tone(440, 40, 3000)).decode()
    recorder.record_received(heard({"type": "response.output_audio.delta", "event_id": "b", "delta": sound}))
    recorder.record_sent({"type": "input_audio_buffer.append", "audio": sound}, "40 ms")
    up, down = recorder.entries
    assert up.event["delta"] == down.event["audio"] == sound
    assert (up.audio_ms, down.audio_ms, up.silent) == (40.0, 40.0, False)


async def test_words_that_differ_are_noticed_before_they_are_taken_out() -> None:
    recorder = recording()
    at = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        created(),
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.added", "response_id": "r", "output_index": 0, "item": {"id": "i"}},
        {"type": "response.content_part.added", **at, "part": {"type": "text"}},
        {"type": "response.output_text.delta", **at, "delta": "Yes."},
        {"type": "response.output_text.done", **at, "text": "No.."},
    ]
    for number, event in enumerate(events):
        recorder.record_received(heard({"event_id": f"e{number}", **event}))
    assert [entry.differs for entry in recorder.entries] == [False] * 5 + [True]
    assert ("text-differs-from-deltas", "") in [(rule, message) for _, rule, message in recorder.facts.violations]
