"""Pydantic AI's realtime sessions: https://ai.pydantic.dev/realtime/."""

from __future__ import annotations

from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import FunctionToolCallEvent, PartDeltaEvent, SpeechPartDelta, TextPartDelta
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime import RealtimeInputSpeechStartEvent, RealtimeSessionErrorEvent, RealtimeTurnCompleteEvent
from pydantic_ai.realtime.openai import OpenAIRealtimeModel

from tests.clients.drivers.protocol import INSTRUCTIONS, Driver, main


class PydanticAI(Driver):
    """An agent opens a session, and an application iterates over its events."""

    session: Any
    _manager: Any = None

    async def open(self, base_url: str, key: str, model: str) -> None:
        """Open a session of an agent with one tool."""
        agent = Agent(instructions=INSTRUCTIONS)

        @agent.tool_plain
        def get_weather(city: str) -> str:
            """Return the weather in a city."""
            return self.run_tool(city)

        realtime_model = OpenAIRealtimeModel(model, provider=OpenAIProvider(base_url=base_url, api_key=key))
        manager = agent.realtime(realtime_model).session()
        self.session = await manager.__aenter__()
        self._manager = manager
        self.start(self._listen(), "listen")

    async def _listen(self) -> None:
        async for event in self.session:
            await self._take(event)
        self.report("ended", text="the iterator ended")

    async def _take(self, event: Any) -> None:
        match event:
            case PartDeltaEvent(delta=SpeechPartDelta(speaker="assistant") as delta):
                self.output(text=delta.transcript_delta or "", audio=delta.audio_chunk or b"")
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                self.output(text=text)
            case RealtimeInputSpeechStartEvent():
                if self.begun:
                    await self.session.interrupt(played_ms=100)
                    self.interrupted()
            case RealtimeTurnCompleteEvent():
                self.end_turn()
            case RealtimeSessionErrorEvent():
                self.report("error", text=f"{event.type} {event.code}: {event.message}")
            case FunctionToolCallEvent():
                pass  # reported by the tool itself

    async def say(self, text: str) -> None:
        """Send a text; the session asks for the answer."""
        await self.session.send(text)

    async def send_audio(self, pcm: bytes) -> None:
        """Send audio."""
        await self.session.send_audio(pcm)

    async def update(self, instructions: str) -> None:
        """Not used: a session keeps the instructions that it was opened with."""
        raise NotImplementedError

    async def close(self) -> None:
        """Leave the session's context, if it was entered."""
        manager, self._manager = self._manager, None
        await self.stop_tasks()
        if manager is not None:
            await manager.__aexit__(None, None, None)


if __name__ == "__main__":
    main(PydanticAI())
