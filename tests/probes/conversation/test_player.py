from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bridge.protocol.audio.pcm import tone
from bridge.transport.link import LinkClosed
from probes.conversation import recorder as module
from probes.conversation.player import play_script
from probes.conversation.scripts import SCRIPTS, ConversationScript
from probes.recording.capture import ClosedEnding, FinishedEnding, LimitEnding, RefusedEnding, SilentEnding
from probes.voice.voice_client import NotReady
from tests.probes.conversation.fake_client import (
    FakeVoiceClient,
    make_recorder,
    response_done,
    session_created,
    session_updated,
)
from tests.probes.conversation.session_builder import SESSION

if TYPE_CHECKING:
    from trio.testing import MockClock

    from probes.conversation.conversation import ScriptedConversation
    from probes.conversation.recorder import Recorder
    from probes.recording.capture import CaptureEnding
    from probes.voice.voice_client import OnFrame, VoiceOptions

TEXT = SCRIPTS["text"]


async def play(
    clock: MockClock, client: FakeVoiceClient, script: ConversationScript = TEXT, recorder: Recorder | None = None
) -> CaptureEnding:
    """Play a script in virtual time, with a timeout of five seconds."""
    ending = await play_script(client, script, recorder or make_recorder(), timeout=5)
    client.finished_at = clock.current_time()
    return ending


