"""What every client driver in Python shares: the line protocol, the microphone, and the neutral events.

A driver is a small program around one client library, run in that library's own environment. It reads commands from
standard input, one JSON object a line, and writes events to standard output in the same form:

    {"do": "open", "id": 1, "base_url": "http://127.0.0.1:8766/v1", "key": "sk-...", "model": "gpt-realtime-2.1"}
    {"event": "answer", "id": 1}

    open          connect, as the library's documentation does it, with the tool `get_weather`
    say           send a text and ask for an answer
    speak         play a file (PCM16, 24 kHz, mono) into the microphone, then silence until the answer begins
    update        change the instructions of the session
    close         end the session; the next command is `open`

A command is answered with `answer`, or with `failure` and the error's text. The other events are what the library
tells an application, in neutral terms:

    output        the first audio or text of an answer
    turn          an answer is over: `text`, `audio_bytes` and `status` as far as the library tells them
    tool          the library called the tool
    interrupted   the library says that the user has interrupted the answer
    error         the library reports an error; `text` is all it says of it
    ended         the library says that the session is over; `text` is the reason

Only the standard library is imported here.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TOOL_NAME: Final = "get_weather"
TOOL_DESCRIPTION: Final = "The weather in a city."
TOOL_OUTPUT: Final = "22 degrees and sunny"
INSTRUCTIONS: Final = "Be brief."
#: The sample rate of the files that `speak` plays.
RATE: Final = 24_000
CHUNK_MS: Final = 20
CHUNK_BYTES: Final = RATE * 2 * CHUNK_MS // 1000
#: How long a silent microphone stays open for an answer.
SILENCE_SECONDS: Final = 15.0


class Driver(ABC):
    """One client library. A subclass connects it, and calls the methods below when the library tells something."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints does not disturb the protocol
        self._text, self._audio_bytes, self.begun = "", 0, False
        self._answers = self._complaints = 0
        self.tasks = set[asyncio.Task[None]]()

    # What a library can do

    @abstractmethod
    async def open(self, base_url: str, key: str, model: str) -> None:
        """Connect. Return when the library says that the session is open."""

    @abstractmethod
    async def say(self, text: str) -> None:
        """Send a text and ask for an answer."""

    @abstractmethod
    async def send_audio(self, pcm: bytes) -> None:
        """Send 20 ms of PCM16, 24 kHz, mono."""

    @abstractmethod
    async def update(self, instructions: str) -> None:
        """Change the instructions of the session."""

    @abstractmethod
    async def close(self) -> None:
        """End the session."""

    # What a library tells

    def report(self, event: str, **fields: Any) -> None:
        """Write one event."""
        self._complaints += event in ("error", "ended")
        self._out.write(json.dumps({"event": event, **fields}, default=str) + "\n")
        self._out.flush()

    def output(self, text: str = "", audio: bytes = b"") -> None:
        """Take a piece of an answer."""
        if not self.begun and (text or audio):
            self.begun = True
            self._answers += 1
            self.report("output")
        self._text += text
        self._audio_bytes += len(audio)

    def end_turn(self, status: str | None = None, text: str | None = None) -> None:
        """Report that an answer is over; `text` replaces what was collected."""
        said = self._text if text is None else text
        self.report("turn", status=status, text=said, audio_bytes=self._audio_bytes)
        self._text, self._audio_bytes, self.begun = "", 0, False

    def interrupted(self) -> None:
        """Report an interruption; what comes next belongs to another answer."""
        self._text, self._audio_bytes, self.begun = "", 0, False
        self.report("interrupted")

    def run_tool(self, arguments: object) -> str:
        """Report the call of the tool, and return its output."""
        self.report("tool", arguments=arguments)
        return TOOL_OUTPUT

    def start(self, work: Any, name: str) -> None:
        """Run a coroutine beside the commands. What it raises is reported as the end of the session."""
        task = asyncio.get_running_loop().create_task(self._guarded(work), name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever the library raises is what it tells the application
            traceback.print_exc()
            self.report("ended", text=describe(error))

    async def stop_tasks(self) -> None:
        """Cancel what `start` has started."""
        for task in list(self.tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # Commands

    async def serve(self) -> None:
        """Carry out commands until standard input ends."""
        async for command in _lines():
            number = command.pop("id")
            try:
                await self._carry_out(command)
            except Exception as error:  # noqa: BLE001 - it belongs to the command, which the test sent
                traceback.print_exc()
                self.report("failure", id=number, text=describe(error))
            else:
                self.report("answer", id=number)

    async def _carry_out(self, command: Mapping[str, Any]) -> None:
        match command:
            case {"do": "open", "base_url": base_url, "key": key, "model": model}:
                self._text, self._audio_bytes, self.begun = "", 0, False
                await self.open(base_url, key, model)
            case {"do": "say", "text": text}:
                await self.say(text)
            case {"do": "speak", "file": file}:
                await self._speak(await asyncio.to_thread(Path(file).read_bytes))
            case {"do": "update", "instructions": instructions}:
                await self.update(instructions)
            case {"do": "close"}:
                await self.close()
            case _:
                raise ValueError(f"unknown command {command}")

    async def _speak(self, pcm: bytes) -> None:
        """Play audio at the pace of speech, then silence until an answer begins or something fails."""
        clock = asyncio.get_running_loop()
        due, before = clock.time(), (self._answers, self._complaints)
        pieces = [pcm[at : at + CHUNK_BYTES] for at in range(0, len(pcm), CHUNK_BYTES)]
        silence = bytes(CHUNK_BYTES)
        for number in range(len(pieces) + int(SILENCE_SECONDS * 1000 / CHUNK_MS)):
            if number >= len(pieces) and (self._answers, self._complaints) != before:
                return
            await self.send_audio(pieces[number] if number < len(pieces) else silence)
            due += CHUNK_MS / 1000
            await asyncio.sleep(max(0.0, due - clock.time()))


def describe(error: BaseException) -> str:
    """Return the type and text of an exception, and of those in a group or behind it."""
    parts = [f"{type(error).__name__}: {error}"]
    if isinstance(error, BaseExceptionGroup):
        parts += map(describe, error.exceptions)
    if error.__cause__ is not None:
        parts.append(describe(error.__cause__))
    return " <- ".join(parts)


async def _lines() -> Any:
    """Yield the commands from standard input. A thread reads it, since not every file can be awaited."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line)
        loop.call_soon_threadsafe(queue.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    while line := await queue.get():
        yield json.loads(line)


def main(driver: Driver) -> None:
    """Run a driver. It ends with its standard input, whatever the library still does."""

    async def serve() -> None:
        await driver.serve()
        os._exit(0)

    asyncio.run(serve())
