"""LiveKit Agents with its OpenAI plugin, without a room: https://docs.livekit.io/agents/models/realtime/plugins/openai/."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice import io
from livekit.plugins import openai

from tests.clients.drivers.protocol import INSTRUCTIONS, RATE, TOOL_NAME, Driver, describe, main

#: The loudspeaker plays this many times as fast as it should, to spare the tests the time.
_HASTE = 10


class Microphone(io.AudioInput):
    """What the user says, as a stream of frames."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self.frames = asyncio.Queue[rtc.AudioFrame]()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self.frames.get()


class Loudspeaker(io.AudioOutput):
    """What the agent says: played as time goes by, and thrown away when the library says so."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._driver = driver
        self._buffered, self._started = 0.0, 0.0
        self._playing: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame."""
        await super().capture_frame(frame)
        if not self._buffered:
            self._started = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._buffered += frame.duration
        self._driver.output(audio=bytes(frame.data))

    def flush(self) -> None:
        """Take the end of a segment; it is over when it was played."""
        super().flush()
        if self._buffered:
            left = self._buffered / _HASTE - (time.monotonic() - self._started)
            self._playing = asyncio.get_running_loop().call_later(max(0.0, left), self._finish)

    def clear_buffer(self) -> None:
        """Throw away what was not played."""
        if self._buffered:
            self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool = False) -> None:
        if self._playing is not None:
            self._playing.cancel()
        played = min(self._buffered, (time.monotonic() - self._started) * _HASTE) if interrupted else self._buffered
        self._buffered, self._playing = 0.0, None
        self.on_playback_finished(playback_position=played, interrupted=interrupted)


class LiveKit(Driver):
    """An agent session with a realtime model; it speaks and listens through its input and output."""

    session: AgentSession[None]
    agent: Agent
    microphone: Microphone

    async def open(self, base_url: str, key: str, model: str) -> None:
        """Start a session of an agent with one tool."""

        @function_tool(name=TOOL_NAME)
        async def get_weather(city: str) -> str:
            """Return the weather in a city."""
            return self.run_tool(city)

        realtime = openai.realtime.RealtimeModel(model=model, base_url=base_url, api_key=key)
        # By default a session takes no interruption in its first three seconds, which are the only ones here.
        self.session = AgentSession(llm=realtime, aec_warmup_duration=None)
        self.microphone = Microphone()
        self.session.input.audio = self.microphone
        self.session.output.audio = Loudspeaker(self)
        self.session.on("conversation_item_added", self._take_item)
        self.session.on("error", self._take_error)
        self.session.on("close", self._take_close)
        self.agent = Agent(instructions=INSTRUCTIONS, tools=[get_weather])
        await self.session.start(self.agent)

    def _take_item(self, event: Any) -> None:
        item = event.item
        if getattr(item, "role", None) == "assistant":
            self.end_turn("interrupted" if item.interrupted else "completed", text=item.text_content or "")
            if item.interrupted:
                self.interrupted()

    def _take_error(self, event: Any) -> None:
        self.report("error", text=f"{event.error} <- {describe(event.error.error)}")

    def _take_close(self, event: Any) -> None:
        self.report("ended", text=f"{event.reason} {event.error}")

    async def say(self, text: str) -> None:
        """Ask for a reply to a text."""
        self.session.generate_reply(user_input=text)

    async def send_audio(self, pcm: bytes) -> None:
        """Put a frame into the microphone."""
        self.microphone.frames.put_nowait(rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2))

    async def update(self, instructions: str) -> None:
        """Change the agent's instructions."""
        await self.agent.update_instructions(instructions)

    async def close(self) -> None:
        """Close the session."""
        self.session.off("close", self._take_close)
        await self.session.aclose()


if __name__ == "__main__":
    main(LiveKit())
