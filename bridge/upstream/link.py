"""What the driver needs of an upstream: a connector that opens sessions, and the link that each of them is.

Protocols only. The sessions of a real service are `realtime_link.py`, prepared ones `pool.py`; tests have their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.failures import UpstreamClosed


class UpstreamReceiver(Protocol):
    """Whom an upstream link calls while it runs. Its methods never block."""

    def on_event(self, event: DecodedEvent) -> None:
        """Take the next event of the session."""
        ...

    def on_frame(self, event_type: str, frame: bytes, now: float) -> None:
        """Take the next event, if nobody reads its JSON; `now` is when it came, on trio's clock."""
        ...


class UpstreamLink(Protocol):
    """One open upstream session. Sending returns False if the upstream reads so slowly that there is no room."""

    generation: int
    """The generation in every event that it passes on."""

    @property
    def last_received_at(self) -> float:
        """When anything last came from the upstream, on trio's clock."""
        ...

    @property
    def pings_outstanding(self) -> int:
        """How many pings have no pong yet."""
        ...

    @property
    def acknowledged_bytes(self) -> int:
        """Bytes of speech (PCM16) that the upstream has certainly received: those before a ping that it answered."""
        ...

    async def run(self, receiver: UpstreamReceiver) -> UpstreamClosed:
        """Call `receiver` for each event until the session ends, and return how. Cancelling loses nothing."""
        ...

    def configure(self, session_options: Mapping[str, Any], updates: Mapping[str, Any]) -> bool:
        """Send the configuration."""
        ...

    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        """Append speech: PCM16, 24 kHz, mono. If the event has an id, an error about it names the id."""
        ...

    def send_event(self, event: Mapping[str, Any]) -> bool:
        """Encode a native event as JSON and send it."""
        ...

    def send_frame(self, frame: bytes) -> bool:
        """Send a native event as the client wrote it."""
        ...

    def ping(self) -> None:
        """Send a WebSocket ping."""
        ...

    async def close(self, reason: str) -> None:
        """Close, within the transport's CLOSE_SECONDS; what is unsent is dropped. Call it after `run`.

        Never raises. Cancelling closes at once.
        """
        ...


class Connector(Protocol):
    """Where sessions come from: straight from the service, or from the pool of prepared ones."""

    async def open(self, generation: int, session_options: Mapping[str, Any]) -> UpstreamLink:
        """Open a session. Raises ConnectFailed. Cancelling leaves nothing open."""
        ...