async def test_a_finished_script_closes_the_link(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient([response_done()])
    ending = await play(autojump_clock, client)
    assert isinstance(ending, FinishedEnding)
    assert ending.at == pytest.approx(0.3)
    assert client.closed == 1
    assert client.sent == ["response.create"]


@pytest.mark.parametrize(
    ("opening", "owed", "after"), [([], "answer", 5), ([session_created(), 100], "ready", 5), ([100], "session", 5)]
)
async def test_silence_for_the_timeout_ends_the_script(
    opening: list[Any], owed: str, after: float, autojump_clock: MockClock
) -> None:
    client = FakeVoiceClient(opening=opening or [session_created(), session_updated()])
    ending = await play(autojump_clock, client)
    assert isinstance(ending, SilentEnding)
    assert (ending.owed, ending.seconds) == (owed, after)
    assert client.closed == 1


async def test_a_socket_that_never_opens_is_reported_as_connection(autojump_clock: MockClock) -> None:
    class Never(FakeVoiceClient):
        async def start(self, options: VoiceOptions, on_frame: OnFrame) -> None:  # noqa: ARG002 - the interface
            await trio.sleep_forever()

    ending = await play(autojump_clock, Never())
    assert isinstance(ending, SilentEnding)
    assert ending.owed == "connection"


async def test_every_event_restarts_the_timeout(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient(
        [4, {"type": "response.created", "event_id": "r", "response": {"id": "resp_1"}}, 4, response_done()]
    )
    assert isinstance(await play(autojump_clock, client), FinishedEnding)
    assert autojump_clock.current_time() == pytest.approx(8.3)


async def test_every_event_restarts_the_timeout_while_the_session_opens(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient([response_done()], opening=[4, session_created(), 4, session_updated()])
    assert isinstance(await play(autojump_clock, client), FinishedEnding)
    assert client.finished_at == pytest.approx(8.3)


async def test_errors_do_not_restart_the_timeout(autojump_clock: MockClock) -> None:
    errors = [part for n in range(10) for part in (1, {"type": "error", "event_id": f"x{n}", "error": {"code": "c"}})]
    ending = await play(autojump_clock, FakeVoiceClient(errors))
    assert isinstance(ending, SilentEnding)
    assert autojump_clock.current_time() == pytest.approx(5)


async def test_a_closed_link_ends_the_script_with_its_code(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient([1, LinkClosed(1011, "oh", by_peer=True)])
    assert await play(autojump_clock, client) == ClosedEnding(at=1.0, code=1011, reason="oh", by_peer=True)


async def test_after_a_failed_send_the_last_frames_are_still_received(autojump_clock: MockClock) -> None:
    error = {"type": "error", "event_id": "x", "error": {"code": "session_expired"}}
    client = FakeVoiceClient([error, LinkClosed(1001, "over", by_peer=True)], send_error=LinkClosed(None, by_peer=True))
    recorder = make_recorder()
    ending = await play(autojump_clock, client, TEXT, recorder)
    assert isinstance(ending, ClosedEnding)
    assert ending.code == 1001
    assert recorder.facts.errors[0].fields["code"] == "session_expired"


async def test_after_a_failed_send_without_more_frames_its_error_is_the_ending(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient(send_error=LinkClosed(None, by_peer=True))
    assert await play(autojump_clock, client) == ClosedEnding(at=1.0, code=None, reason="", by_peer=True)


async def test_a_refused_configuration_ends_the_script_with_its_error(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient(
        opening=[session_created(), NotReady({"code": "unknown_parameter"}, native=True, code=1000)]
    )
    ending = await play(autojump_clock, client)
    assert ending == RefusedEnding(at=0.0, error={"code": "unknown_parameter"}, native=True, code=1000)


async def test_no_script_exceeds_its_time_limit(autojump_clock: MockClock) -> None:
    ticking = [part for n in range(1000) for part in (1, {"type": "rate_limits.updated", "event_id": f"r{n}"})]
    ending = await play(autojump_clock, FakeVoiceClient(ticking))
    assert isinstance(ending, LimitEnding)
    assert autojump_clock.current_time() == pytest.approx(TEXT.time_limit + TEXT.timeouts_allowed * 5)


async def test_a_full_recorder_ends_the_script(autojump_clock: MockClock) -> None:
    flood = [{"type": "ping", "event_id": f"p{n}"} for n in range(module.MAX_ENTRIES + 10)]
    recorder = make_recorder()
    ending = await play(autojump_clock, FakeVoiceClient(flood), TEXT, recorder)
    assert isinstance(ending, LimitEnding)
    assert len(recorder.entries) == module.MAX_ENTRIES
    assert autojump_clock.current_time() < 5


async def test_cancelling_closes_the_link(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient()
    with trio.move_on_after(2):
        await play_script(client, TEXT, make_recorder(), timeout=50)
    assert client.closed == 1
    assert autojump_clock.current_time() == 2


async def test_a_connection_error_is_raised_as_it_is(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient(opening=[OSError("no way")])
    with pytest.raises(OSError, match="no way"):
        await play(autojump_clock, client)
    assert client.closed == 1
    assert autojump_clock.current_time() == 0


async def test_an_interrupted_response_is_followed_by_the_next_one(autojump_clock: MockClock) -> None:
    client = FakeVoiceClient([response_done("a", "cancelled", reason="turn_detected"), 1, response_done("b")])
    assert isinstance(await play(autojump_clock, client), FinishedEnding)
    assert autojump_clock.current_time() == pytest.approx(1.3)


async def test_an_interruption_truncates_at_what_can_have_been_played(autojump_clock: MockClock) -> None:
    sound = {
        "type": "response.output_audio.delta",
        "event_id": "d",
        "response_id": "resp_1",
        "delta": base64.b64encode(tone(440, 5000, 3000)).decode(),
    }
    message = {"id": "item_9", "type": "message"}
    added = {"type": "response.output_item.added", "event_id": "i", "response_id": "resp_1", "item": message}
    made = {"type": "response.created", "event_id": "c", "response": {"id": "resp_1"}}

    async def interrupt(conversation: ScriptedConversation) -> None:
        await conversation.listen_to_response(300)
        await conversation.interrupt()

    script: ConversationScript = replace(TEXT, play=interrupt)
    speaking = {**SESSION, "output_modalities": ["audio"]}
    opening = [{**session_created(), "session": speaking}, {**session_updated(), "session": speaking}]
    client = FakeVoiceClient([1, made, added, 1, sound], opening=opening)
    assert isinstance(await play(autojump_clock, client, script), FinishedEnding)
    assert client.sent == ["interrupt item_9 300"]
    short = {**sound, "delta": base64.b64encode(tone(440, 100, 3000)).decode()}
    client = FakeVoiceClient([made, added, short], opening=opening)
    await play(autojump_clock, client, script)
    assert client.sent == ["interrupt item_9 100"], "no more than what came"
