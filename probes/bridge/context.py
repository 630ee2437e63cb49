"""The state that the checks of `bridge` share: the connection, everything received on it, and their results.

`aclose` closes the connection, also after cancellation.
"""

from __future__ import annotations

import random
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.client_protocol.client import ProtocolClient
from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.audio.tracer import TracerReceiver, TracerSource
from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.events.groups import AUDIO_DELTAS, SESSION_UPDATED
from bridge.transport.link import LinkClosed
from probes.access.context import close_link
from probes.bridge.message_audit import MessageAudit
from probes.targets.bridge import EndpointKind
from probes.voice.bridge_client import parse_frame
from reports.model import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.audio.tracer import TracerCount
    from bridge.transport.link import Link
    from bridge.upstream.dial.dial import OpenedStream
    from probes.targets.bridge import BridgeTarget
    from probes.voice.voice_client import ReceivedFrame

#: Message types that end a wait for another message, because they say why it won't arrive.
STOP_TYPES = frozenset({"error", "reconnecting", "session_closed"})
#: Limit on timeline entries: a run has a few hundred, but a bridge may flood.
_MAX_MOMENTS = 2_000
#: Limit on native event types that are counted by name; the API has about 60.
_MAX_TYPES = 200
#: Errors that don't end a wait: an interruption that came after the response ended, and a notice of dropped audio.
_HARMLESS = frozenset({"response_cancel_not_active", "audio_dropped"})
#: Audio messages, which become one timeline entry per run of equal ones.
_FOLDED = frozenset({"audio", "input_audio_buffer.append", "(binary audio)"})


