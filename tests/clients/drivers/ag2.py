"""AG2's live agent on OpenAI's Realtime API: https://docs.ag2.ai/. It takes no text."""

from __future__ import annotations

from typing import Any

from ag2.events import ModelMessageChunk, ModelResponse, RecordedAudioEvent, SynthesizedAudioEvent
from ag2.live import LiveAgent
from ag2.live.openai import AudioOutput, InputConfig, RealTimeConfig
from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosed

from tests.clients.drivers.protocol import INSTRUCTIONS, Driver, describe, main


class AG2(Driver):
    """An agent runs a session, and everything that happens in it is an event on the session's stream."""

    context: Any

    async def open(self, base_url: str, key: str, model: str) -> None:
        """Run an agent with one tool."""

        def get_weather(city: str) -> str:
            """Return the weather in a city."""
            return self.run_tool(city)

        config = RealTimeConfig(
            model,
            client=AsyncOpenAI(base_url=base_url, api_key=key),
            output=AudioOutput(voice="alloy"),
            input=InputConfig(transcription={"model": "gpt-4o-mini-transcribe"}),
        )
        self._manager = LiveAgent("assistant", INSTRUCTIONS, config=config, tools=[get_weather]).run()
        self.context = await self._manager.__aenter__()
        self.context.stream.subscribe(self._take)

    async def _take(self, event: Any) -> None:
        match event:
            case SynthesizedAudioEvent():
                self.output(audio=event.content)
            case ModelMessageChunk():
                self.output(text=event.content)
            case ModelResponse():
                self.end_turn()

    async def say(self, text: str) -> None:
        """Not used: the agent takes no text."""
        raise NotImplementedError

    async def send_audio(self, pcm: bytes) -> None:
        """Put recorded audio on the stream."""
        await self.context.send(RecordedAudioEvent(pcm))

    async def update(self, instructions: str) -> None:
        """Not used: a session keeps its instructions."""
        raise NotImplementedError

    async def close(self) -> None:
        """Leave the session's context, which raises what ended the session before."""
        try:
            await self._manager.__aexit__(None, None, None)
        except ConnectionClosed as end:
            self.report("ended", text=describe(end))


if __name__ == "__main__":
    main(AG2())
