"""One voice session, in whichever protocol: what a script needs to say and hear, whoever is at the other end.

Only the shape. `speaking_native.py` speaks to the service itself and to pass-through doors, `speaking_client.py` the
client protocol of a bridge. Scripts and verdicts know no more than this, so they run alike on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from bridge.protocol.dialects.detection import SessionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceOptions:
    """What session a script wants. Everything that is not named is the server's own default."""

    kind: SessionKind = SessionKind.CONVERSATION
    turn_detection: str | None = "server_vad"
    """None: the script says itself when speech is over, with `commit`."""
    audio_output: bool = True
    """The answer is audio; else text."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """Functions in the shape of a session's `tools`, the same in both dialects."""
    instructions: str = ""
    transcribe: bool = True
    """What is said is written down as well."""
    silence_ms: int = 400
    """After so much silence turn detection takes speech for over; a protocol that can't say so leaves it out."""


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """One frame from the other end."""

    at: float
    """On trio's clock."""
    event: Mapping[str, Any]
    """The native server event as it stood, or the bridge's own message; empty where the frame is none."""
    frame_bytes: int
    native: bool
    """A server event of the Realtime API, not the bridge's own word."""
    unreadable: str = ""
    """Why the frame is no event, without what it holds: `a binary frame`, `text that is no JSON object`."""


OnFrame: TypeAlias = Callable[[ReceivedFrame], None]
OnSent: TypeAlias = Callable[[Mapping[str, Any], str], None]
"""Told what was sent, as it stands (who keeps it takes the content out), and a detail without content: `20 ms`.

A binary frame of speech is told as `{"type": "audio"}`.
"""


class NotReady(Exception):  # noqa: N818 - the other end's answer, as it stands
    """The session is there but will not become ready: the error says why. What was heard was told before.

    `error` is the native error object, or the bridge's own message where `native` is False; `code` that of the close
    right behind it, where one came.
    """

    def __init__(self, error: Mapping[str, Any], *, native: bool, code: int | None = None) -> None:
        super().__init__(str(error.get("code") or error.get("type") or "refused"))
        self.error = error
        self.native = native
        self.code = code


class VoiceClient(Protocol):
    """One session. Every method raises LinkClosed when the link has ended; none has a time-out of its own.

    What is sent is told to `on_said`, before it can be answered. One task speaks while another one hears; nothing else
    may overlap.
    """

    on_sent: OnSent
    connected_at: float | None
    """When the socket was open, on trio's clock; None before."""

    async def start(self, options: VoiceOptions, on_frame: OnFrame) -> None:
        """Connect, configure, and return when the session is ready; every frame up to then goes to `on_heard`.

        Raises NotReady when the configuration is refused, LinkClosed, and what a connection fails with: DialFailed and
        HandshakeRefused. Cancelled half-way it leaves nothing that `end` does not close.
        """
        ...

    async def receive(self) -> ReceivedFrame:
        """Wait for the next frame. Cancelling loses nothing."""
        ...

    async def send_audio(self, pcm: bytes) -> None:
        """Send one chunk of speech, PCM16 24 kHz mono."""
        ...

    async def commit(self) -> None:
        """End the speech where nobody detects turns, and ask for the answer where there will be one."""
        ...

    async def send_text(self, text: str) -> None:
        """Say something in writing, and ask for the answer."""
        ...

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        """Stop the answer, and cut it at what was played of it."""
        ...

    async def send_tool_output(self, call_id: str, output: str) -> None:
        """Give the result of a function call, and ask for the answer."""
        ...

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send any other native client event as it is."""
        ...

    async def close(self) -> None:
        """Say goodbye and close, within a bounded time of its own and also when cancelled; harmless when repeated."""
        ...