class SessionStopped(Exception):  # noqa: N818 - not an error of ours, but what the bridge reported
    """A message arrived that says why the expected one won't. `message` is that message."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        super().__init__(str(message.get("type")))
        self.message = message


@dataclass(slots=True)
class BridgeContext:
    """The shared state of one run against one bridge. Times are trio's; those of `moments` count from the start."""

    target: BridgeTarget
    began: float = field(default_factory=trio.current_time)
    opened: OpenedStream | None = None
    opened_at: float = 0.0
    link: Link | None = None
    connect_seconds: float | None = None
    """DNS, TCP, TLS and upgrade together."""
    http_answered: bool = False
    """Whether the bridge responded to plain HTTP, so that a missing response to the upgrade isn't a silent server."""
    closed: bool = False
    """Whether the connection is closed; the remaining checks are then skipped."""
    stopped: bool = False
    """Whether a message has said why the session ended. A close that follows is no further problem."""
    last_frame_at: float = field(default_factory=trio.current_time)
    """When the last frame was sent or received."""
    quiet_seconds: float = 0.0
    """How long no frame was sent or received before the connection closed."""
    moments: list[Moment] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    """Times of `connected`, `create`, `ready`, `spoken` (end of the turn) and `audio` (first audio received)."""
    native_events: Counter[str] = field(default_factory=Counter)
    """Number of received service events by type."""
    client: ProtocolClient = field(default_factory=ProtocolClient)
    """What this socket has received, in the terms of the client protocol."""
    audit: MessageAudit = field(default_factory=MessageAudit)
    ready: Mapping[str, Any] = field(default_factory=dict)
    """The message `session_ready`."""
    dialect: Dialect = Dialect.GA
    """The dialect of the native endpoint."""
    answers_pings: bool = False
    turn_detection: bool = False
    """The bridge keeps turn detection on, so silence ends a turn, not a commit."""
    expected_errors: set[str] = field(default_factory=set)
    """Codes of errors that the checks themselves cause."""
    missing_init_events: tuple[str, ...] = ()
    """Initial events of the service that the bridge didn't forward."""
    upstream_session: str = ""
    """At the native endpoint: the id in the last `session.updated`."""
    replaced_by: Mapping[str, Any] | None = None
    """At the native endpoint: the `session.updated` of another session. The bridge has replaced the first one."""
    native_dropped_ms: float = 0.0
    """Audio that a native endpoint reported as dropped."""
    json_audio: int = 0
    binary_audio: int = 0
    """Bytes of audio received in deltas and in binary frames."""
    source: TracerSource = field(default_factory=lambda: TracerSource(random.getrandbits(63)))
    echo: TracerReceiver = field(default_factory=TracerReceiver)

    # Sending

    async def send(self, message: Mapping[str, Any], detail: str = "") -> None:
        """Send one message. Raises LinkClosed."""
        self.add_moment("client", str(message.get("type")), detail)
        await self.require_link().send_text(msgspec.json.encode(message))

    async def send_raw(self, text: str, what: str) -> None:
        """Send a text frame as it is; `what` names it on the timeline. Raises LinkClosed."""
        self.add_moment("client", what)
        await self.require_link().send_text(text)

    async def send_audio(self, pcm: bytes) -> None:
        """Send a chunk of PCM16 audio as a binary frame. Raises LinkClosed."""
        self.add_moment("client", "(binary audio)")
        await self.require_link().send_binary(pcm)

    def require_link(self) -> Link:
        """Return the link. Only checks after the upgrade may call this."""
        if self.link is None:
            raise AssertionError("this check needs the upgrade")
        return self.link

    # Receiving

    async def receive(self) -> ReceivedFrame:
        """Wait for the next frame, record it, and return it. Raises LinkClosed; cancelling loses no frame."""
        try:
            frame = await self.require_link().receive()
        except LinkClosed as closed:
            self.closed = True
            self.quiet_seconds = trio.current_time() - self.last_frame_at
            self.add_moment("server", "closed", f"{closed.code or ''} {closed.reason}".strip())
            raise
        parsed = parse_frame(self.client, frame)
        if isinstance(frame, bytes):
            self._record_audio(frame)
        else:
            self._record(parsed)
        return parsed

    async def wait_for(
        self, *kinds: str, timeouts: float = 1.0, stop_types: frozenset[str] = STOP_TYPES
    ) -> Mapping[str, Any]:
        """Wait for a message of one of these types. Each message may take `timeouts` times the target's timeout.

        Raises SessionStopped for a message in `stop_types` and for another session at the native endpoint, TooSlowError
        if no message arrives in time, and LinkClosed.
        """
        while True:
            with trio.fail_after(self.target.timeout * timeouts):
                event = (await self.receive()).event
            self._check_replaced()
            kind = event.get("type")
            if kind in kinds:
                return event
            if kind in stop_types and not self._is_expected(event):
                raise SessionStopped(event)

    async def wait_for_audio(self) -> None:
        """Wait for more audio in either format, or for a response that ends without any. Raises as `wait_for` does."""
        before = self.answer_ms
        while self.answer_ms == before:
            with trio.fail_after(self.target.timeout):
                event = (await self.receive()).event
            self._check_replaced()
            if event.get("type") in STOP_TYPES and not self._is_expected(event):
                raise SessionStopped(event)
            if event.get("type") == "response.done":
                return

    async def receive_until_quiet(self, seconds: float) -> None:
        """Record all frames until none arrives for this many seconds. Raises LinkClosed."""
        quiet = False
        while not quiet:
            with trio.move_on_after(seconds) as scope:
                await self.receive()
            quiet = scope.cancelled_caught

    def _is_expected(self, event: Mapping[str, Any]) -> bool:
        if event.get("type") != "error":
            return False
        detail = event.get("detail")
        upstream = detail.get("upstream") if isinstance(detail, dict) else event.get("error")
        upstream_code = upstream.get("code") if isinstance(upstream, dict) else None
        return str(event.get("code")) in self.expected_errors or str(upstream_code) in _HARMLESS

    def _record(self, frame: ReceivedFrame) -> None:
        kind = str(frame.event.get("type", f"({frame.unreadable})"))
        if frame.native:
            self.native_events[
                kind if kind in self.native_events or len(self.native_events) < _MAX_TYPES else "(other)"
            ] += 1
            if kind in AUDIO_DELTAS:
                self._record_delta(frame.event)
            if kind in SESSION_UPDATED and self.target.endpoint_kind is EndpointKind.NATIVE:
                self._record_session(frame.event)
        elif frame.event:
            self.audit.add(frame.event)
            self._record_notice(frame.event)
        self.add_moment("server", kind, _summary(frame.event))

    def _record_notice(self, event: Mapping[str, Any]) -> None:
        """Add up the audio that a native endpoint reports as dropped, in the text of an error."""
        inner = event.get("error")
        if isinstance(inner, dict) and inner.get("code") == "audio_dropped":
            ms = re.search(r"(\d+) ms", str(inner.get("message")))
            self.native_dropped_ms += float(ms[1]) if ms else 1.0

    def _record_session(self, event: Mapping[str, Any]) -> None:
        """Note which session answers; a bridge that lost it continues with another one, which has another id."""
        session = event.get("session")
        found = str(session.get("id") or "") if isinstance(session, dict) else ""
        if self.upstream_session and found and found != self.upstream_session:
            self.replaced_by = event
        self.upstream_session = found or self.upstream_session

    def _check_replaced(self) -> None:
        replaced_by, self.replaced_by = self.replaced_by, None
        if replaced_by is not None:
            raise SessionStopped(replaced_by)

    def _record_delta(self, event: Mapping[str, Any]) -> None:
        try:
            pcm = b64decode(str(event.get("delta", "")), validate=True)
        except (Base64Error, ValueError):
            return
        self.json_audio += len(pcm)
        self._count_audio(pcm)

    def _record_audio(self, pcm: bytes) -> None:
        self.add_moment("server", "(binary audio)", "")
        self.binary_audio += len(pcm)
        self._count_audio(pcm)

    def _count_audio(self, pcm: bytes) -> None:
        self.mark("audio")
        self.echo.feed(pcm)

    # Recording

    def mark(self, name: str) -> None:
        """Record the time of the first call with this name."""
        self.marks.setdefault(name, trio.current_time())

    def seconds_between(self, first: str, then: str) -> float | None:
        """Return the time between two marks; None if one is missing."""
        return self.marks[then] - self.marks[first] if first in self.marks and then in self.marks else None

    def add_moment(self, who: str, what: str, detail: str = "") -> None:
        """Add an entry to the timeline; a run of audio messages becomes one entry."""
        self.last_frame_at = trio.current_time()
        moment = Moment(at=trio.current_time() - self.began, who=who, what=self.excerpt(what, 80), detail=detail)
        last = self.moments[-1] if self.moments else None
        if last and what in _FOLDED and (last.who, last.what) == (who, what):
            self.moments[-1] = replace(last, count=last.count + 1, until=moment.at)
        elif len(self.moments) < _MAX_MOMENTS:
            self.moments.append(moment)

    def excerpt(self, text: str, limit: int) -> str:
        """Redact a text from the bridge, then shorten it to `limit` characters."""
        return self.target.secrets.excerpt(text, limit)

    # Tracer audio

    def tracer_count(self) -> TracerCount | None:
        """Count which tracer audio arrived, by its echo or else by the upstream's own count; None if neither is known.

        With turn detection the echo doesn't count, because it is cut where turns end.
        """
        caller, sent = self.source.caller, self.source.sent_ms
        if self.echoes and not self.turn_detection:
            return self.echo.counts({caller: sent})[caller]
        if self.target.upstream_tracer is not None:
            return self.target.upstream_tracer().counts({caller: sent})[caller]
        return None

    @property
    def dropped_ms(self) -> float:
        """Audio that the bridge reported as dropped, at either endpoint."""
        return self.client.dropped_ms + self.native_dropped_ms

    @property
    def echoes(self) -> bool:
        """Whether the response echoes the tracer audio."""
        return self.source.caller in self.echo.callers

    @property
    def answer_ms(self) -> float:
        """Milliseconds of audio received."""
        return bytes_to_ms(self.json_audio + self.binary_audio)

    async def aclose(self) -> None:
        """Close the connection, in at most a few seconds, also when the caller is cancelled."""
        if self.link is not None:
            await close_link(self.link)
        elif self.opened is not None:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self.opened.stream)


#: Fields of a bridge's messages that the timeline shows; none of them holds content.
_SHOWN_FIELDS = ("code", "reason", "attempt", "bufferedMs", "ms", "suppressed", "generation")


def _summary(event: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {str(event[name])[:60]}" for name in _SHOWN_FIELDS if event.get(name) is not None)
