"""The OpenAI Agents SDK for Python: https://openai.github.io/openai-agents-python/realtime/guide/."""

from __future__ import annotations

from typing import Any

from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner

from tests.clients.drivers.protocol import INSTRUCTIONS, TOOL_NAME, Driver, main


class OpenAIAgents(Driver):
    """A runner makes a session, and an application iterates over its events."""

    session: Any

    async def open(self, base_url: str, key: str, model: str) -> None:
        """Run an agent with one tool, with the turn detection of the quickstart."""

        @function_tool(name_override=TOOL_NAME)
        def get_weather(city: str) -> str:
            """Return the weather in a city."""
            return self.run_tool(city)

        self.agent = RealtimeAgent(name="Assistant", instructions=INSTRUCTIONS, tools=[get_weather])
        runner = RealtimeRunner(
            starting_agent=self.agent,
            config={
                "model_settings": {
                    "model_name": model,
                    "audio": {
                        "input": {
                            "format": "pcm16",
                            "transcription": {"model": "gpt-4o-mini-transcribe"},
                            "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
                        },
                        "output": {"format": "pcm16", "voice": "ash"},
                    },
                }
            },
        )
        url = f"{base_url.replace('http', 'ws', 1)}/realtime?model={model}"
        self.session = await runner.run(model_config={"api_key": key, "url": url})
        await self.session.enter()
        self.start(self._listen(), "listen")

    async def _listen(self) -> None:
        async for event in self.session:
            self._take(event)
        self.report("ended", text="the iterator ended")

    def _take(self, event: Any) -> None:
        match event.type:
            case "audio":
                self.output(audio=event.audio.data)
            case "audio_interrupted":
                self.interrupted()
            case "agent_end":
                self.end_turn()
            case "error":
                self.report("error", text=str(event.error))
            case "raw_model_event":
                self._take_model_event(event.data)

    def _take_model_event(self, event: Any) -> None:
        if event.type in ("transcript_delta", "output_text_delta"):
            self.output(text=event.delta)

    async def say(self, text: str) -> None:
        """Send a message; the SDK asks for the answer."""
        await self.session.send_message(text)

    async def send_audio(self, pcm: bytes) -> None:
        """Send audio."""
        await self.session.send_audio(pcm)

    async def update(self, instructions: str) -> None:
        """Update the agent."""
        await self.session.update_agent(self.agent.clone(instructions=instructions))

    async def close(self) -> None:
        """Close the session."""
        await self.session.close()
        await self.stop_tasks()


if __name__ == "__main__":
    set_tracing_disabled(disabled=True)
    main(OpenAIAgents())
