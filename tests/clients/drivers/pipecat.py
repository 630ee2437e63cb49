"""Pipecat's OpenAI Realtime service in a pipeline without a transport: https://docs.pipecat.ai/server/services/s2s/openai."""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMMessagesAppendFrame,
    LLMRunFrame,
    LLMTextFrame,
    LLMUpdateSettingsFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

from tests.clients.drivers.protocol import INSTRUCTIONS, RATE, TOOL_DESCRIPTION, TOOL_NAME, Driver, main

_Settings = OpenAIRealtimeLLMService.Settings


class Listener(FrameProcessor):
    """Stands where a transport would play what comes out of the pipeline."""

    def __init__(self, driver: Pipecat) -> None:
        super().__init__()
        self._driver = driver

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Tell the driver about a frame, and pass it on."""
        await super().process_frame(frame, direction)
        if direction == FrameDirection.DOWNSTREAM:
            self._driver.take(frame)
        await self.push_frame(frame, direction)


class Keyboard(FrameProcessor):
    """Stands in front of the service: what it pushes is what the user types."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Pipecat(Driver):
    """A pipeline of aggregators and the realtime service; frames are queued into it and come out of it."""

    worker: PipelineWorker
    runner: WorkerRunner

    async def open(self, base_url: str, key: str, model: str) -> None:
        """Run a pipeline with one tool. As in the examples, the assistant says hello first."""
        self._greeted = asyncio.Event()
        llm = OpenAIRealtimeLLMService(
            api_key=key,
            base_url=f"{base_url.replace('http', 'ws', 1)}/realtime",
            settings=_Settings(model=model, system_instruction=INSTRUCTIONS),
        )
        llm.register_function(TOOL_NAME, self._call_tool)
        tool = FunctionSchema(TOOL_NAME, TOOL_DESCRIPTION, {"city": {"type": "string"}}, ["city"])
        context = LLMContext([{"role": "user", "content": "Say hello!"}], ToolsSchema(standard_tools=[tool]))
        aggregators = LLMContextAggregatorPair(context)
        self.keyboard = Keyboard()
        pipeline = Pipeline([aggregators.user(), self.keyboard, llm, Listener(self), aggregators.assistant()])
        params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
        self.worker = PipelineWorker(pipeline, params=params, enable_rtvi=False)
        self.worker.event_handler("on_pipeline_error")(self._take_error)
        self.runner = WorkerRunner(handle_sigint=False)
        await self.runner.add_workers(self.worker)
        self.start(self._run(), "run")
        await self.worker.queue_frame(LLMRunFrame())
        await self._greeted.wait()

    async def _run(self) -> None:
        await self.runner.run()
        self.report("ended", text="the pipeline ended")

    async def _call_tool(self, params: Any) -> None:
        await params.result_callback(self.run_tool(params.arguments))

    async def _take_error(self, _worker: Any, frame: Any) -> None:
        self.report("error", text=frame.error)
        self._greeted.set()

    def take(self, frame: Frame) -> None:
        """Take what comes out of the pipeline."""
        match frame:
            case TTSAudioRawFrame():
                self.output(audio=frame.audio)
            case LLMTextFrame():
                self.output(text=frame.text)
            case InterruptionFrame():
                self.interrupted()
            case LLMFullResponseEndFrame():
                self.end_turn()
                self._greeted.set()

    async def say(self, text: str) -> None:
        """Append a message and run the model."""
        messages: list[Any] = [{"role": "user", "content": text}]
        await self.keyboard.push_frame(LLMMessagesAppendFrame(messages=messages, run_llm=True))

    async def send_audio(self, pcm: bytes) -> None:
        """Queue a frame of the user's audio."""
        await self.worker.queue_frame(InputAudioRawFrame(audio=pcm, sample_rate=RATE, num_channels=1))

    async def update(self, instructions: str) -> None:
        """Update the settings of the service."""
        await self.worker.queue_frame(LLMUpdateSettingsFrame(delta=_Settings(system_instruction=instructions)))

    async def close(self) -> None:
        """Cancel the pipeline."""
        await self.runner.cancel()
        await self.stop_tasks()


if __name__ == "__main__":
    main(Pipecat())
