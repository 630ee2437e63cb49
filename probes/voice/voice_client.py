"""The interface of a voice session, whichever protocol it speaks: what a script needs to send and receive.

`native_client.py` speaks the Realtime API, to the service and to native endpoints of bridges; `bridge_client.py` speaks
the client protocol of a bridge. Scripts and verdicts know only this interface, so they run the same on both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from bridge.protocol.dialects.detection import SessionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceOptions:
    """The session that a script needs. Everything else is the server's default."""

    kind: SessionKind = SessionKind.CONVERSATION
    turn_detection: Literal["server_vad", "semantic_vad"] | None = "server_vad"
    """None: the script marks the end of speech itself, with `commit`."""
    audio_output: bool = True
    """Whether responses are audio; otherwise they are text."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """Functions as in the session's `tools`, which are the same in both dialects."""
    instructions: str = ""
    transcribe: bool = True
    """Whether the user's speech is transcribed."""
    silence_ms: int = 400
    """Silence that ends a turn; omitted by a protocol that has no field for it."""


#: `unreadable` of a text frame that starts like an event but isn't valid JSON.
BROKEN_JSON = "truncated or invalid JSON"


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """One frame from the other side."""

    at: float
    """On trio's clock."""
    event: Mapping[str, Any]
    """The unchanged server event or bridge message; empty if the frame is neither."""
    frame_bytes: int
    native: bool
    """Whether it is a server event of the Realtime API; False for a bridge's own message."""
    unreadable: str = ""
    """Why the frame is not an event, without its content: `a binary frame`, `text that isn't a JSON object`."""


OnFrame: TypeAlias = Callable[[ReceivedFrame], None]
OnSent: TypeAlias = Callable[[Mapping[str, Any], str], None]
"""Called with each sent event, content included, and a description without content such as `20 ms`.

A binary audio frame is passed as `{"type": "audio"}`. Remove the content before you store the event.
"""


class NotReady(Exception):  # noqa: N818 - the answer of the other side
    """The connection is open, but the session can't become ready. Every frame up to here was passed on before.

    `error` is the native error object, or the bridge's message if `native` is False; `code` is that of the close right
    after it, if one came.
    """

    def __init__(self, error: Mapping[str, Any], *, native: bool, code: int | None = None) -> None:
        super().__init__(str(error.get("code") or error.get("type") or "refused"))
        self.error = error
        self.native = native
        self.code = code


class VoiceClient(Protocol):
    """One session. Every method raises LinkClosed when the link has ended; none has a timeout of its own.

    Each sent event is passed to `on_sent` before it can be answered. One task may send while another one receives;
    nothing else may overlap.
    """

    on_sent: OnSent
    connected_at: float | None
    """When the socket opened, on trio's clock; None before."""

    async def start(self, options: VoiceOptions, on_frame: OnFrame) -> None:
        """Connect, configure, and return when the session is ready; every frame up to then goes to `on_frame`.

        Raises NotReady if the configuration is refused, LinkClosed, DialFailed and HandshakeRefused. After a cancelled
        start, `close` still releases everything.
        """
        ...

    async def receive(self) -> ReceivedFrame:
        """Wait for the next frame. Cancelling loses no frame."""
        ...

    async def send_audio(self, pcm: bytes) -> None:
        """Send one chunk of audio, PCM16 24 kHz mono."""
        ...

    async def commit(self) -> None:
        """Commit the audio of a session without turn detection, and in a conversation request the response."""
        ...

    async def send_text(self, text: str) -> None:
        """Send a typed turn and request the response."""
        ...

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        """Cancel the response, and truncate its item at what was played."""
        ...

    async def send_tool_output(self, call_id: str, output: str) -> None:
        """Send the output of a function call and request the response."""
        ...

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send any other native client event, written in its GA shape."""
        ...

    async def close(self) -> None:
        """Close the link within a bounded time, also when cancelled. Safe to call more than once, or before `start`."""
        ...
