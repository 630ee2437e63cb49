"""Semantic Kernel's realtime client: https://learn.microsoft.com/semantic-kernel/concepts/ai-services/realtime."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from openai import AsyncOpenAI
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    ListenEvents,
    OpenAIRealtimeExecutionSettings,
    OpenAIRealtimeWebsocket,
    SendEvents,
    TurnDetection,
)
from semantic_kernel.contents import (
    AudioContent,
    RealtimeAudioEvent,
    RealtimeEvent,
    RealtimeTextEvent,
    TextContent,
)
from semantic_kernel.functions import kernel_function

from tests.clients.drivers.protocol import INSTRUCTIONS, TOOL_DESCRIPTION, TOOL_NAME, Driver, main


class Weather:
    """A plugin with one function."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    @kernel_function(name=TOOL_NAME, description=TOOL_DESCRIPTION)
    def get_weather(self, city: Annotated[str, "The city"]) -> str:
        """Return the weather in a city."""
        return self._driver.run_tool(city)


class SemanticKernel(Driver):
    """A client within its context, and an application's loop over what it receives."""

    client: Any = None

    async def open(self, base_url: str, key: str, model: str) -> None:
        """Enter the client's context, with the settings of the samples."""
        kernel = Kernel()
        kernel.add_plugin(Weather(self), plugin_name="weather")
        settings = OpenAIRealtimeExecutionSettings(
            instructions=INSTRUCTIONS,
            voice="alloy",
            turn_detection=TurnDetection(type="server_vad", create_response=True, silence_duration_ms=300),
            function_choice_behavior=FunctionChoiceBehavior.Auto(),
        )
        client = OpenAIRealtimeWebsocket(ai_model_id=model, client=AsyncOpenAI(base_url=base_url, api_key=key))
        self.client = await client(settings=settings, kernel=kernel).__aenter__()
        self._settings = settings
        self.start(self._listen(), "listen")

    async def _listen(self) -> None:
        async for event in self.client.receive():
            self._take(event)
        self.report("ended", text="the iterator ended")

    def _take(self, event: Any) -> None:
        match event:
            case RealtimeAudioEvent():
                self.output(audio=base64.b64decode(event.audio.data_string))
            case RealtimeTextEvent():
                self.output(text=event.text.text)
            case RealtimeEvent(service_type=ListenEvents.RESPONSE_DONE):
                self._end(event.service_event.response)
            case RealtimeEvent(service_type=ListenEvents.ERROR):
                error = event.service_event.error
                self.report("error", text=f"{error.type} {error.code}: {error.message}")

    def _end(self, response: Any) -> None:
        if response.status == "cancelled":
            self.interrupted()
        else:
            self.end_turn(response.status)

    async def say(self, text: str) -> None:
        """Create an item, then a response."""
        message = RealtimeTextEvent(service_type=SendEvents.CONVERSATION_ITEM_CREATE, text=TextContent(text=text))
        await self.client.send(message)
        await self.client.send(RealtimeEvent(service_type=SendEvents.RESPONSE_CREATE))

    async def send_audio(self, pcm: bytes) -> None:
        """Send audio."""
        audio = AudioContent(data=base64.b64encode(pcm).decode(), data_format="base64")
        await self.client.send(RealtimeAudioEvent(service_type=SendEvents.INPUT_AUDIO_BUFFER_APPEND, audio=audio))

    async def update(self, instructions: str) -> None:
        """Update the session with other settings."""
        self._settings.instructions = instructions
        await self.client.update_session(settings=self._settings)

    async def close(self) -> None:
        """Leave the client's context."""
        await self.stop_tasks()
        if self.client is not None:
            await self.client.__aexit__(None, None, None)


if __name__ == "__main__":
    main(SemanticKernel())
