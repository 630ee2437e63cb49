from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.protocol.audio.pcm import silence, tone
from probes.conversation.conversation import CHUNK_MS, TRAILING_SILENCE_MS, ScriptedConversation
from probes.conversation.facts import TURN_ENDED
from tests.probes.conversation.fake_client import FakeVoiceClient, make_recorder

if TYPE_CHECKING:
    from trio.testing import MockClock


@pytest.mark.parametrize("speed", [1.0, 4.0])
async def test_audio_is_sent_in_real_time_and_followed_by_silence(speed: float, autojump_clock: MockClock) -> None:
    client, recorder = FakeVoiceClient(), make_recorder()
    conversation = ScriptedConversation(client, recorder, 5, speed)
    await conversation.speak(tone(440, 200, 3000))
    assert autojump_clock.current_time() == pytest.approx((200 + TRAILING_SILENCE_MS - CHUNK_MS) / 1000 / speed)
    assert [round(at * speed * 50) for at, _ in client.sent_audio] == list(range(45))
    assert b"".join(pcm for _, pcm in client.sent_audio) == tone(440, 200, 3000) + silence(TRAILING_SILENCE_MS)
    (ended_at,) = recorder.facts.turns_ended_at
    assert ended_at == pytest.approx(0.2 / speed)


async def test_committed_audio_is_not_followed_by_silence(autojump_clock: MockClock) -> None:
    client, recorder = FakeVoiceClient(), make_recorder()
    client.on_sent = recorder.record_sent
    await ScriptedConversation(client, recorder, 5).speak(tone(440, 200, 3000), commit=True)
    assert client.sent[-1] == "input_audio_buffer.commit"
    assert [entry.type for entry in recorder.entries][-2:] == [TURN_ENDED, "input_audio_buffer.commit"]
    assert autojump_clock.current_time() == pytest.approx(0.18)
