"""The official SDK for Python, asynchronous: https://github.com/openai/openai-python#realtime-api."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI

from tests.clients.drivers.protocol import INSTRUCTIONS, TOOL_DESCRIPTION, TOOL_NAME, Driver, main

if TYPE_CHECKING:
    from openai.resources.realtime.realtime import AsyncRealtimeConnection, AsyncRealtimeConnectionManager

_TOOL: Any = {
    "type": "function",
    "name": TOOL_NAME,
    "description": TOOL_DESCRIPTION,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class OpenAIPython(Driver):
    """An application writes its own loop over the service's events."""

    connection: AsyncRealtimeConnection
    _manager: AsyncRealtimeConnectionManager

    async def open(self, base_url: str, key: str, model: str) -> None:
        """Connect and configure the session."""
        client = AsyncOpenAI(base_url=base_url, api_key=key)
        self._manager = client.realtime.connect(model=model)
        self.connection = await self._manager.__aenter__()
        self.start(self._listen(), "listen")
        await self.connection.session.update(
            session={"type": "realtime", "instructions": INSTRUCTIONS, "tools": [_TOOL], "tool_choice": "auto"}
        )

    async def _listen(self) -> None:
        async for event in self.connection:
            await self._take(event)
        self.report("ended", text="the iterator ended")

    async def _take(self, event: Any) -> None:
        match event.type:
            case "response.output_text.delta" | "response.output_audio_transcript.delta":
                self.output(text=event.delta)
            case "response.output_audio.delta":
                self.output(audio=base64.b64decode(event.delta))
            case "response.done":
                await self._end(event.response)
            case "error":
                self.report("error", text=f"{event.error.type} {event.error.code}: {event.error.message}")

    async def _end(self, response: Any) -> None:
        """Run the tools of a response, or report its end."""
        calls = [item for item in response.output or () if item.type == "function_call"]
        if response.status == "cancelled":
            self.interrupted()
        for call in calls:
            output = self.run_tool(call.arguments)
            await self.connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": call.call_id, "output": output}
            )
        if calls:
            await self.connection.response.create()
        else:
            self.end_turn(response.status)

    async def say(self, text: str) -> None:
        """Create an item, then a response."""
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )
        await self.connection.response.create()

    async def send_audio(self, pcm: bytes) -> None:
        """Append to the input buffer."""
        await self.connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

    async def update(self, instructions: str) -> None:
        """Update the session."""
        await self.connection.session.update(session={"type": "realtime", "instructions": instructions})

    async def close(self) -> None:
        """Leave the connection's context."""
        await self.stop_tasks()
        await self._manager.__aexit__(None, None, None)


if __name__ == "__main__":
    main(OpenAIPython())
